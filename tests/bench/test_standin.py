"""The stand-in answers the worker's own adapters as AWS would, as far as it answers at all."""

from __future__ import annotations

import asyncio
import io
import time

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from botocore.exceptions import ClientError
from fakes.clock import NOW, TODAY, FakeClock
from fakes.examples import A, B, C, entry, first_change, order_of, rich_state, sale, segment

from bench.standin.running import standin
from domain.events import ProductKey
from domain.features import series_of
from domain.folding import fold
from domain.product import ProductState
from handlers.errors import Misconfigured
from handlers.ports import Change, Committed, OutboxEntry
from worker.aws.agenda import DynamoAgenda
from worker.aws.clients import Endpoints, open_clients
from worker.aws.dynamodb import batch_write, number, query, text
from worker.aws.eventbridge import EventBridgeBus
from worker.aws.inventory import DynamoInventory
from worker.aws.sagemaker import SageMakerForecaster
from worker.aws.state import DynamoState
from worker.local.embedded_aws import create_resources
from worker.local.report import read_states
from worker.settings import Settings
from worker.sources.shards.leases import LeaseTable
from worker.sources.shards.lineage import TRIM_HORIZON, Lease, ShardKey
from worker.sources.sqs import SqsSource

pytestmark = pytest.mark.asyncio(loop_scope="module")
YES, NO = Committed.YES, Committed.NO
SETTINGS = Settings(region="us-east-1")
LATER = NOW + 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(credentials, tmp_path_factory):
    async with (
        standin(tmp_path_factory.mktemp("standin")) as aws,
        open_clients("us-east-1", Endpoints(everything=aws.url), validate=True) as clients,
    ):
        yield aws, clients


@pytest_asyncio.fixture(loop_scope="module")
async def aws(running):
    await running[0].reset()
    await create_resources(running[1], SETTINGS)
    return running[0]


@pytest.fixture
def clients(aws, running):
    return running[1]


@pytest.fixture
def store(clients):
    return DynamoState(clients.dynamodb, SETTINGS.state_table, 10.0)


@pytest_asyncio.fixture(loop_scope="module")
async def queue_url(clients):
    return (await clients.sqs.get_queue_url(QueueName=SETTINGS.queue_name))["QueueUrl"]


async def send(clients, url, *bodies):
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    await clients.sqs.send_message_batch(QueueUrl=url, Entries=entries)


async def test_a_message_is_its_receivers_until_it_is_deleted(aws, clients, queue_url):
    source = SqsSource(clients.sqs, queue_url, 60)
    await send(clients, queue_url, "one", 'zwölf "drei"\n', "three")
    messages = await source.receive(0)
    assert [m.body for m in messages] == ["one", 'zwölf "drei"\n', "three"]
    assert await source.receive(0) == []
    await source.acknowledge(messages)
    assert await aws.counts(SETTINGS.queue_name) == (3, 3, 3)


async def test_what_is_not_deleted_in_time_comes_again_and_only_the_newest_receipt_deletes_it(aws, clients, queue_url):
    source = SqsSource(clients.sqs, queue_url, 1)
    await send(clients, queue_url, "one")
    (first,) = await source.receive(0)
    began = time.monotonic()
    (second,) = await source.receive(5)
    assert 0.5 < time.monotonic() - began < 3
    assert (first.message_id, first.receives, second.receives) == (second.message_id, 1, 2)
    await source.acknowledge([first])
    assert (await aws.counts(SETTINGS.queue_name)).deleted == 0
    await source.acknowledge([second])
    assert (await aws.counts(SETTINGS.queue_name)).deleted == 1


async def test_what_is_handed_over_comes_at_once_and_what_is_kept_does_not(clients, queue_url):
    here, there = SqsSource(clients.sqs, queue_url, 60), SqsSource(clients.sqs, queue_url, 60)
    await send(clients, queue_url, "one", "two")
    assert len(await here.receive(0)) == 2
    await here.hand_over()
    assert sorted(m.body for m in await there.receive(0)) == ["one", "two"]
    assert await here.receive(0) == []


