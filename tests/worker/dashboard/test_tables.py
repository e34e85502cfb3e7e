"""What the page reads of the tables is what the worker wrote there (asked of the embedded AWS, an emulator)."""

from __future__ import annotations

import pytest
from fakes.clock import NOW, TODAY, FakeClock
from fakes.examples import A, B, C, first_change, state_after
from fakes.shop import InMemoryInventory

from domain.decision import assess, decide
from domain.forecast import DemandForecast, TotalDemand
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import StockLevel
from handlers.current_rules import CurrentRules
from handlers.errors import Misconfigured
from handlers.ports import Change, Committed
from worker.aws.state import DynamoState
from worker.dashboard.board import Board
from worker.dashboard.filling import Filling, StateScan
from worker.dashboard.looking import Looking
from worker.dashboard.past_orders import PastOrders
from worker.dashboard.rows import STATUSES, row_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
FORECAST = DemandForecast(TODAY, "model", tuple(TotalDemand(days, 2.0 * days, 0.1) for days in (1, 8, FORECAST_DAYS)))


@pytest.fixture
def store(aws):
    return DynamoState(aws.clients.dynamodb, aws.settings.state_table, 5.0)


def looking(levels) -> Looking:
    inventory = InMemoryInventory()
    for key, level in levels.items():
        inventory.put(key, level, NOW)
    return Looking(inventory, CurrentRules(), SupplyTerms(), FakeClock())


async def decided(store, key, level):
    """The product as the worker decided it: committed, with its order if it needed one."""
    sold = first_change(key)
    await store.commit([sold])
    (found,) = assess([sold.state], [StockLevel(level, NOW)], [SupplyTerms()], [FORECAST], [1])
    decision = decide(sold.state, found, NOW)
    change = Change(decision.state, order=decision.order, record=decision.record if decision.order else None)
    assert await store.commit([change]) == [Committed.YES]
    return decision


async def test_the_scan_finds_every_decided_product_as_it_was_decided(aws, store):
    for key, level in ((A, 0), (B, 40)):
        await decided(store, key, level)
    await store.commit([Change(state_after(C, 1, 2))])
    board = Board(100)
    scan = StateScan(aws.clients.dynamodb, aws.settings.state_table)
    await Filling(scan, looking({A: 0, B: 40}), board, FakeClock(), 1.0).once()
    rows = {board.labels[slot]: board.row(slot) for slot in range(len(board))}
    assert {label: STATUSES[row.status] for label, row in rows.items()} == {"A": "out", "B": "fine"}
    assert rows["A"].on_order > 0


async def test_the_scan_does_not_undo_what_was_decided_meanwhile(aws, store):
    decision = await decided(store, A, 0)
    board = Board(100)
    newer = row_of(decision.state._replace(version=99), decision.record)
    board.put([newer])
    scan = StateScan(aws.clients.dynamodb, aws.settings.state_table)
    await Filling(scan, looking({A: 77}), board, FakeClock(), 1.0).once()
    assert board.row(0).on_hand == 0


async def test_a_table_that_is_away_keeps_the_page_from_nothing_but_old_products(aws):
    scan = StateScan(aws.clients.dynamodb, "no-such-table")
    with pytest.raises(Misconfigured):
        await Filling(scan, looking({}), Board(100), FakeClock(), 1.0).once()


async def test_orders_come_newest_first_with_what_they_were_decided_from(aws, store):
    decision = await decided(store, A, 0)
    (order,) = await PastOrders(aws.clients.dynamodb, aws.settings.state_table).of(decision.state)
    assert (order.reorder_id, order.quantity) == ("A:1", decision.record.ruling.quantity)
    assert order.record == decision.record
    assert order.now == decision.state.open_orders[0]
