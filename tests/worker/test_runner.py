"""Does the whole worker make exact state and reorder events of sales, whatever fails, whoever works beside it?

It runs in this process against the embedded AWS."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager

import pytest
from fakes import proxy as faulty
from fakes.clock import NOW
from fakes.examples import first_change, order_of, state_after
from whole_worker import DAYS, PRODUCTS, published, running, sales, send, settled, stocked, until

from domain.events import SaleRecorded
from domain.folding import fold
from handlers.announcements import announce_reorder
from handlers.ports import Change, Committed
from worker.aws.agenda import DynamoAgenda
from worker.clock import SystemClock
from worker.producer import pointer_body

pytestmark = pytest.mark.asyncio(loop_scope="session")


def counted(capsys):
    """The worker's own counts, summed from its metric lines."""
    sums = {}
    for line in capsys.readouterr().out.splitlines():
        if line.startswith('{"_aws"'):
            said = json.loads(line)
            for definition in said.pop("_aws")["CloudWatchMetrics"][0]["Metrics"]:
                value = said[definition["Name"]]
                if definition["Unit"] == "Count" and isinstance(value, int):
                    sums[definition["Name"]] = sums.get(definition["Name"], 0) + value
    return sums


async def test_sales_become_exact_state_and_one_reorder_a_product(aws, truth, capsys):
    await stocked(aws, 4)
    rows = sales()
    await send(aws, *(rows[at : at + 7] for at in range(0, len(rows), 7)), *rows[:5])
    async with running(aws):
        await settled(aws, truth, 3 * DAYS)
    for key, state in (await truth.load(PRODUCTS)).items():
        assert (state.sales, state.units, len(state.buckets)) == (DAYS, 3 * DAYS, DAYS)
        assert {(b.sold, b.revenue) for b in state.buckets.values()} == {(3, 750)}
        assert [order.cycle for order in state.open_orders] == [1], key
    events = await published(aws)
    assert {(e["detail-type"], e["source"]) for e in events} == {("Reorder Required", "retail.inventory")}
    details = {(e["detail"]["product_id"], e["detail"]["location_id"]): e["detail"] for e in events}
    assert sorted(details, key=str) == sorted((tuple(key) for key in PRODUCTS), key=str)
    assert len(events) == len(PRODUCTS)
    for detail in details.values():
        assert detail["recommended_order_quantity"] == detail["optimal_inventory"] - detail["inventory_position"] > 0
        assert detail["current_stock"] == 4
        assert detail["forecast_source"] == "fallback"
    assert await truth.outbox(10**15, 10) == []
    counts = counted(capsys)
    assert counts["SalesReceived"] == len(rows) + 5
    assert (counts["SalesApplied"], counts["SalesDuplicate"]) == (len(rows), 5)
    assert counts["ReordersPublished"] == len(PRODUCTS)


async def test_forecasts_are_kept_for_planners(aws, truth):
    await send(aws, sales())
    async with running(aws):
        await settled(aws, truth, 3 * DAYS)
    items = (await aws.clients.dynamodb.scan(TableName=aws.settings.forecasts_table))["Items"]
    assert {item["product_id"]["S"] for item in items} == {"A", "B#north", "Grüße %231"}


async def test_a_bad_message_is_kept_aside_and_the_rest_goes_on(aws, truth):
    rows = sales()
    await send(
        aws, "not json", [*rows[:30], {**rows[0], "event_id": "x", "quantity": 1e30}], rows[30:], pointer_body("x", "y")
    )
    async with running(aws):
        await settled(aws, truth, 3 * DAYS)
    items = (await aws.clients.dynamodb.scan(TableName=aws.settings.state_table))["Items"]
    kept = [item for item in items if item["pk"]["S"].startswith("Q#")]
    assert sorted(item["reason"]["S"][:9] for item in kept) == ["not JSON:", "quantity:", "the body "]


async def test_a_large_body_is_read_from_s3(aws, truth):
    await aws.clients.s3.put_object(Bucket=aws.settings.payload_bucket, Key="a/b", Body=json.dumps(sales()).encode())
    await send(aws, pointer_body(aws.settings.payload_bucket, "a/b"))
    async with running(aws):
        await settled(aws, truth, 3 * DAYS)


@pytest.mark.parametrize(
    "faults",
    [
        {"TransactWriteItems": [faulty.error("InternalServerError", 500), faulty.broken_after(500)]},
        {"TransactWriteItems": [faulty.cut_after, faulty.error("ThrottlingException"), faulty.lost_after]},
        {"BatchGetItem": [faulty.error("InternalServerError", 500), faulty.keys_unprocessed(1), faulty.cut_after]},
        {"DeleteMessageBatch": [faulty.deletes_failed(1), faulty.error("InternalError", 500), faulty.cut_after]},
        {"ReceiveMessage": [None, faulty.error("ServiceUnavailable", 503)]},
        {"PutEvents": [faulty.entries_refused(0), faulty.cut_after]},
    ],
    ids=lambda faults: next(iter(faults)),
)
async def test_what_fails_for_a_while_loses_no_message_and_counts_none_twice(aws, truth, faults):
    await stocked(aws, 4)
    rows = sales()
    await send(aws, *(rows[at : at + 4] for at in range(0, len(rows), 4)))
    for operation, planned in faults.items():
        aws.proxy.plan(operation, *planned)
    async with running(aws, aws.proxied, commit_deadline_s=0.5, sweep_age_s=0):
        await settled(aws, truth, 3 * DAYS)

        async def relayed():
            return not await truth.outbox(10**15, 10)

        await until(relayed)
    assert {state.sales for state in (await truth.load(PRODUCTS)).values()} == {DAYS}
    ids = {e["detail"]["reorder_id"] for e in await published(aws)}
    assert ids == {"A:1", "B#north:1", "Grüße %231:1"}