async def test_a_long_poll_ends_with_the_first_message(clients, queue_url):
    polling = asyncio.create_task(SqsSource(clients.sqs, queue_url, 60).receive(20))
    await asyncio.sleep(0.1)
    assert not polling.done()
    await send(clients, queue_url, "one")
    assert [m.body for m in await asyncio.wait_for(polling, 5)] == ["one"]


async def test_a_poll_of_nothing_ends_in_its_time(clients, queue_url):
    began = time.monotonic()
    assert await SqsSource(clients.sqs, queue_url, 60).receive(1) == []
    assert 0.9 < time.monotonic() - began < 3


async def test_a_receipt_that_is_none_fails_alone(clients, queue_url):
    await send(clients, queue_url, "one")
    (message,) = await SqsSource(clients.sqs, queue_url, 60).receive(0)
    entries = [{"Id": "a", "ReceiptHandle": "nonsense"}, {"Id": "b", "ReceiptHandle": message.receipt}]
    said = await clients.sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
    assert [row["Id"] for row in said["Successful"]] == ["b"]
    assert [(row["Id"], row["SenderFault"]) for row in said["Failed"]] == [("a", True)]


async def test_queues_are_apart_and_one_that_is_not_there_is_refused(aws, clients):
    urls = [(await clients.sqs.create_queue(QueueName=name))["QueueUrl"] for name in ("q-0", "q-1")]
    assert await aws.preload("q-1", [f"body {n}" for n in range(25)]) == 25
    assert await SqsSource(clients.sqs, urls[0], 60).receive(0) == []
    assert len(await SqsSource(clients.sqs, urls[1], 60).receive(0)) == 10
    with pytest.raises(Misconfigured, match="QueueDoesNotExist"):
        await SqsSource(clients.sqs, f"{aws.url}/000000000000/q-2", 60).receive(0)


async def test_the_older_protocol_reads_and_deletes_the_same_messages(aws):
    await aws.preload("old", ["a < b & c"])
    async with aiohttp.ClientSession() as session:

        async def ask(action, **said):
            query = {"Action": action, "QueueUrl": f"{aws.url}/0/old", **said}
            async with session.get(aws.url, params=query) as answer:
                return answer.status, await answer.text()

        status, said = await ask("ReceiveMessage", MaxNumberOfMessages="10")
        assert (status, "<Body>a &lt; b &amp; c</Body>" in said) == (200, True)
        handle = said.partition("<ReceiptHandle>")[2].partition("<")[0]
        assert (await ask("DeleteMessage", ReceiptHandle=handle))[0] == 200
    assert await aws.counts("old") == (1, 1, 1)


async def test_a_commit_is_conditional_on_the_version_and_its_neighbours_go_on(store):
    old = first_change(A)
    assert await store.commit([old]) == [YES]
    stale = Change(rich_state(A)._replace(version=1), (segment(0),), outbox=(entry("stale", NOW - 9),))
    ahead = Change(rich_state(B)._replace(version=3), outbox=(entry("ahead", NOW - 9),))
    good = Change(rich_state(C), outbox=(entry("good", NOW - 9),))
    assert await store.commit([stale, ahead, good]) == [NO, NO, YES]
    assert await store.load([A, B, C]) == {A: old.state, B: ProductState(B), C: good.state}
    assert await store.outbox(NOW, 10) == list(good.outbox)


async def test_of_two_writers_of_one_version_one_wins(store):
    await store.commit([first_change(A)])
    loaded = (await store.load([A]))[A]
    changes = [Change(fold(loaded, [sale(A, f"e{n}", n)], NOW).state) for n in (2, 3)]
    results = await asyncio.gather(*(store.commit([change]) for change in changes))
    assert sorted(result.name for (result,) in results) == ["NO", "YES"]


