"""A snapshot calls out and due what the live page does, of the same states."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes.clock import NOW, TODAY
from fakes.shop import InMemoryInventory

from domain.buckets import Bucket, Days
from domain.events import ProductKey
from domain.orders import OpenOrder
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ForecastNote, ProductState
from domain.ruling import replay
from handlers.current_rules import CurrentRules
from worker.clock import SystemClock
from worker.dashboard.looking import Looking
from worker.dashboard.rows import OUT, UNKNOWN, row_of
from worker.snapshots.rows import inventory_row
from worker.snapshots.seen import Judged, Seen
from worker.snapshots.tables import INVENTORY

KEY = ProductKey("Lamp")
TERMS = SupplyTerms()
SOLD = Days.of({TODAY - 2: Bucket(2, 500)})
NAMES = [column.name for column in INVENTORY.columns]


async def looked_at(a_day: float, level: int | None, on_order: int = 0):
    """A product that sells so much a day, as the page judges it: its decision, and how a snapshot sees it."""
    note = ForecastNote(TODAY, 1, "model", tuple((days, a_day * days, 0.1) for days in (1, 8, FORECAST_DAYS)))
    orders = (OpenOrder(1, on_order, 0, TODAY + 5, requested_on=TODAY - 2),) if on_order else ()
    state = ProductState(KEY, version=4, buckets=SOLD, newest_day=TODAY - 1, forecast=note, open_orders=orders)
    inventory = InMemoryInventory()
    inventory.put(KEY, level, NOW)
    ((state, record),) = await Looking(inventory, CurrentRules(), TERMS, SystemClock()).at([state])
    told = (await inventory.read([KEY]))[KEY]
    judged = Judged(record.ruling.reorder_point, record.ruling.target, record)
    return record, Seen(state, told, judged, TERMS, TODAY)


SHOPS = {
    "dead and gone": (0.0, 0, 0, (0, 0)),
    "dead and owed": (0.0, -2, 0, (1, 1)),
    "dead and left over": (0.0, 40, 0, (0, 0)),
    "out": (2.0, 0, 0, (1, 1)),
    "out, and enough comes": (2.0, 0, 400, (1, 0)),
    "low": (2.0, 5, 0, (0, 1)),
    "fine": (2.0, 60, 0, (0, 0)),
    "unknown": (2.0, None, 0, (0, 0)),
}


@pytest.mark.parametrize(("a_day", "level", "on_order", "said"), SHOPS.values(), ids=SHOPS)
async def test_the_page_and_the_snapshot_agree_on_what_is_out_and_due(a_day, level, on_order, said):
    record, seen = await looked_at(a_day, level, on_order)
    row, needed = row_of(seen.state, record, committed=False), record.ruling.needed
    kept = dict(zip(NAMES, inventory_row(seen), strict=True))
    assert (kept["is_out"], kept["is_due"]) == said
    assert kept["is_out"] == int(row.status == OUT)
    assert kept["is_due"] == int(needed > 0)
    assert (row.status == UNKNOWN) == (level is None)


async def test_what_an_older_version_decided_is_needed_as_it_decided():
    """It knew nothing of sales that are lost while an order is on its way."""
    record, seen = await looked_at(2.0, 0)
    old = record._replace(known=record.known._replace(due=None))
    needed = replace(seen, judged=seen.judged._replace(decision=old)).needed_units
    assert needed == replay(old).needed > seen.needed_units == record.ruling.needed


async def test_a_product_that_was_never_judged_is_out_only_if_it_is_owed():
    state = ProductState(KEY, version=1)
    for level, out in ((0, 0), (-1, 1)):
        inventory = InMemoryInventory()
        inventory.put(KEY, level, NOW)
        told = (await inventory.read([KEY]))[KEY]
        kept = dict(zip(NAMES, inventory_row(Seen(state, told, None, TERMS, TODAY)), strict=True))
        assert (kept["is_out"], kept["is_due"]) == (out, 0)
