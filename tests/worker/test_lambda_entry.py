"""The Lambda entry point against the embedded AWS, with events of the documented shape: the same counts, orders and
quarantine as the long-running worker's, and a partial batch response for what must come again."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from domain.buckets import Bucket
from domain.events import ProductKey
from domain.product import Freeze, ProductState
from handlers.announcements import INSIGHT_PUBLISHED
from handlers.errors import Misconfigured
from handlers.explain import AWAY
from handlers.insight_text import Usage
from handlers.ports import Change
from worker import lambda_entry, wiring
from worker.aws import state_codec
from worker.aws.clients import open_clients
from worker.aws.state import DynamoState
from worker.lambda_entry import messages_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOLDEN = Path(__file__).parent / "golden"
A = ProductKey("A")
DAY = 19_967  # 2024-09-01


def recorded(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest_asyncio.fixture(loop_scope="session")
async def invoke(aws, monkeypatch):
    """Invokes the handler as Lambda does, in a thread of its own; each test has a fresh execution environment."""
    said = {"ENDPOINT_URL": aws.url, "RUNTIME_ENDPOINT_URL": aws.gateway.url, "BEDROCK_MODEL": "", "CALENDAR": "event"}
    for name, value in said.items():
        monkeypatch.setenv(f"RESTOCK_{name}", value)
    monkeypatch.setattr(lambda_entry, "_environment", None)

    async def invoked(event, remaining_ms=20_000):
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: remaining_ms)
        return await asyncio.to_thread(lambda_entry.handler, event, context)

    yield invoked
    if lambda_entry._environment is not None:
        await asyncio.to_thread(lambda_entry._environment.close)


@pytest_asyncio.fixture(loop_scope="session")
async def state(aws):
    store = DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)

    async def of(key=A):
        return (await store.load([key]))[key]

    return of


async def stocked(aws, level):
    item = {"product_id": {"S": "A"}, "location_id": {"S": "-"}, "current_stock": {"N": str(level)}}
    await aws.clients.dynamodb.put_item(TableName=aws.settings.inventory_table, Item=item)


async def published(aws):
    answer = await aws.clients.sqs.receive_message(QueueUrl=aws.subscriber_url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


async def test_a_batch_of_a_queue_is_counted_and_its_bad_line_quarantined(aws, invoke, state):
    assert await invoke(recorded("lambda_sqs")) == {"batchItemFailures": []}
    assert (await state()).units == 3
    items = (await aws.clients.dynamodb.scan(TableName=aws.settings.state_table))["Items"]
    assert [item["sk"]["S"] for item in items if item["pk"]["S"].startswith("Q#")] == [
        "2e1424d4-f796-459a-8184-9c92662be6da"
    ]


async def test_a_batch_of_a_stream_is_counted_with_its_corrections(invoke, state):
    assert await invoke(recorded("lambda_stream")) == {"batchItemFailures": []}
    counted = await state()
    assert (counted.sales, counted.units) == (1, 5)
    assert counted.buckets[DAY] == Bucket(sold=5, revenue=1_250)


async def test_the_same_sale_by_stream_and_by_queue_counts_once(invoke, state):
    await invoke({"Records": recorded("lambda_stream")["Records"][:1]})
    await invoke({"Records": recorded("lambda_sqs")["Records"][:1]})
    assert ((await state()).sales, (await state()).units) == (1, 3)


async def test_a_batch_that_is_repeated_counts_once(invoke, state):
    for _ in range(3):
        await invoke(recorded("lambda_stream"))
    assert ((await state()).sales, (await state()).units) == (1, 5)


async def test_what_sold_out_is_ordered_once_and_within_the_invocation(aws, invoke):
    await stocked(aws, 0)
    event = {"Records": recorded("lambda_sqs")["Records"][:1]}
    sale = {"product_id": "A", "quantity": 3}
    days = [{**sale, "event_id": f"d{day}", "date": f"2024-09-{day:02}"} for day in range(1, 21)]
    event["Records"][0]["body"] = json.dumps(days)
    for _ in range(2):
        assert await invoke(event) == {"batchItemFailures": []}
    [order] = await published(aws)
    assert order["detail-type"] == "Reorder Required"
    assert order["detail"]["product_id"] == "A"


class Silent:
    """A model that is asked and never answers."""

    def __init__(self) -> None:
        self.probed = 0

    async def ready(self, may_call):
        self.probed += 1
        await may_call()
        return Usage()

    async def explain(self, facts, may_call):
        await may_call()
        await asyncio.Event().wait()


async def test_where_the_model_is_too_slow_for_an_invocation_rules_explain_within_it(aws, invoke, state, monkeypatch):
    silent = Silent()
    monkeypatch.setenv("RESTOCK_BEDROCK_MODEL", "slow")
    monkeypatch.setattr(wiring, "BedrockExplainer", lambda *said, **more: silent)
    monkeypatch.setattr(lambda_entry, "FOLLOW_UP_S", 3.0)
    await stocked(aws, 1_000)
    await invoke(recorded("lambda_sqs"))
    assert silent.probed == 1
    await stocked(aws, 0)
    later = deepcopy(recorded("lambda_sqs"))
    later["Records"] = later["Records"][:1]
    body = json.loads(later["Records"][0]["body"])
    later["Records"][0]["body"] = json.dumps({**body, "event_id": "later"})
    assert await invoke(later) == {"batchItemFailures": []}
    [insight] = [m["detail"] for m in await published(aws) if m["detail-type"] == INSIGHT_PUBLISHED]
    assert (insight["crossing"], insight["source"], insight["reason"]) == ("excess->out", "rules", AWAY)


async def test_what_a_pipe_sends_is_read_as_well(invoke, state):
    await invoke(recorded("lambda_stream")["Records"])
    assert (await state()).units == 5


async def newer(aws, monkeypatch):
    """A's state as a later version of the worker would write it."""
    with monkeypatch.context() as later:
        later.setattr(state_codec, "SCHEMA", state_codec.SCHEMA + 1)
        store = DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)
        await store.commit([Change(ProductState(A, version=1, freeze=Freeze(1, 2)))])


