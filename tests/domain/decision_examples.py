"""What is decided about a mug of which two sell a day?"""

from __future__ import annotations

from domain_streams import MUG, NEW_YEARS_EVE, NOW

from domain.decision import Assessment, Decision, assess, decide
from domain.forecast import DemandForecast, TotalDemand
from domain.orders import OpenOrder
from domain.policy import SupplyTerms
from domain.product import ProductState, StockLevel

D = NEW_YEARS_EVE
TWO_A_DAY = DemandForecast(D, "model", (TotalDemand(1, 2, 0), TotalDemand(8, 16, 0), TotalDemand(28, 56, 0)))
WEEKLY = SupplyTerms()
SEEN = ProductState(MUG, dirty=3, dirty_since=7, cycle=4)


def found_out(
    snapshot: ProductState, level: int | None, terms: SupplyTerms = WEEKLY, forecast: DemandForecast = TWO_A_DAY
) -> Assessment:
    """What an assessment says when the shop has this much on hand (None: no record) and two units sell a day."""
    stock = None if level is None else StockLevel(level, 1)
    return assess([snapshot], [stock], [terms], [forecast], [42])[0]


def decided(state: ProductState, level: int | None, **how) -> Decision:
    decision = decide(state, found_out(state, level, **how), NOW)
    assert decision is not None
    return decision


def with_orders(*outstanding: int, **fields) -> ProductState:
    orders = tuple(OpenOrder(n + 1, units, 0, D) for n, units in enumerate(outstanding))
    return SEEN._replace(cycle=len(orders), open_orders=orders, **fields)
