"""Do the stacks come into being, and does a worker work on what they made?

In the emulator that `restock local` runs (ministack), by the code of our own deploy command. What it does not know is
left out, and named here; nothing of this has run on AWS."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from chaos.model import model_server
from guarded_account import ENDPOINT, as_far_as_it_goes, client, deploy

from deploy.profile import EXAMPLE, STACKS, profile
from deploy.stack import DeploymentFailed, Stacks
from deploy.template import resolve, template
from worker.local.embedded_aws import CREDENTIALS, embedded_aws
from worker.local.gateway import DEFAULT_MODEL, Gateway
from worker.local.processes import free_port, restock, start

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

WITHIN_S = 60
SCALING = {"AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"}
SAGEMAKER = {f"AWS::SageMaker::{kind}" for kind in ("Model", "EndpointConfig", "Endpoint", "Pipeline")}
LEFT_OUT = {
    "data": {"AWS::Events::Archive"},
    "permissions": set(),
    # Alarms on metric math, and the dashboard with the states of alarms.
    "observability": {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"},
    "worker": {*SCALING, "AWS::CloudWatch::Alarm"},
    "forecasting": {*SCALING, *SAGEMAKER, "AWS::Scheduler::Schedule", "AWS::Events::Rule"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        async with embedded_aws(tmp_path_factory.mktemp("stacks")) as url:
            yield url


@pytest.mark.parametrize(
    ("name", "unusual"),
    [("minimal", {}), ("large", {"Suffix": "-large"}), ("small", {"Suffix": "-table", "SalesBy": "table"})],
)
async def test_the_stacks_of_a_profile_come_into_being_as_far_as_the_emulator_goes(name, unusual, emulator):
    left_out = await asyncio.to_thread(deploy, emulator, STACKS, {**profile(name).parameters, **unusual})
    assert left_out == LEFT_OUT


async def test_what_was_made_is_what_the_template_says(emulator):
    parameters = {**EXAMPLE, **profile("small").parameters, "Suffix": "-table", "SalesBy": "table"}
    data = resolve("data", template("data"), parameters)
    sqs, dynamodb = client(emulator, "sqs"), client(emulator, "dynamodb")
    for wanted in data.of("AWS::SQS::Queue").values():
        url = sqs.get_queue_url(QueueName=wanted["QueueName"])["QueueUrl"]
        made = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert ("RedrivePolicy" in made) == ("RedrivePolicy" in wanted)
        assert int(made["MessageRetentionPeriod"]) == wanted["MessageRetentionPeriod"]
    for wanted in data.of("AWS::DynamoDB::Table").values():
        made = dynamodb.describe_table(TableName=wanted["TableName"])["Table"]
        assert made["KeySchema"] == wanted["KeySchema"]
        assert made.get("StreamSpecification", {}).get("StreamViewType") == wanted.get("StreamSpecification", {}).get(
            "StreamViewType"
        )


async def test_a_worker_with_the_task_definition_s_variables_orders_through_the_rule_to_purchasing(emulator, tmp_path):
    await asyncio.to_thread(deploy, emulator, STACKS, {**profile("small").parameters, "Suffix": "-run"})
    sqs, dynamodb = client(emulator, "sqs"), client(emulator, "dynamodb")
    # The emulator keeps the variables, resolved by its own engine, and forgets command, health check and stop timeout.
    made = client(emulator, "ecs").describe_task_definition(taskDefinition="restock-worker-run")["taskDefinition"]
    variables = {each["name"]: str(each["value"]) for each in made["containerDefinitions"][0]["environment"]}
    given = {**EXAMPLE, **profile("small").parameters, "Suffix": "-run"}
    (task,) = resolve("worker", template("worker"), given).resources["Task"][1]["ContainerDefinitions"]
    now = datetime.now(UTC).isoformat()
    stock = {"product_id": {"S": "tea"}, "location_id": {"S": "-"}, "current_stock": {"N": "0"}}
    dynamodb.put_item(TableName="retail-inventory-run", Item=stock)
    sale = {"product_id": "tea", "event_id": "1", "occurred_at": now, "quantity": 5}
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="retail-sales-run")["QueueUrl"], MessageBody=json.dumps(sale))
    async with model_server() as model, Gateway({f"{ENDPOINT}-run": model}, models=[DEFAULT_MODEL]) as gateway:
        here = {
            "RESTOCK_ENDPOINT_URL": emulator,
            "RESTOCK_RUNTIME_ENDPOINT_URL": gateway.url,
            "RESTOCK_HEALTH_PORT": str(free_port()),
            "RESTOCK_LONG_POLL_S": "1",
            "RESTOCK_DECIDE_INTERVAL_S": "0.1",
        }
        worker = await start("worker", restock(*task["Command"]), {**variables, **here}, tmp_path / "worker.log")
        try:
            order = await asyncio.to_thread(received, sqs, "retail-reorders-run")
            assert order["detail"]["product_id"] == "tea"
            health = [sys.executable, *task["HealthCheck"]["Command"][2:]]
            assert task["HealthCheck"]["Command"][:2] == ["CMD", "/opt/venv/bin/python"]
            assert subprocess.run(health, env={**os.environ, **here}, check=False).returncode == 0  # noqa: ASYNC221
        finally:
            code = await worker.stop(float(task["StopTimeout"]))
    assert code == 0


WHY = 'CannotPullContainerError: Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp: i/o timeout'
SNAPSHOT = {"group": "family:restock-snapshot-jobs", "lastStatus": "STOPPED", "stoppedReason": WHY}
SNAPSHOT_FAILED = {"failed": "restock-snapshot-failed", "why": WHY, "task": "a-task"}
FAILED = [
    ({**SNAPSHOT, "containers": [{"exitCode": 1}]}, SNAPSHOT_FAILED),
    ({**SNAPSHOT, "containers": [{}], "stopCode": "TaskFailedToStart"}, SNAPSHOT_FAILED),
    (
        {"currentPipelineExecutionStatus": "Failed"},
        {"failed": "restock-retraining-failed", "execution": "an-execution"},
    ),
]
NO_FAILURE = [
    {**SNAPSHOT, "containers": [{"exitCode": 0}], "stopCode": "EssentialContainerExited"},
    {**SNAPSHOT, "containers": [{"exitCode": 1}], "lastStatus": "DEPROVISIONING"},
    {**SNAPSHOT, "containers": [{"exitCode": 1}], "group": "service:restock-worker-jobs"},
    {"currentPipelineExecutionStatus": "Succeeded"},
    {"currentPipelineExecutionStatus": "Failed", "pipelineArn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/x"},
]


async def test_whoever_listens_to_the_alarms_hears_of_a_job_that_failed_and_of_no_other(emulator):
    """Nobody but AWS's services may say what they say: the rules, as they were made, hear it from another source here.
    The emulator asks no topic's policy."""
    await asyncio.to_thread(deploy, emulator, ("observability",), {**profile("small").parameters, "Suffix": "-jobs"})
    sns, sqs, events = (client(emulator, service) for service in ("sns", "sqs", "events"))
    queue = sqs.create_queue(QueueName="who-listens")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = "arn:aws:sns:us-east-1:000000000000:restock-alarms-jobs"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    for rule in ("restock-snapshot-failed-jobs", "restock-retraining-failed-jobs"):
        pattern = json.loads(events.describe_rule(Name=rule)["EventPattern"])
        events.put_rule(Name=rule, EventPattern=json.dumps({**pattern, "source": [f"not.{pattern['source'][0]}"]}))
    for detail in [*NO_FAILURE, *(detail for detail, _ in FAILED)]:
        events.put_events(Entries=[as_aws_says_it(detail)])
        if said := [wanted for failed, wanted in FAILED if failed is detail]:
            assert heard(sqs, queue) == [{**said[0], "runbook": "docs/operations.md#alarms"}]
        else:
            assert heard(sqs, queue) == []


