"""An account that asks for permission: the emulator with IAM on, our stacks in it, and one user who gets policies.

The emulator does not know some types of resources: those are left out, and named. The gateway asks the emulator's IAM
before it lets a model be called."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiobotocore.session import AioSession
from aiohttp import web
from botocore.session import get_session
from chaos.model import model_server
from iam_grants import ACCOUNT, BATCHES, REGION

from deploy.checks.rights import listed
from deploy.profile import EXAMPLE
from deploy.stack import Stacks
from deploy.template import template
from worker.local.embedded_aws import CREDENTIALS, embedded_aws
from worker.local.gateway import AwsError, Gateway

UNKNOWN_TO_THE_EMULATOR = {
    "AWS::Events::Archive",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::Pipeline",
    "AWS::IAM::OIDCProvider",
}
USER = "worker-under-test"
ENDPOINT = "retail-forecast-endpoint"
SIGNED_BY = re.compile(r"Credential=([^/]+)/")


def as_far_as_it_goes(written: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The template without what the emulator does not know, and the types of what was left out: alarms on metric math
    too, and what refers to any of those."""
    resources = dict(written["Resources"])
    gone = {name for name, said in resources.items() if said["Type"] in UNKNOWN_TO_THE_EMULATOR or _is_math(said)}
    while more := {name for name in resources if name not in gone and _refers(resources[name], gone)}:
        gone |= more
    left = {name: said for name, said in resources.items() if name not in gone}
    outputs = {name: said for name, said in written.get("Outputs", {}).items() if not _refers(said, gone)}
    # Conditions of nothing are refused by nobody; metadata of rules likewise.
    return {**written, "Resources": left, "Outputs": outputs}, {resources[name]["Type"] for name in gone}


