"""Does every row leave the shop once, by the way that can carry it?"""

import json

import pytest
import pytest_asyncio

from worker.local.embedded_aws import SALES_TABLE, create_sales_table
from worker.local.tills import FIFO_GROUPS, GROUP, QueueTill, TableTill
from worker.producer import pack, partition_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
SHIPMENT = {"type": "shipment_received", "product_id": "A", "reorder_id": "A:1", "quantity": 3}


def row(event_id, product="A", **said):
    return {"product_id": product, "occurred_at": "2024-03-01T10:00:00Z", "quantity": 1, "event_id": event_id, **said}


@pytest_asyncio.fixture(loop_scope="session")
async def queue(aws):
    return QueueTill(aws.clients, aws.settings, aws.queue_url)


@pytest_asyncio.fixture(loop_scope="session")
async def table(aws, queue):
    await create_sales_table(aws.clients.dynamodb, SALES_TABLE)
    return TableTill(aws.clients.dynamodb, SALES_TABLE, queue, grouped=False)


async def items(aws):
    return (await aws.clients.dynamodb.scan(TableName=SALES_TABLE))["Items"]


async def queued(aws, url=None):
    """Every row in the queue; they are then gone."""
    url, rows = url or aws.queue_url, []
    while True:
        answer = await aws.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        if not answer.get("Messages"):
            return rows
        for message in answer["Messages"]:
            try:
                rows += json.loads(message["Body"])
            except ValueError:
                rows.append(message["Body"])


async def test_the_queue_takes_everything(aws, queue):
    rows = [row(f"e{n}") for n in range(250)] + ["no row", SHIPMENT]
    assert await queue.send(rows) == []
    assert sorted(map(str, await queued(aws))) == sorted(map(str, rows))


async def test_each_partition_takes_its_own_products_and_all_together_take_everything(aws):
    urls = [(await aws.clients.sqs.create_queue(QueueName=f"parted-{n}"))["QueueUrl"] for n in range(4)]
    rows = [row(f"e{n}", f"P{n % 40}", location_id="L" if n % 3 else None) for n in range(400)]
    assert await QueueTill(aws.clients, aws.settings, *urls).send([*rows, "no row"]) == []
    taken = [await queued(aws, url) for url in urls]
    for partition, sold in enumerate(taken):
        wanted = [r for r in rows if partition_of(r["product_id"], r["location_id"], 4) == partition]
        assert wanted
        found = sorted(str(r) for r in sold if r != "no row")
        assert found == sorted(map(str, wanted))
    assert sum(map(len, taken)) == len(rows) + 1


async def test_each_new_sale_becomes_an_item(aws, table):
    rows = [row(f"e{n}", product) for n in range(40) for product in "AB"]
    assert await table.send(rows) == []
    assert len(await items(aws)) == table.written == 80
    assert all(GROUP not in item for item in await items(aws))
    assert await queued(aws) == []


async def test_what_is_no_new_item_goes_by_the_queue(aws, table):
    elsewhere = row("e1", location_id="L")  # a sale of its own, and its key is taken
    nameless = {name: value for name, value in row("x").items() if name != "event_id"}
    others = ["no row", row("e2", quantity="x"), SHIPMENT, row("e1"), elsewhere, nameless]
    assert await table.send([row("e1"), *others]) == []
    assert len(await items(aws)) == table.written == 1
    assert sorted(map(str, await queued(aws))) == sorted(map(str, others))
    await table.send([row("e1")])
    assert await queued(aws) == [row("e1")]


async def test_a_second_sale_under_one_id_waits_for_the_first(aws, table):
    same_time, later = row("e1", quantity=77), row("e1", occurred_at="2024-03-02")
    assert await table.send([row("e1"), same_time, later]) == [same_time, later]
    assert table.written == 1
    assert await queued(aws) == []
    assert await table.send([same_time, later], all_settled=True) == []
    assert await queued(aws) == [same_time]  # its key is taken
    assert table.written == 2


async def test_an_item_carries_the_group_that_the_queue_would_give_its_product(aws, queue):
    await create_sales_table(aws.clients.dynamodb, SALES_TABLE)
    table = TableTill(aws.clients.dynamodb, SALES_TABLE, queue, grouped=True)
    rows = [row("e1", product, location_id=location) for product in "AB" for location in (None, "L")]
    await table.send([*rows, row("e2", "A")])
    given = {item[GROUP]["S"] for item in await items(aws)}
    # Of two sales with one key the second went by the queue.
    assert given == {message.group_id for message in pack([rows[0], rows[2]], fifo_groups=FIFO_GROUPS)}