async def test_segments_come_and_go_with_their_header(store):
    segments = (segment(0), segment(1, 8_192), segment(2, 1))
    first = rich_state(A, segments=segments)
    assert await store.commit([Change(first, segments)]) == [YES]
    assert (await store.load([A]))[A] == first
    ledger = first.ledger._replace(first=2, segments=segments[2:])
    second = first._replace(version=2, ledger=ledger)
    assert await store.commit([Change(second, dropped=(0, 1))]) == [YES]
    assert (await store.load([A]))[A] == second


async def test_an_agenda_is_found_until_it_is_done(clients):
    clock = FakeClock()
    mine, yours = (DynamoAgenda(clients.dynamodb, SETTINGS.state_table, clock) for _ in range(2))
    keys = [ProductKey(f"p{n}") for n in range(30)]
    await mine.committed(await mine.add(keys[:20]), keys)
    clock.advance(1)
    await mine.committed(await mine.add(keys[20:]), keys)
    assert await yours.due(NOW, 100) == []
    assert set(await yours.due(NOW + 1, 100)) == set(keys[:20])
    await mine.done(keys[:20], mine.mark())
    assert set(await yours.due(LATER, 100)) == set(keys[20:])
    assert len(await yours.due(LATER, 7)) == 7


async def test_the_outbox_holds_an_entry_until_it_is_forgotten(store):
    entries = [OutboxEntry(f"{n}", "Reorder Required", "{}", NOW - 10 + n) for n in range(5)]
    change = Change(rich_state(A), order=order_of(A), outbox=tuple(entries))
    assert await store.commit([change]) == [YES]
    assert sorted(await store.outbox(NOW, 10)) == entries
    assert sorted(await store.outbox(NOW - 7, 10)) == entries[:3]
    await store.forget(["0", "3"])
    assert sorted(e.entry_id for e in await store.outbox(NOW, 10)) == ["1", "2", "4"]


