"""What the shop's table may hold that makes no sense, and the two forms of its key."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes import proxy as faulty
from fakes.clock import NOW, FakeClock
from fakes.examples import A, C

from domain.events import ProductKey
from domain.policy import SupplyTerms
from domain.product import StockLevel
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.inventory import DynamoInventory

pytestmark = pytest.mark.asyncio(loop_scope="session")
TERMS = SupplyTerms()


@pytest_asyncio.fixture(loop_scope="session")
async def inventory(aws):
    return DynamoInventory(aws.proxied.dynamodb, aws.settings.inventory_table, TERMS, FakeClock())


@pytest_asyncio.fixture(loop_scope="session")
async def by_product(aws):
    """The guide's table: product_id is the whole key."""
    await aws.clients.dynamodb.create_table(
        TableName="plain",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "product_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "product_id", "KeyType": "HASH"}],
    )
    return DynamoInventory(aws.clients.dynamodb, "plain", TERMS, FakeClock())


async def put(aws, product="A", location="-", **said):
    item = {"product_id": {"S": product}, "location_id": {"S": location}, **said}
    await aws.clients.dynamodb.put_item(TableName=aws.settings.inventory_table, Item=item)


@pytest.mark.parametrize(
    "said",
    [{"S": "12"}, {"S": "many"}, {"N": "1.5"}, {"BOOL": True}, {"NULL": True}, {"L": []}, {"M": {}}, {"B": b"1"}],
    ids=str,
)
async def test_a_level_that_makes_no_sense_is_unknown_stock(aws, inventory, said):
    await put(aws, current_stock=said)
    [record] = (await inventory.read([A])).values()
    assert record.stock is None


@pytest.mark.parametrize(("said", "level"), [("5.0", 5), ("1E+3", 1_000), ("-0", 0)])
async def test_a_whole_number_in_any_notation_is_a_level(aws, inventory, said, level):
    await put(aws, current_stock={"N": said})
    assert (await inventory.read([A]))[A].stock.level == level


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"N": "1727740800000"}, 1_727_740_800_000),
        ({"S": "2024-10-01T00:00:00Z"}, 1_727_740_800_000),
        ({"S": "2024-10-01T02:00:00+02:00"}, 1_727_740_800_000),
        ({"S": "2024-10-01T00:00:00"}, 1_727_740_800_000),
        ({"S": "yesterday"}, NOW),
        ({"N": "1.5"}, NOW),
        ({"BOOL": True}, NOW),
        (None, NOW),
    ],
    ids=str,
)
async def test_the_level_is_as_old_as_the_record_says_or_as_the_reading(aws, inventory, monkeypatch, said, at):
    await put(aws, current_stock={"N": "5"}, **({"updated_at": said} if said else {}))
    assert (await inventory.read([A]))[A].stock == StockLevel(5, at)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lead_time_days", {"N": "-1"}),
        ("lead_time_days", {"N": "366"}),
        ("lead_time_days", {"S": "7"}),
        ("pack_size", {"N": "0"}),
        ("pack_size", {"N": "2.5"}),
        ("order_cycle_days", {"N": "-1"}),
        ("minimum_order_quantity", {"N": "-5"}),
        ("review_days", {"NULL": True}),
        ("fill_rate", {"N": "1"}),
        ("service_level", {"N": "0.2"}),
        ("holding_cost", {"N": "0"}),
        ("shortage_cost", {"N": "-1"}),
        ("lead_time_sd_days", {"S": "2"}),
        ("shelf_life_days", {"N": "0.5"}),
    ],
    ids=str,
)
async def test_terms_that_make_no_sense_are_passed_over(aws, inventory, name, said):
    await put(aws, current_stock={"N": "5"}, **{name: said})
    assert (await inventory.read([A]))[A].terms == TERMS


async def test_a_table_keyed_by_product_alone_knows_no_locations(aws, by_product):
    for product, level in (("A", 3), ("C", 4)):
        item = {"product_id": {"S": product}, "current_stock": {"N": str(level)}, "location_id": {"S": "attribute"}}
        await aws.clients.dynamodb.put_item(TableName="plain", Item=item)
    found = await by_product.read([A, C, ProductKey("C"), ProductKey("Z")])
    assert {key: record.stock.level for key, record in found.items()} == {A: 3, ProductKey("C"): 4}


async def test_unprocessed_keys_are_no_unknown_products(aws, inventory):
    await put(aws, current_stock={"N": "5"})
    await put(aws, "C", "north", current_stock={"N": "6"})
    aws.proxy.plan("BatchGetItem", faulty.keys_unprocessed(0), faulty.keys_unprocessed(1))
    assert set(await inventory.read([A, C])) == {A, C}


async def test_the_stock_is_read_consistently(aws, inventory):
    """A delivery is booked before it is told of."""
    await inventory.read([A])
    [call] = [call for call in aws.proxy.calls if call.operation == "BatchGetItem"]
    assert all(said["ConsistentRead"] for said in call.said["RequestItems"].values())


async def test_the_form_of_the_key_is_asked_for_once(aws, inventory):
    await inventory.read([A])
    await inventory.read([A])
    assert aws.proxy.count("DescribeTable") == 1


async def test_a_table_that_is_not_there_is_a_misconfiguration(aws):
    with pytest.raises(Misconfigured):
        await DynamoInventory(aws.clients.dynamodb, "nowhere", TERMS, FakeClock()).read([A])


async def test_a_table_that_does_not_answer_is_transient(aws, inventory):
    aws.proxy.always("BatchGetItem", faulty.error("InternalServerError", 500))
    with pytest.raises(TransientFailure):
        await inventory.read([A])
