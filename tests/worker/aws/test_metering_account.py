"""Does the metering come to what a table that knows its items comes to, and is it cheap?

The table's account is independent of it: bench/event_ids/metering.py."""

import asyncio
import json
import timeit

from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from metered_requests import ABSENT, VERSION, header, put

from bench.event_ids.metering import TABLE, MemoryTable
from worker.aws.dynamodb import number, text
from worker.aws.metering import Metering

PRODUCTS = st.sampled_from("abc")
ITEMS = st.one_of(
    st.tuples(st.just("H"), PRODUCTS, st.integers(0, 5_000)),
    st.tuples(st.sampled_from(["E#1", "E#2"]), PRODUCTS, st.integers(0, 3_000)),
)
ACTIONS = st.lists(st.tuples(ITEMS, st.sampled_from(["put", "new", "delete"])), min_size=1, max_size=6)


class Told:
    """The table's client, telling the metering of each call as a client would."""

    def __init__(self, table, metering) -> None:
        self._table = table
        self._metering = metering

    async def call(self, operation, method, **request):
        try:
            answer = await getattr(self._table, method)(**request)
        except ClientError as exc:
            self._metering.called("dynamodb", operation, request, exc.response)
        else:
            self._metering.called("dynamodb", operation, request, answer)


def as_action(kind, product, size, verb):
    item = {"pk": text(f"P#{product}"), "sk": text(kind), "version": number(size + 1), "b": {"B": bytes(size)}}
    if verb == "delete":
        return {"Delete": {"TableName": TABLE, "Key": {"pk": item["pk"], "sk": item["sk"]}}}
    return put(item, ABSENT if verb == "new" else None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(ACTIONS, st.lists(PRODUCTS, min_size=1, max_size=4)), max_size=12))
def test_it_comes_to_what_a_table_that_knows_its_items_comes_to(steps):
    """bench/event_ids/metering.py has the items themselves before and after each request; the metering has requests
    and answers alone."""
    table, metering = MemoryTable(), Metering(TABLE)

    async def play():
        client = Told(table, metering)
        for step in steps:
            if isinstance(step[0], str):
                keys = [{"pk": text(f"P#{name}"), "sk": text("H")} for name in step]
                asked = {TABLE: {"Keys": keys, "ConsistentRead": True}}
                await client.call("BatchGetItem", "batch_get_item", RequestItems=asked)
                continue
            once = {(item[1], item[0]): (*item, verb) for item, verb in step}
            actions = [as_action(*action) for action in once.values()]
            await client.call("TransactWriteItems", "transact_write_items", TransactItems=actions)

    asyncio.run(play())
    taken, meter = metering.take().get("units", {}), table.meter
    assert taken.get("write_units", 0) == meter.write_units
    assert taken.get("read_units", 0) == meter.read_units


def test_it_is_cheap():
    """A header of sixteen attributes takes about 3 µs, a small request less; the bounds leave room for a machine
    that others use too."""
    metering = Metering(TABLE)
    item = header(size=600, dirty_since=1_764_115_200_123) | {
        "body": text(json.dumps([[day, 12, 23_999] for day in range(92)])),
        **{name: number(123_456) for name in ("version", "sales", "units", "cycle", "decisions", "dirty")},
        **{name: number(7) for name in ("schema", "first_segment", "next_segment", "tail_newest_day")},
        "token": text("0" * 32),
    }
    actions = {"TransactItems": [put({**item, "pk": text(f"P#{n}")}, VERSION) for n in range(100)]}
    small = {"Messages": [{"Body": "x" * 200}]}

    def us(call, number_):
        return min(timeit.repeat(call, number=number_, repeat=5)) / number_ * 1e6

    assert us(lambda: metering.called("dynamodb", "TransactWriteItems", actions, {}), 10) / 100 < 25
    assert us(lambda: metering.called("sqs", "ReceiveMessage", {}, small), 1_000) < 25
