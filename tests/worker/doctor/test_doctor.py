"""`restock doctor` against the embedded AWS: what is wrong is found, with what mends it, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
from botocore.exceptions import ClientError
from fakes.clock import FakeClock
from fakes.proxy import error

from worker.doctor.bus import hears_of_us
from worker.doctor.checkup import Checkup, Control, Finding, Level
from worker.doctor.command import findings_of, lines_of
from worker.doctor.limits import PROCESS_MB, check_clock, check_limits
from worker.doctor.queues import check_queues
from worker.doctor.storage import check_buckets
from worker.doctor.tables import check_tables

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def found(aws, clients=None, **settings):
    said = aws.settings.model_copy(update={"runtime_endpoint_url": aws.gateway.url, **settings})
    return await findings_of(said, clients or aws.clients, ask_models=True)


def of(findings, what, level=None):
    return [f for f in findings if f.what == what and (level is None or f.level is level)]


async def everything(aws):
    dynamodb = aws.clients.dynamodb
    names = (await dynamodb.list_tables())["TableNames"]
    return [(name, (await dynamodb.scan(TableName=name))["Items"]) for name in names]


async def test_what_restock_local_sets_up_has_nothing_wrong_and_nothing_is_changed(aws):
    before = await everything(aws)
    findings = await found(aws)
    assert of(findings, f"table {aws.settings.state_table}", Level.WELL)
    assert [f for f in findings if f.level is Level.WRONG] == []
    assert await everything(aws) == before


async def test_each_doubtful_or_wrong_finding_says_what_mends_it(aws):
    for finding in await found(aws, queue_name="nowhere", state_table="none", event_bus="no-bus"):
        assert finding.fix or finding.level in (Level.WELL, Level.UNTRIED)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"state_table": "none"}, "table none"),
        ({"queue_name": "nowhere"}, "queue nowhere"),
        ({"queue_partitions": 2}, "queue retail-sales-0"),
        ({"event_bus": "no-bus"}, "event bus no-bus"),
        ({"quarantine_bucket": "no-bucket"}, "bucket no-bucket"),
        ({"bedrock_model": "no.such-model"}, "model no.such-model"),
        ({"stream_table": "retail-inventory"}, "stream of retail-inventory"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
async def test_what_is_missing_is_wrong(aws, settings, what):
    assert of(await found(aws, **settings), what, Level.WRONG)


async def test_a_table_with_another_key_is_wrong(aws):
    findings = await found(aws, state_table=aws.settings.inventory_table)
    [wrong] = of(findings, f"table {aws.settings.inventory_table}", Level.WRONG)
    assert "not pk, sk" in wrong.said


async def test_a_permission_that_is_missing_is_named(aws):
    for operation in ("PutItem", "DeleteItem", "TransactWriteItems", "BatchGetItem", "Query"):
        aws.proxy.always(operation, error("AccessDeniedException", 400))
        checkup = Checkup(aws.settings, aws.proxied, Control(None, None), FakeClock())
        await check_tables(checkup)
        aws.proxy.heal()
        wrong = [f for f in checkup.findings if f.level is Level.WRONG]
        action = "PutItem" if operation == "TransactWriteItems" else operation
        assert wrong
        assert {f.fix for f in wrong} == {f"allow dynamodb:{action} to the worker's role"}


@pytest.mark.parametrize(
    ("operation", "wrong"),
    [
        ("PutItem", {"restock-state", "restock-leases"}),
        ("DeleteItem", {"restock-state"}),
        ("BatchGetItem", {"restock-state", "retail-inventory"}),
    ],
)
async def test_what_the_doctor_alone_calls_is_not_wrong_where_the_worker_does_without(aws, operation, wrong):
    """As deploy/templates/permissions.yaml grants it: forecasts are written in batches, leases never deleted."""
    settings = aws.settings.model_copy(update={"queue_partitions": 2})
    aws.proxy.always(operation, error("AccessDeniedException", 400))
    checkup = Checkup(settings, aws.proxied, Control(None, None), FakeClock())
    await check_tables(checkup)
    aws.proxy.heal()
    assert {f.what for f in checkup.findings if f.level is Level.WRONG} == {f"table {table}" for table in wrong}
    doubtful = [f for f in checkup.findings if f"allow dynamodb:{operation} to whoever" in f.fix]
    assert "table retail-forecasts" in {f.what for f in doubtful}


async def test_queues_whose_attributes_the_worker_may_not_see_are_not_wrong(aws):
    aws.proxy.always("GetQueueAttributes", error("AccessDeniedException", 400))
    checkup = Checkup(aws.settings, aws.proxied, Control(None, None), FakeClock())
    await check_queues(checkup)
    aws.proxy.heal()
    assert [f.level for f in of(checkup.findings, "queue retail-sales")][:1] == [Level.DOUBTFUL]
    assert [f for f in checkup.findings if f.level is Level.WRONG] == []


@pytest.mark.parametrize(("code", "level"), [("403", Level.DOUBTFUL), ("404", Level.WRONG)])
async def test_a_bucket_that_may_not_be_listed_is_not_wrong_and_one_that_is_missing_is(aws, code, level):
    class Buckets:
        async def head_bucket(self, **_):
            raise ClientError({"Error": {"Code": code}}, "HeadBucket")

    class Clients:
        s3 = Buckets()

    checkup = Checkup(aws.settings, Clients(), Control(None, None), FakeClock())
    await check_buckets(checkup)
    assert {f.level for f in checkup.findings} == {level, Level.UNTRIED}


async def test_a_queue_that_gives_up_at_once_or_has_no_dead_letters_is_found(aws):
    sqs = aws.clients.sqs
    dead = "arn:aws:sqs:us-east-1:000000000000:retail-sales-dlq"
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    await sqs.set_queue_attributes(QueueUrl=aws.queue_url, Attributes={"RedrivePolicy": policy})
    [wrong] = of(await found(aws), "queue retail-sales", Level.WRONG)
    assert "after 1 receives" in wrong.said
    await sqs.create_queue(QueueName="bare")
    [wrong] = of(await found(aws, queue_name="bare"), "queue bare", Level.WRONG)
    assert "no queue of dead letters" in wrong.said


async def test_dead_letters_are_told_with_the_command_that_lists_them(aws):
    url = (await aws.clients.sqs.get_queue_url(QueueName="retail-sales-dlq"))["QueueUrl"]
    await aws.clients.sqs.send_message(QueueUrl=url, MessageBody="x")
    said = of(await found(aws), "queue retail-sales-dlq", Level.DOUBTFUL)
    assert any("restock replay dlq" in finding.fix for finding in said)


async def test_a_partition_that_nobody_reads_is_found(aws):
    await aws.clients.sqs.create_queue(QueueName="retail-sales-0")
    [doubtful] = of(await found(aws), "queue retail-sales-0")
    assert "is not read" in doubtful.said


@pytest.mark.parametrize(
    ("ahead_s", "level"), [(0, Level.WELL), (60, Level.DOUBTFUL), (-60, Level.DOUBTFUL), (600, Level.WRONG)]
)
async def test_a_clock_that_is_off_is_found(aws, ahead_s, level):
    class Dated:
        async def describe_endpoints(self):
            date = "Fri, 04 Oct 2024 12:00:00 GMT"  # what the fake clock shows
            return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    class Clients:
        dynamodb = Dated()

    clock = FakeClock()
    clock.advance(ahead_s)
    checkup = Checkup(aws.settings, Clients(), Control(None, None), clock)
    await check_clock(checkup)
    assert [finding.level for finding in checkup.findings] == [level]


@pytest.mark.parametrize(("memory_mb", "level"), [(None, Level.UNTRIED), (600, Level.WRONG), (4_000, Level.WELL)])
async def test_a_cache_that_the_machine_has_no_room_for_is_found(aws, memory_mb, level):
    checkup = Checkup(aws.settings, aws.clients, Control(None, None), FakeClock())
    check_limits(checkup, memory_mb)
    [finding] = of(checkup.findings, "memory")
    assert finding.level is level
    if level is Level.WRONG:
        assert finding.fix.endswith(f"RESTOCK_CACHED_MB to {memory_mb - PROCESS_MB}")


@pytest.mark.parametrize(
    ("pattern", "hears"),
    [
        ('{"source":["retail.inventory"]}', True),
        ('{"source":[{"prefix":"retail."}]}', True),
        ('{"detail-type":["Reorder Required"]}', True),
        ('{"source":["retail.inventory"],"detail-type":["Order Overdue",{"prefix":"Reorder "}]}', True),
        ('{"source":["retail.inventory"],"detail-type":["Retrain Suggested"]}', False),
        ('{"source":["shop"]}', False),
        ("{broken", False),
        (None, False),
    ],
)
async def test_a_rule_hears_of_our_orders_by_its_source_and_its_detail_type(pattern, hears):
    assert hears_of_us({"EventPattern": pattern}) is hears


async def test_a_finding_is_shown_with_what_mends_it_below():
    shown = list(lines_of([Finding(Level.WRONG, "queue q", "is not there", "create it")]))
    assert shown[0] == "wrong     queue q  is not there"
    assert shown[1].strip() == "→ create it"


async def test_the_command_ends_with_code_1_when_something_is_wrong(aws, tmp_path):
    async def doctor(**settings):
        said = {"RESTOCK_ENDPOINT_URL": aws.url, "RESTOCK_RUNTIME_ENDPOINT_URL": aws.gateway.url, **settings}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "worker.cli", "doctor", "--report", str(tmp_path)),
            env={**os.environ, **said},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode(), json.loads((tmp_path / "summary.json").read_text())

    code, out, err, summary = await doctor()
    assert (code, err, summary["wrong"]) == (0, "", 0)
    assert "doubtful" in out
    code, out, err, summary = await doctor(RESTOCK_STATE_TABLE="none")
    assert (code, err) == (1, "restock: 1 wrong: see above\n")
    assert out.startswith("wrong     table none")
    assert summary["findings"][0]["what"] == "table none"