def _is_math(said: Mapping[str, Any]) -> bool:
    return said["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in said["Properties"]


def _refers(said: Any, names: set[str]) -> bool:
    if isinstance(said, list):
        return any(_refers(each, names) for each in said)
    if not isinstance(said, dict):
        return False
    target = said.get("Ref") or (said.get("Fn::GetAtt") or [None])[0]
    if isinstance(target, str) and target in names:
        return True
    texts = [said["Fn::Sub"]] if isinstance(said.get("Fn::Sub"), str) else []
    if any(f"${{{name}}}" in text or f"${{{name}." in text for text in texts for name in names):
        return True
    return any(_refers(each, names) for each in said.values())


def client(url: str, service: str) -> Any:
    """botocore's own, as the account's root."""
    session = get_session()
    session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    return session.create_client(service, region_name=REGION, endpoint_url=url)


def deploy(url: str, names: tuple[str, ...], parameters: Mapping[str, str]) -> dict[str, set[str]]:
    """Deploys our stacks by our own command's code; returns what was left out of each."""
    stacks, left_out = Stacks(client(url, "cloudformation"), lambda _: None, look_every_s=0.05), {}
    for name in names:
        written, left_out[name] = as_far_as_it_goes(template(name))
        given = {**EXAMPLE, **parameters}
        chosen = {parameter: given[parameter] for parameter in written["Parameters"] if parameter in given}
        stacks.deploy(f"restock-{name}{parameters.get('Suffix', '')}", json.dumps(written), chosen)
    return left_out


class GuardedGateway(Gateway):
    """The two runtimes, behind the emulator's IAM: it decides by the policies of whoever signed the call."""

    def __init__(self, iam: Any, routes: Mapping[str, str | None]) -> None:
        super().__init__(routes)
        self._iam = iam

    async def _invoke_endpoint(self, request: web.Request) -> web.Response:
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{request.match_info['name']}"
        await self._require(request, "sagemaker:InvokeEndpoint", arn)
        return await super()._invoke_endpoint(request)

    async def _converse(self, request: web.Request) -> web.Response:
        arn = f"arn:aws:bedrock:{REGION}::foundation-model/{request.match_info['model_id']}"
        await self._require(request, "bedrock:InvokeModel", arn)
        if guard := (await request.json()).get("guardrailConfig"):
            arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/{guard['guardrailIdentifier']}"
            await self._require(request, "bedrock:ApplyGuardrail", arn)
        return await super()._converse(request)

    async def _require(self, request: web.Request, action: str, arn: str) -> None:
        signed = SIGNED_BY.search(request.headers.get("Authorization", ""))
        keys = await asyncio.to_thread(self._iam.list_access_keys, UserName=USER)
        if signed is None or signed.group(1) not in {key["AccessKeyId"] for key in keys["AccessKeyMetadata"]}:
            raise AwsError("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
        user = f"arn:aws:iam::{ACCOUNT}:user/{USER}"
        said = await asyncio.to_thread(
            self._iam.simulate_principal_policy, PolicySourceArn=user, ActionNames=[action], ResourceArns=[arn]
        )
        if said["EvaluationResults"][0]["EvalDecision"] != "allowed":
            text = f"User: {user} is not authorized to perform: {action} on resource: {arn}"
            raise AwsError("AccessDeniedException", 403, text)


@dataclass(frozen=True, slots=True)
class Account:
    """url: the emulator, with IAM on. session: the user's, who may nothing until told by may(). environment: the same
    for a process."""

    url: str
    gateway: Gateway
    iam: Any
    session: AioSession
    environment: Mapping[str, str]

    def policy(self, name: str) -> dict[str, Any]:
        """A managed policy as CloudFormation made it."""
        arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        return document if isinstance(document, dict) else json.loads(document)

    def may(self, *documents: Mapping[str, Any]) -> None:
        """From now on the user may do this and nothing else."""
        for attached in self.iam.list_attached_user_policies(UserName=USER)["AttachedPolicies"]:
            self.iam.detach_user_policy(UserName=USER, PolicyArn=attached["PolicyArn"])
            self.iam.delete_policy(PolicyArn=attached["PolicyArn"])
        for number, document in enumerate(documents):
            read = json.dumps(_as_the_emulator_reads_it(document))
            made = self.iam.create_policy(PolicyName=f"under-test-{number}", PolicyDocument=read)
            self.iam.attach_user_policy(UserName=USER, PolicyArn=made["Policy"]["Arn"])


def _as_the_emulator_reads_it(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same policy where the emulator's IAM differs from AWS's. It knows SQS's batch calls as actions of their own.
    Of four permissions only the action can be tried: it asks for DescribeEventBus on a rule of the bus's name, AWS on
    the bus; and for what is done with a stream it asks on everything, AWS on the stream. It does not know the condition
    on a metric's namespace."""
    read: dict[str, Any] = copy.deepcopy(dict(document))
    for statement in read["Statement"]:
        actions, arns = listed(statement["Action"]), listed(statement["Resource"])
        statement["Action"] = [*actions, *(f"sqs:{batch}" for batch, one in BATCHES.items() if f"sqs:{one}" in actions)]
        if "events:DescribeEventBus" in actions:
            statement["Resource"] = [*arns, *(arn.replace("event-bus/", "rule/default/") for arn in arns)]
        if statement["Sid"] == "ReadStream":
            statement["Resource"] = [*arns, "*"]
        if "cloudwatch:PutMetricData" in actions:
            del statement["Condition"]
    return read


def _make_rules(url: str) -> None:
    """The shop's own table of rules: a row that changes nothing."""
    dynamodb = client(url, "dynamodb")
    dynamodb.create_table(
        TableName="retail-rules",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("scope", "name")],
        KeySchema=[{"AttributeName": "scope", "KeyType": "HASH"}, {"AttributeName": "name", "KeyType": "RANGE"}],
    )


@asynccontextmanager
async def account(folder: Path, parameters: Mapping[str, str]) -> AsyncIterator[Account]:
    """The environment must have AUTH=true, and the root's credentials, while it lasts."""
    async with embedded_aws(folder) as url, model_server() as model:
        await asyncio.to_thread(deploy, url, ("data", "permissions"), parameters)
        _make_rules(url)
        iam = client(url, "iam")
        iam.create_user(UserName=USER)
        key = iam.create_access_key(UserName=USER)["AccessKey"]
        session = AioSession()
        session.set_credentials(key["AccessKeyId"], key["SecretAccessKey"])
        async with GuardedGateway(iam, {ENDPOINT: model}) as gateway:
            environment = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
            yield Account(url, gateway, iam, session, environment)
