"""A task shows the live page only if it is asked to, behind a token, and may then do what the page needs and no more.

Read off the resolved templates and held against the calls that the page's own parts make of a client that notes them;
no emulator and no account has run this."""

from __future__ import annotations

import pytest
from iam_grants import ACCOUNT, REGION, Grant, allowing, grants_of, needs_of

from deploy.checks.deployed import Deployed
from deploy.checks.rights import grants_are_narrow
from deploy.profile import EXAMPLE, environment
from deploy.template import resolve, template
from worker.dashboard.filling import StateScan
from worker.settings import Settings
from worker.suppliers.sending import Outgoing

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:restock-page-AbCdEf"
READS = {"Dashboard": "yes", "DashboardToken": SECRET}
PLANS = {**READS, "DashboardPlans": "yes"}
WITHOUT_A_PAGE = {"DashboardPlans": "yes"}  # means nothing without one
SALES = {"queue": {}, "partitions": {"Partitions": "4"}, "table": {"SalesBy": "table"}}


class Noting:
    """A client of a service that answers nothing and notes what it is asked."""

    def __init__(self, service: str) -> None:
        self.needs = set()
        self._service = service

    def _ask(self, operation, **request):
        self.needs |= needs_of(self._service, operation, request)

    async def scan(self, **request):
        self._ask("Scan", **request)
        return {"Items": []}

    async def get_queue_url(self, QueueName):  # noqa: N803 - botocore's name
        self._ask("GetQueueUrl", QueueName=QueueName)
        return {"QueueUrl": f"https://sqs/{QueueName}"}

    async def send_message_batch(self, **request):
        self._ask("SendMessageBatch", **request)
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}


def stack(name, **parameters):
    return resolve(name, template(name), {**EXAMPLE, **parameters})


def policy(**parameters):
    return stack("permissions", **parameters).of("AWS::IAM::ManagedPolicy")["WorkerPolicy"]["PolicyDocument"]


def settings_of(monkeypatch, **parameters):
    """The settings of the worker's task, with the token that ECS fetched for it."""
    monkeypatch.setenv("RESTOCK_DASHBOARD_TOKEN", "a token of twenty-five chars")
    variables = environment(stack("worker", **parameters))
    return Settings.model_validate({name.removeprefix("RESTOCK_").lower(): said for name, said in variables.items()})


def container_of(**parameters):
    (container,) = stack("worker", **parameters).of("AWS::ECS::TaskDefinition")["Task"]["ContainerDefinitions"]
    return container


def test_without_being_asked_no_page_is_served_and_nothing_more_may_be_done(monkeypatch):
    settings = settings_of(monkeypatch, **WITHOUT_A_PAGE)
    assert (settings.dashboard, settings.dashboard_host, settings.dashboard_plans) == (False, "127.0.0.1", False)
    assert not {"Secrets", "PortMappings"} & {name for name, said in container_of(**WITHOUT_A_PAGE).items() if said}
    assert grants_of(policy(**WITHOUT_A_PAGE)) == grants_of(policy())
    assert "SendMessage" not in str(policy())


@pytest.mark.parametrize(("asked", "plans"), [(READS, False), (PLANS, True)], ids=["reads", "plans"])
def test_a_page_is_served_to_others_behind_the_token_of_the_secret(monkeypatch, asked, plans):
    settings = settings_of(monkeypatch, **asked)
    assert (settings.dashboard, settings.dashboard_plans) == (True, plans)
    container = container_of(**asked)
    assert container["Secrets"] == [{"Name": "RESTOCK_DASHBOARD_TOKEN", "ValueFrom": SECRET}]
    assert [each["ContainerPort"] for each in container["PortMappings"]] == [settings.dashboard_port]
    (start,) = stack("permissions", **asked).of("AWS::IAM::Role")["ExecutionRole"]["Policies"]
    fetched = [each for each in start["PolicyDocument"]["Statement"] if "secretsmanager" in str(each["Action"])]
    assert [(each["Action"], each["Resource"]) for each in fetched] == [("secretsmanager:GetSecretValue", SECRET)]
    assert list(grants_are_narrow(Deployed("page", {"permissions": stack("permissions", **asked)}))) == []


@pytest.mark.parametrize("sales", SALES.values(), ids=SALES)
async def test_what_the_page_calls_is_allowed_by_exactly_one_permission_and_no_other_is_added(monkeypatch, sales):
    settings = settings_of(monkeypatch, **PLANS, **sales)
    dynamodb, sqs = Noting("dynamodb"), Noting("sqs")
    assert [page async for page in StateScan(dynamodb, settings.state_table).pages()] == [[]]
    rows = [{"product_id": f"lamp {number}", "event_id": f"planner:{number}"} for number in range(40)]
    await Outgoing(sqs, settings).send(rows)
    document = policy(**PLANS, **sales)
    used = {need: allowing(document, need) for need in dynamodb.needs | sqs.needs}
    assert {need: grants for need, grants in used.items() if len(grants) != 1} == {}
    added = set(grants_of(document)) - set(grants_of(policy(**sales)))
    assert added == {Grant("FillThePage", "dynamodb:Scan"), Grant("SendPlans", "sqs:SendMessage")}
    assert added <= {grant for grants in used.values() for grant in grants}
    assert set(grants_of(policy(**READS, **sales))) - set(grants_of(policy(**sales))) == {
        Grant("FillThePage", "dynamodb:Scan")
    }