async def test_only_what_could_not_be_settled_is_named(aws, invoke, monkeypatch):
    await newer(aws, monkeypatch)
    event = recorded("lambda_sqs")
    answer = await invoke(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    stream = await invoke(recorded("lambda_stream"))
    numbers = [record["dynamodb"]["SequenceNumber"] for record in recorded("lambda_stream")["Records"]]
    assert stream == {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


async def test_a_pipe_is_told_the_event_ids_of_what_must_come_again(aws, invoke, monkeypatch):
    await newer(aws, monkeypatch)
    records = recorded("lambda_stream")["Records"]
    failures = (await invoke(records))["batchItemFailures"]
    assert [failure["itemIdentifier"] for failure in failures] == [record["eventID"] for record in records]


async def test_a_function_without_time_to_work_in_is_refused_in_words(invoke):
    with pytest.raises(ValueError, match="timeout"):
        await invoke(recorded("lambda_stream"), remaining_ms=2_900)


async def test_what_runs_out_of_time_is_named_and_counts_once_when_it_comes_again(aws, invoke, state, monkeypatch):
    monkeypatch.setattr(lambda_entry, "SPARE_S", 0.0)
    await invoke({"Records": []})  # connects
    aws.gateway.route(aws.settings.sagemaker_endpoint, None)
    answer = await invoke(recorded("lambda_stream"), remaining_ms=1)
    assert len(answer["batchItemFailures"]) == 2
    assert await invoke(recorded("lambda_stream")) == {"batchItemFailures": []}
    assert (await state()).units == 5


async def test_a_start_that_fails_leaves_nothing_open_and_is_tried_again(aws, invoke, state, monkeypatch):
    monkeypatch.setenv("RESTOCK_STATE_TABLE", "not-there-yet")
    opened = []

    @asynccontextmanager
    async def watched(*said, **more):
        async with open_clients(*said, **more) as clients:
            opened.append("open")
            try:
                yield clients
            finally:
                opened.append("closed")

    monkeypatch.setattr(lambda_entry, "open_clients", watched)
    for _ in range(2):
        with pytest.raises(Misconfigured):
            await invoke(recorded("lambda_stream"))
    assert opened == ["open", "closed"] * 2


@pytest.mark.parametrize("event", [{}, {"Records": "x"}, {"detail-type": "Sale"}, [1], None])
async def test_what_is_no_batch_is_refused_in_words(event):
    with pytest.raises(ValueError, match="no batch of records"):
        messages_of(event)


async def test_records_of_another_service_are_refused():
    event = deepcopy(recorded("lambda_sqs"))
    event["Records"][0]["eventSource"] = "aws:kinesis"
    with pytest.raises(ValueError, match="aws:kinesis"):
        messages_of(event)
