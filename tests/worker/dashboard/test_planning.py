"""What a planner says on the page is what the worker hears."""

from __future__ import annotations

from fakes.clock import NOW, TODAY, FakeClock
from fakes.shop import InMemoryInventory

from domain.buckets import Bucket, Days
from domain.events import MS_PER_DAY, ProductKey
from domain.folding import fold
from domain.policy import FORECAST_DAYS, SupplyTerms
from domain.product import ForecastNote, ProductState, product_label
from domain.ruling import ORDERED, OVERRIDDEN
from handlers.announcements import iso_day
from handlers.current_rules import CurrentRules
from worker.dashboard.looking import Looking
from worker.dashboard.planning import message_of
from worker.dashboard.product_view import _plan
from worker.schema import read_event

KEY = ProductKey("Lamp", "LEEDS")
TOTALS = tuple((days, 2.0 * days, 0.1) for days in (1, 8, FORECAST_DAYS))


def heard(state: ProductState, now: int, **said) -> ProductState:
    """The state once the worker has heard what was said on the page."""
    name = f"{now:032d}"
    message = message_of({"type": "quantity_overridden", "product": product_label(KEY), "name": name, **said}, now)
    event = read_event(message, None, message["event_id"], now)
    return fold(state, [event], now).state


async def why(state: ProductState) -> tuple[str, int]:
    inventory = InMemoryInventory()
    inventory.put(KEY, 0, NOW)
    ((_, record),) = await Looking(inventory, CurrentRules(), SupplyTerms(), FakeClock()).at([state])
    return record.ruling.why, record.ruling.quantity


async def test_a_quantity_that_held_until_yesterday_takes_back_the_one_before():
    note = ForecastNote(TODAY, 1, "model", TOTALS)
    state = ProductState(
        KEY, version=1, buckets=Days.of({TODAY - 1: Bucket(2, 500)}), newest_day=TODAY - 1, forecast=note
    )
    usual = await why(state)
    said = heard(state, TODAY * MS_PER_DAY + 1, quantity=777)
    assert await why(said) == (OVERRIDDEN, 777)
    assert _plan(said)["override"]["quantity"] == 777
    withdrawn = heard(said, TODAY * MS_PER_DAY + 2, quantity=777, until_on=iso_day(TODAY - 1))
    assert await why(withdrawn) == usual
    assert usual[0] == ORDERED
    assert _plan(withdrawn)["override"] is None
