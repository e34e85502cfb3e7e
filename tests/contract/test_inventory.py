"""The Inventory contract: the shop's records as they are, and nothing for a product it does not know."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from fakes.clock import NOW, FakeClock
from fakes.examples import A, B, C
from fakes.shop import InMemoryInventory
from targets import trouble

from domain.events import ProductKey
from domain.policy import SupplyTerms
from domain.product import StockLevel
from handlers.errors import TransientFailure
from handlers.ports import InventoryRecord
from worker.aws.inventory import DEFAULT_LOCATION, DynamoInventory

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Inventory"

TERMS = SupplyTerms(lead_time_days=5, pack_size=2)
EARLIER = NOW - 60_000


class Shop:
    """Writes a record as the shop would."""

    def __init__(self, port: Any, world: Any) -> None:
        self.port, self.world = port, world

    async def put(self, key: ProductKey, level: int | None, at: int = EARLIER, category: str | None = None, **terms):
        if isinstance(self.port, InMemoryInventory):
            self.port.put(key, level, at, category, **terms)
            return
        item = {
            "product_id": {"S": key.product_id},
            "location_id": {"S": key.location_id or DEFAULT_LOCATION},
            "updated_at": {"N": str(at)},
            **{name: {"N": str(value)} for name, value in terms.items()},
        }
        if level is not None:
            item["current_stock"] = {"N": str(level)}
        if category is not None:
            item["category"] = {"S": category}
        table = self.world.settings.inventory_table
        await self.world.straight.dynamodb.put_item(TableName=table, Item=item)


@pytest_asyncio.fixture(loop_scope="session")
async def inventory(kind, world):
    if kind == "fake":
        return InMemoryInventory(TERMS)
    return DynamoInventory(world.clients.dynamodb, world.settings.inventory_table, TERMS, FakeClock())


@pytest.fixture
def shop(inventory, world):
    return Shop(inventory, world)


async def test_a_product_the_shop_does_not_know_is_absent(inventory, shop):
    await shop.put(A, 5)
    assert await inventory.read([B, A]) == {A: InventoryRecord(StockLevel(5, EARLIER), TERMS)}
    assert await inventory.read([B]) == {}
    assert await inventory.read([]) == {}


@pytest.mark.parametrize("level", [0, 1, -40, 10**9])
async def test_a_level_is_what_the_shop_says(inventory, shop, level):
    await shop.put(A, level)
    assert (await inventory.read([A]))[A].stock == StockLevel(level, EARLIER)


async def test_a_record_without_a_level_is_known_but_its_stock_is_not(inventory, shop):
    await shop.put(A, None, category="Tea", pack_size=12)
    assert await inventory.read([A]) == {A: InventoryRecord(None, TERMS._replace(pack_size=12), "Tea")}


async def test_terms_beside_the_level_take_precedence(inventory, shop):
    said = {"lead_time_days": 0, "review_days": 7, "order_cycle_days": 30, "pack_size": 6, "minimum_order_quantity": 24}
    await shop.put(A, 1, **said)
    assert (await inventory.read([A]))[A].terms == TERMS._replace(**said)


async def test_what_a_product_is_stocked_for_may_stand_there_too(inventory, shop):
    said = {"fill_rate": 0.97, "shortage_cost": 4.5, "holding_cost": 0.01, "ordering_cost": 25.0, "service_level": 0.9}
    said |= {"lead_time_sd_days": 2.5, "maximum_stock": 400, "shelf_life_days": 30}
    await shop.put(A, 1, **said)
    assert (await inventory.read([A]))[A].terms == TERMS._replace(**said)


async def test_ids_are_verbatim_and_locations_apart(inventory, shop):
    keys = [A, ProductKey("a"), C, ProductKey("C", "North"), ProductKey("C"), ProductKey("A#1", "ü ")]
    for n, key in enumerate(keys):
        await shop.put(key, n)
    assert {key: r.stock.level for key, r in (await inventory.read(keys)).items()} == {k: n for n, k in enumerate(keys)}


async def test_hundreds_are_read_in_one_call(inventory, shop):
    keys = [ProductKey(f"p{n}") for n in range(130)]
    for n, key in enumerate(keys[:110]):
        await shop.put(key, n)
    found = await inventory.read(keys)
    assert {key: record.stock.level for key, record in found.items()} == {key: n for n, key in enumerate(keys[:110])}


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_what_is_refused_for_now_and_what_is_left_over_is_read_all_the_same(inventory, shop, world):
    keys = [ProductKey(f"p{n}") for n in range(12)]
    for key in keys:
        await shop.put(key, 1)
    throttled = trouble.error("ProvisionedThroughputExceededException")
    world.trouble.plan("batch_get_item", throttled, trouble.keys_unprocessed(5), trouble.keys_unprocessed(0))
    assert set(await inventory.read(keys)) == set(keys)


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_what_stays_unread_is_no_unknown_product(inventory, shop, world):
    """A product without stock would be ordered."""
    await shop.put(A, 100)
    world.trouble.always("batch_get_item", trouble.keys_unprocessed(0))
    with pytest.raises(TransientFailure):
        await inventory.read([A])


@pytest.mark.no_fake
async def test_stock_is_read_as_it_is_now_and_not_as_it_was(inventory, world):
    """A delivery is booked before it is told of; a stale read would order it again."""
    await inventory.read([A])
    [said] = world.trouble.said("batch_get_item")
    assert [wanted["ConsistentRead"] for wanted in said["RequestItems"].values()] == [True]