# What it holds at once


@contextmanager
def most_held(source, monkeypatch):
    """The most messages that were received and not yet acknowledged."""
    held, most = 0, [0]
    receive, acknowledge = source.receive, source.acknowledge

    async def receiving(wait_s):
        nonlocal held
        messages = await receive(wait_s)
        held += len(messages)
        most[0] = max(most[0], held)
        return messages

    async def acknowledging(messages):
        nonlocal held
        await acknowledge(messages)
        held -= len(messages)

    with monkeypatch.context() as patched:
        patched.setattr(source, "receive", receiving)
        patched.setattr(source, "acknowledge", acknowledging)
        yield most


async def test_no_more_messages_are_held_than_there_are_slots(aws, truth, monkeypatch):
    await send(aws, *([row] for row in sales()))
    async with running(aws, messages_in_flight=20, pollers=2, batch_sales=5) as runner:
        with most_held(runner._parts.sources[0], monkeypatch) as most:
            await settled(aws, truth, 3 * DAYS)
    assert 0 < most[0] <= 20


async def test_a_batch_that_no_message_can_join_any_more_does_not_wait_for_one(aws, truth):
    await send(aws, *([row] for row in sales()))
    async with asyncio.timeout(20), running(aws, messages_in_flight=10, pollers=1, batch_linger_s=5):
        await settled(aws, truth, 3 * DAYS)


async def test_nothing_is_received_while_too_many_bytes_are_held(aws, truth, monkeypatch):
    monkeypatch.setattr("worker.receiving.BODY_BYTES_MAX", 1)
    await send(aws, *([row] for row in sales()))
    async with running(aws, messages_in_flight=200, pollers=1, batch_sales=5) as runner:
        with most_held(runner._parts.sources[0], monkeypatch) as most:
            await settled(aws, truth, 3 * DAYS)
    assert 0 < most[0] <= 10


# Other workers


async def test_two_workers_on_one_queue_count_each_sale_once(aws, truth):
    rows = sales()
    await stocked(aws, 4)
    # Every sale is sent twice, in different messages.
    await send(aws, *(rows[at : at + 3] for at in range(0, len(rows), 3)), *([row] for row in rows))
    async with running(aws), running(aws):
        await settled(aws, truth, 3 * DAYS)
    assert {state.sales for state in (await truth.load(PRODUCTS)).values()} == {DAYS}
    ids = {e["detail"]["reorder_id"] for e in await published(aws)}
    assert ids == {"A:1", "B#north:1", "Grüße %231:1"}


async def test_what_a_dead_worker_left_behind_is_finished(aws, truth):
    """An order whose worker died before it was published, and a product that nobody has decided."""
    forgotten = state_after(PRODUCTS[0], 3, 3, 3)
    ordered = first_change(PRODUCTS[1]).state
    order = order_of(PRODUCTS[1])
    await truth.commit([Change(forgotten), Change(ordered, order=order, outbox=(announce_reorder(order),))])
    await DynamoAgenda(aws.clients.dynamodb, aws.settings.state_table, SystemClock()).add(PRODUCTS[:2])
    await stocked(aws, 0)
    async with running(aws, sweep_age_s=0):

        async def finished():
            states = await truth.load(PRODUCTS)
            return not any(state.dirty for state in states.values()) and not await truth.outbox(NOW * 2, 10)

        await until(finished)
    ids = [event["detail"]["reorder_id"] for event in await published(aws)]
    assert {"B#north:1", "A:1"} <= set(ids)
    assert (await truth.load([PRODUCTS[0]]))[PRODUCTS[0]].cycle == 1


async def test_a_sweep_does_not_believe_what_was_cached_before_another_worker_died(aws, truth):
    """The one that sweeps has the product in memory, decided; the dead one had counted a sale of it since."""
    await stocked(aws, 0)
    await send(aws, sales())
    async with running(aws, sweep_interval_s=0.2, sweep_age_s=0):
        await settled(aws, truth, 3 * DAYS)
        state = (await truth.load([PRODUCTS[0]]))[PRODUCTS[0]]
        late = SaleRecorded(PRODUCTS[0], "of the dead", NOW, 5, 500)
        folded = fold(state, [late], NOW)
        assert await truth.commit([Change(folded.state, folded.written, folded.dropped)]) == [Committed.YES]
        await DynamoAgenda(aws.clients.dynamodb, aws.settings.state_table, SystemClock()).add(PRODUCTS[:1])

        async def decided():
            return not (await truth.load([PRODUCTS[0]]))[PRODUCTS[0]].dirty

        await until(decided)
