"""When does a product's stock cross into another band, and how often may a planner be told?"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from decision_examples import SEEN, TWO_A_DAY, D, decided, with_orders
from hypothesis import given
from hypothesis import strategies as st

from domain.decision import Crossing
from domain.forecast import DemandForecast, TotalDemand


def as_of(day: int) -> DemandForecast:
    return replace(TWO_A_DAY, as_of=day)


def test_a_fall_below_a_lead_time_is_a_crossing():
    state = decided(SEEN, 60).state
    assert (state.band, state.insight_on) == ("covered", None)
    decision = decided(state, 13)
    assert Crossing("covered", "low") == decision.crossing
    assert (decision.state.band, decision.state.insight_on) == ("low", D)
    assert (decision.cover_days, decision.on_hand) == (6.5, 13)


def test_the_first_sight_of_a_product_is_no_crossing():
    decision = decided(SEEN, 0)
    assert (decision.crossing, decision.state.band) == (None, "out")


def test_within_a_fortnight_of_an_insight_a_further_fall_is_told_of_if_the_shelf_is_empty():
    covered = SEEN._replace(band="covered", insight_on=D)
    low = decided(covered, 13, forecast=as_of(D + 12))
    assert (low.crossing, low.state.band, low.state.insight_on) == (None, "low", D)
    empty = decided(low.state, 0, forecast=as_of(D + 13))
    assert (Crossing("low", "out"), D + 13) == (empty.crossing, empty.state.insight_on)


def test_a_band_recovers_only_a_quarter_above_its_threshold():
    low = SEEN._replace(band="low")
    assert [decided(low, level).state.band for level in (14, 17, 18)] == ["low", "low", "covered"]


def test_a_crossing_and_an_order_never_depend_on_each_other():
    """Goods on their way: the shelf is nearly empty, a planner should know, and nothing more is to be ordered."""
    decision = decided(with_orders(60, band="covered"), 3)
    assert (None, Crossing("covered", "low")) == (decision.order, decision.crossing)


@given(levels=st.lists(st.integers(0, 80), min_size=1, max_size=40), step=st.integers(0, 3))
def test_insights_of_a_product_are_at_least_a_fortnight_apart_but_for_an_empty_shelf(levels, step):
    state, told = SEEN, []
    for n, level in enumerate(levels):
        decision = decided(state, level, forecast=as_of(D + n * step))
        state = decision.state
        if decision.crossing is not None and decision.crossing.after != "out":
            told.append(D + n * step)
    assert all(later - earlier >= 14 for earlier, later in itertools.pairwise(told))


def test_cover_is_infinite_where_nothing_sells():
    nothing = DemandForecast(D, "model", tuple(TotalDemand(days, 0.0, 0) for days in (1, 8, 28)))
    assert math.isinf(decided(SEEN, 5, forecast=nothing).cover_days)
    assert decided(SEEN, 5, forecast=nothing).state.band == "excess"
