"""Is a process metered that knows nothing of it, and left as it was?"""

import io
import json
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest
from botocore import handlers

from handlers.metrics import Metric
from worker.aws.agenda import DynamoAgenda
from worker.aws.clients import Endpoints, open_clients
from worker.aws.metered_run import MeteredStream, metered
from worker.aws.state import DynamoState
from worker.clock import SystemClock
from worker.cost.model import SWEEP_READS
from worker.local.observed import Observed
from worker.telemetry import EmbeddedMetrics

pytestmark = pytest.mark.asyncio(loop_scope="session")


@contextmanager
def captured():
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        yield out, err


def usage_in(out):
    observed = Observed()
    for line in out.getvalue().splitlines():
        observed.read(line)
    return observed.usage


@pytest.mark.parametrize("lane", [True, False], ids=["by the lane", "by the client"])
async def test_calls_of_every_client_are_counted_and_told_with_the_metrics(aws, lane):
    with captured() as (out, _), metered(aws.settings.state_table):
        async with open_clients("us-east-1", Endpoints(aws.url, aws.gateway.url), lane=lane) as clients:
            await clients.sqs.send_message(QueueUrl=aws.queue_url, MessageBody="x" * 70_000)
            await clients.sqs.receive_message(QueueUrl=aws.queue_url)
            with pytest.raises(clients.dynamodb.exceptions.ResourceNotFoundException):
                await clients.dynamodb.get_item(TableName="no-such-table", Key={"pk": {"S": "a"}})
        metrics = EmbeddedMetrics(lambda: 0)
        metrics.count(Metric.SALES_RECEIVED)
        metrics.flush()
    usage = usage_in(out)
    assert usage.calls == {"sqs.SendMessage": 1, "sqs.ReceiveMessage": 1, "dynamodb.GetItem": 1}
    assert usage.units["sqs_requests"] == 2 + 2
    assert usage.units["read_units"] == 0
    assert usage.sales == 1
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("AwsCalls") for line in told] == [None, 3]
    assert told[1]["SqsRequests"] == 4
    assert told[1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


async def test_a_sweep_reads_what_the_price_of_a_sweep_says(aws):
    with captured() as (out, _), metered(aws.settings.state_table):
        async with open_clients("us-east-1", Endpoints(aws.url, None)) as clients:
            store = DynamoState(clients.dynamodb, aws.settings.state_table, 10)
            assert await store.outbox(2**49, 100) == []
            assert await DynamoAgenda(clients.dynamodb, aws.settings.state_table, SystemClock()).due(2**49, 100) == []
    assert usage_in(out).units["read_units"] == SWEEP_READS


async def test_everything_that_is_logged_is_counted_but_its_own_lines():
    with captured() as (out, err), metered("restock-state") as metering:
        metering.called("sqs", "DeleteMessageBatch", {}, {})
        sys.stdout.write("a line\n")
        sys.stdout.flush()
        metering.called("sqs", "DeleteMessageBatch", {}, {})
        sys.stderr.write("é" * 10)
    assert usage_in(out).units["log_bytes"] == len("a line\n") + len("é".encode()) * 10
    assert err.getvalue() == "é" * 10


async def test_all_is_as_it_was_afterwards():
    before = list(handlers.BUILTIN_HANDLERS)

    def broken():
        with metered("t"):
            assert len(handlers.BUILTIN_HANDLERS) > len(before)
            raise RuntimeError

    with captured() as (out, err):
        with pytest.raises(RuntimeError):
            broken()
        assert (sys.stdout, sys.stderr) == (out, err)
    assert before == handlers.BUILTIN_HANDLERS
    assert out.getvalue() == ""


async def test_a_metered_stream_is_a_stream(tmp_path):
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        counted = MeteredStream(stream)
        assert counted.fileno() == stream.fileno()
        assert counted.write("é") == 1
    assert counted.bytes == (tmp_path / "log").stat().st_size == 2