async def test_a_cancelled_transaction_says_position_by_position_why_and_does_nothing(aws, clients):
    table, absent = SETTINGS.state_table, "attribute_not_exists(pk)"

    def put(name, **condition):
        return {"Put": {"TableName": table, "Item": {"pk": text(name), "sk": text("H")}, **condition}}

    await clients.dynamodb.transact_write_items(TransactItems=[put("there", ConditionExpression=absent)])
    actions = [
        put("new", ConditionExpression=absent),
        put("there", ConditionExpression=absent),
        put("free"),
        put("none", ConditionExpression="version = :was", ExpressionAttributeValues={":was": number(1)}),
    ]
    with pytest.raises(ClientError) as failed:
        await clients.dynamodb.transact_write_items(TransactItems=actions)
    assert failed.value.response["Error"]["Code"] == "TransactionCanceledException"
    codes = [reason["Code"] for reason in failed.value.response["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed", "None", "ConditionalCheckFailed"]
    assert (await aws.stats())["items"][table] == 1
    with pytest.raises(ClientError, match="multiple operations on one item"):
        await clients.dynamodb.transact_write_items(TransactItems=[put("twice"), put("twice")])


async def test_an_update_changes_what_it_names_under_its_condition(clients):
    place = {"TableName": SETTINGS.leases_table, "Key": {"pk": text("a"), "sk": text("b")}}
    claim = {
        "UpdateExpression": "SET #o = :me, renewals = renewals + :one REMOVE gone",
        "ConditionExpression": "attribute_exists(pk) AND (#o = :nobody OR renewals BETWEEN :one AND :one)",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": {":me": text("me"), ":nobody": text(""), ":one": number(1)},
    }
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        await clients.dynamodb.update_item(**place, **claim)
    item = {**place["Key"], "owner": text(""), "renewals": number(1), "gone": text("x")}
    await clients.dynamodb.put_item(TableName=SETTINGS.leases_table, Item=item)
    await clients.dynamodb.update_item(**place, **claim)
    said = await clients.dynamodb.get_item(**place)
    assert said["Item"] == {**place["Key"], "owner": text("me"), "renewals": number(2)}
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        await clients.dynamodb.update_item(**place, **claim)


async def test_of_two_owners_of_a_lease_one_wins(clients):
    leases, key = LeaseTable(clients.dynamodb, SETTINGS.leases_table), ShardKey("stream", "shard-1")
    assert await leases.create(Lease(key, "", 0, TRIM_HORIZON))
    assert not await leases.create(Lease(key, "", 0, TRIM_HORIZON))
    (lease,) = (await leases.of("stream")).values()
    taken = await asyncio.gather(*(leases.replace(lease, owner, TRIM_HORIZON, NOW) for owner in "ab"))
    assert sum(each is not None for each in taken) == 1
    assert await leases.read(key) in taken


async def test_pages_follow_each_other_though_an_item_goes_between_them(clients):
    table = SETTINGS.leases_table
    keys = [{"pk": text("p"), "sk": text(f"{n:03d}")} for n in range(45)]
    await batch_write(clients.dynamodb, table, [{"PutRequest": {"Item": key}} for key in keys])
    asked = {
        "TableName": table,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": text("p")},
    }
    page = await clients.dynamodb.query(**asked, Limit=10)
    assert page["Items"] == keys[:10]
    await clients.dynamodb.delete_item(TableName=table, Key=page["LastEvaluatedKey"])
    rest = await query(clients.dynamodb, **asked, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert rest == keys[10:]
    backwards = await clients.dynamodb.query(**asked, ScanIndexForward=False, Limit=2)
    assert backwards["Items"] == keys[:-3:-1]


async def test_states_are_read_page_by_page(store, clients):
    keys = [ProductKey(f"p{n:04d}") for n in range(1_100)]
    await store.commit([first_change(key, quantity=n + 1) for n, key in enumerate(keys)])
    states = await read_states(clients.dynamodb, SETTINGS.state_table)
    assert [(state.key, state.sales, state.units) for state in states] == [(k, 1, n + 1) for n, k in enumerate(keys)]


async def test_stock_is_read_by_location(clients):
    item = {"product_id": text("A"), "location_id": text("-"), "current_stock": number(7)}
    await clients.dynamodb.put_item(TableName=SETTINGS.inventory_table, Item=item)
    inventory = DynamoInventory(clients.dynamodb, SETTINGS.inventory_table, SETTINGS.terms, FakeClock())
    found = await inventory.read([A, B])
    assert {key: record.stock.level for key, record in found.items()} == {A: 7}


async def test_events_are_kept_with_the_time_they_came(aws, clients):
    entries = [OutboxEntry(f"{n}", "Reorder Required", f'{{"n": {n}}}', NOW) for n in range(13)]
    began = time.monotonic()
    assert await EventBridgeBus(clients.events, "default").publish(entries) == [True] * 13
    events = await aws.events()
    assert {detail for _, _, detail in events} == {e.detail for e in entries}
    assert all(began <= at <= time.monotonic() for at, _, _ in events)
    assert await aws.events(12) == events[12:]


async def test_forecasts_come_in_the_workers_own_format(clients):
    states = [fold(ProductState(key), [sale(key, "e1", n)], NOW).state for key, n in ((A, 1), (B, 700))]
    forecaster = SageMakerForecaster(clients.sagemaker, "any", FakeClock())
    cover = np.array([(1, 8, 28)] * 2, dtype=np.int64)
    found = await forecaster.forecast([A, B], series_of(states, TODAY + 1), cover)
    assert [total.cover_days for total in found[A]] == [1, 8, 28]
    assert [total.mean for total in found[A]] == [1.0, 8.0, 28.0]
    assert found[B][2].mean > 28


async def test_metrics_are_accepted_and_the_rest_is_refused(aws, clients):
    data = [{"MetricName": "ForecastedDemand", "Value": 1.0}]
    await clients.cloudwatch.put_metric_data(Namespace="Retail/Inventory", MetricData=data)
    assert (await aws.stats())["metric_calls"] == 1
    with pytest.raises(ClientError, match="does not know"):
        await clients.dynamodb.list_tables()
    with pytest.raises(ClientError, match="400"):
        await clients.s3.put_object(Bucket="b", Key="k", Body=io.BytesIO(b"x"))