def as_aws_says_it(detail):
    if "group" in detail:
        known = {"Source": "not.aws.ecs", "DetailType": "ECS Task State Change"}
        return {**known, "Detail": json.dumps({"taskArn": "a-task", **detail})}
    named = {
        "pipelineArn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/restock-retrain-jobs",
        "pipelineExecutionArn": "an-execution",
    }
    known = {"Source": "not.aws.sagemaker", "DetailType": "SageMaker Model Building Pipeline Execution Status Change"}
    return {**known, "Detail": json.dumps({**named, **detail})}


def heard(sqs, queue):
    """What has come."""
    said = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", ())
    for each in said:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
    return [json.loads(each["Body"]) for each in said]


def received(sqs, queue):
    """The first event that a queue gets from the bus."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    for _ in range(WITHIN_S):
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ()):
            return json.loads(message["Body"])
    raise AssertionError(f"nothing came within {WITHIN_S} s")


async def test_a_second_time_there_is_nothing_to_change(emulator):
    said = []
    stacks = Stacks(client(emulator, "cloudformation"), said.append, look_every_s=0.05)
    body = json.dumps(as_far_as_it_goes(template("permissions"))[0])
    await asyncio.to_thread(stacks.deploy, "restock-again", body, {"Suffix": "-again"})
    assert not await asyncio.to_thread(stacks.deploy, "restock-again", body, {"Suffix": "-again"})
    assert said[-1] == "restock-again: nothing to change"


async def test_what_holds_data_is_not_replaced_by_mistake(emulator):
    stacks = Stacks(client(emulator, "cloudformation"), lambda _: None, look_every_s=0.05)
    body = json.dumps(as_far_as_it_goes(template("data"))[0])
    await asyncio.to_thread(stacks.deploy, "restock-data-kept", body, {"Suffix": "-kept"})
    less = json.loads(body)
    del less["Resources"]["ForecastsTable"]
    with pytest.raises(DeploymentFailed, match="would replace or remove ForecastsTable"):
        await asyncio.to_thread(stacks.deploy, "restock-data-kept", json.dumps(less), {"Suffix": "-kept"})
    client(emulator, "dynamodb").describe_table(TableName="retail-forecasts-kept")


async def test_a_stack_that_fails_says_which_resource_and_why(emulator):
    stacks = Stacks(client(emulator, "cloudformation"), lambda _: None, look_every_s=0.05)
    math = template("observability")
    with pytest.raises(DeploymentFailed, match=r"ROLLBACK_COMPLETE: \w+: .*metric math"):
        await asyncio.to_thread(stacks.deploy, "restock-fails", json.dumps(math), {"Suffix": "-fails"})
