"""The Parking contract: nothing handed over is lost or altered, and the same record twice is one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from fakes.clock import NOW
from fakes.examples import ODD_KEYS, A, sale
from fakes.parking import InMemoryParking
from targets import trouble

from domain.events import ProductKey, SaleCorrected, SaleRecorded
from handlers.errors import TransientFailure
from handlers.ports import LateSale, Quarantined
from worker.aws.parking import BODY_BYTES_MAX, REASON_CHARS_MAX, DynamoParking

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Parking"


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@dataclass
class Kept:
    """What lies in the parking place, read past the port."""

    port: Any
    world: Any

    async def _items(self, prefix):
        items = await self.world.items(self.world.settings.state_table)
        return [item for item in items if item["pk"]["S"].startswith(prefix)]

    async def quarantined(self):
        if isinstance(self.port, InMemoryParking):
            kept = self.port.quarantined.values()
            return {r.record_id: (r.reason, as_bytes(r.body), r.received_at) for r in kept}
        return {
            item["sk"]["S"]: (item["reason"]["S"], await self._body(item), int(item["received_at"]["N"]))
            for item in await self._items("Q#")
        }

    async def _body(self, item):
        if "body" in item:
            return item["body"].get("B") or as_bytes(item["body"].get("S", ""))
        bucket, _, key = item["body_in_s3"]["S"].removeprefix("s3://").partition("/")
        answer = await self.world.straight.s3.get_object(Bucket=bucket, Key=key)
        async with answer["Body"] as stream:
            return await stream.read()

    async def late(self):
        if isinstance(self.port, InMemoryParking):
            return sorted(self.port.late_sales.values(), key=repr)
        found = []
        for item in await self._items("L#"):
            kind = {None: SaleRecorded, "sale_corrected": SaleCorrected}[item.get("kind", {}).get("S")]
            product, *rest = json.loads(item["sale"]["S"])
            found.append(LateSale(kind(ProductKey(*product), *rest), int(item["received_at"]["N"])))
        return sorted(found, key=repr)


@pytest_asyncio.fixture(loop_scope="session")
async def parking(kind, world):
    if kind == "fake":
        return InMemoryParking()
    clients, settings = world.clients, world.settings
    return DynamoParking(clients.dynamodb, clients.s3, settings.state_table, settings.quarantine_bucket, 90)


@pytest.fixture
def kept(parking, world):
    return Kept(parking, world)


def record(name="m1", body="the line", reason="why"):
    return Quarantined(name, reason, body, NOW)


BODIES = {
    "plain": '{"product_id": "A"}',
    "empty": "",
    "odd": "\x00\x01\t\u202e Grüße 🛒 \uffff",
    "surrogate": "half \ud83d of a pair",
    "just fits": "x" * BODY_BYTES_MAX,
    "too large": "y" * (BODY_BYTES_MAX + 1),
    "a megabyte": "ü" * 500_000,
    "large surrogates": "\ud800" * 100_000,
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_is_kept_as_it_came(parking, kept, name):
    await parking.quarantine([record(body=BODIES[name])])
    assert await kept.quarantined() == {"m1": ("why", as_bytes(BODIES[name]), NOW)}


async def test_the_same_record_twice_is_one(parking, kept):
    for _ in range(2):
        await parking.quarantine([record(), record("m2", "z" * 300_000), record()])
    assert set(await kept.quarantined()) == {"m1", "m2"}


async def test_many_records_in_one_call(parking, kept):
    records = [record(f"m{n}", f"line {n}") for n in range(80)]
    await parking.quarantine(records)
    assert await kept.quarantined() == {r.record_id: (r.reason, as_bytes(r.body), NOW) for r in records}


async def test_nothing_to_keep(parking, kept):
    await parking.quarantine([])
    await parking.late([])
    assert (await kept.quarantined(), await kept.late()) == ({}, [])


async def test_late_sales_are_kept_whole_and_once(parking, kept):
    sales = [LateSale(sale(key, f"e#{n} ü", n - 3, 100, category="Tea"), NOW) for n, key in enumerate(ODD_KEYS)]
    for _ in range(2):
        await parking.late([*sales, sales[0]])
    assert await kept.late() == sorted(sales, key=repr)


async def test_a_late_correction_is_kept_whole_and_told_from_a_sale(parking, kept):
    """A sale's fields and a correction's are not the same: a rebuild has to know which it reads."""
    both = [
        LateSale(SaleCorrected(key, f"c#{n} ü", NOW - n, -1, -(10**8), -(10**15), n, -n, 0), NOW)
        for n, key in enumerate(ODD_KEYS)
    ]
    both += [LateSale(sale(key, "e1"), NOW) for key in ODD_KEYS]
    for _ in range(2):
        await parking.late([*both, both[0]])
    found = await kept.late()
    assert found == sorted(both, key=repr)
    assert sorted(type(late.sale).__name__ for late in found) == ["SaleCorrected"] * 12 + ["SaleRecorded"] * 12


async def test_the_same_event_id_of_other_products_is_another_sale(parking, kept):
    sales = [LateSale(sale(key, "e1"), NOW) for key in (A, ProductKey("a"), ProductKey("A", "x"))]
    await parking.late(sales)
    assert await kept.late() == sorted(sales, key=repr)


@pytest.mark.no_fake
async def test_a_reason_that_quotes_a_sender_at_length_still_fits(parking, kept):
    await parking.quarantine([record(reason="r" * 900_000)])
    [(reason, _, _)] = (await kept.quarantined()).values()
    assert reason == "r" * REASON_CHARS_MAX


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_what_is_refused_for_now_and_what_is_left_over_is_written_all_the_same(parking, kept, world):
    throttled = trouble.error("ProvisionedThroughputExceededException")
    world.trouble.plan("batch_write_item", throttled, trouble.items_unprocessed(3), trouble.items_unprocessed(0))
    world.trouble.plan("put_object", trouble.error("SlowDown", 503), trouble.lost_answer)
    records = [record(f"m{n}") for n in range(20)] + [record("large", "z" * 300_000)]
    await parking.quarantine(records)
    assert set(await kept.quarantined()) == {r.record_id for r in records}
    world.trouble.plan("batch_write_item", throttled, trouble.lost_answer)
    await parking.late([LateSale(sale(), NOW)])
    assert await kept.late() == [LateSale(sale(), NOW)]


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_what_cannot_be_kept_is_not_passed_over(parking, world):
    """Else the message would be deleted, and the line lost."""
    world.trouble.always("batch_write_item", trouble.items_unprocessed(0))
    with pytest.raises(TransientFailure):
        await parking.quarantine([record()])
    with pytest.raises(TransientFailure):
        await parking.late([LateSale(sale(), NOW)])
