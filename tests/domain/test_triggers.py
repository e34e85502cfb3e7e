"""Is a planner told of what changed, once, and of nothing that only went to and fro?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from domain_streams import MUG
from hypothesis import given
from hypothesis import strategies as st

from domain.events import MS_PER_DAY, SaleRecorded
from domain.folding import fold
from domain.product import ProductState
from domain.ruling import ENOUGH, FROZEN, FULL, NO_STOCK, ORDERED, OVERRIDDEN, TOO_MANY
from domain.signals import INSIGHT_COOLDOWN_DAYS
from domain.triggers import ACCURACY, DEMAND, FORECAST, RECENT_DAYS, RULE, Crossing, Seen, _sold_of_late, watched

D = 20_000
PLENTY = Seen(
    as_of=D, cover_days=30.0, lead_time_days=7, arrivals=(), reorder_point=20, expected=2.0, by_model=True, why=ENOUGH
)


def selling(a_day: int = 2, days: int = 60) -> ProductState:
    """A product that has sold so many a day for so long before D, and goes on."""
    sales = [SaleRecorded(MUG, f"e{day}", day * MS_PER_DAY, a_day, 100 * a_day) for day in range(D - days, D + 60)]
    return fold(ProductState(MUG), sales, (D + 60) * MS_PER_DAY).state


def goes(state: ProductState, *steps: Seen) -> list[Crossing | None]:
    """What is told after each step, a day later than the one before."""
    told = []
    for n, seen in enumerate(steps):
        state, crossing = watched(state, seen._replace(as_of=D + n))
        told.append(crossing)
    return told


def steps(*named: dict[str, object]) -> list[Seen]:
    return [PLENTY._replace(**fields) for fields in named]


def last(told: list[Crossing | None]) -> list[tuple[int, Crossing]]:
    return [(n, crossing) for n, crossing in enumerate(told) if crossing is not None]


# Stock


def test_a_shelf_that_lasts_until_goods_arrive_is_the_end_of_a_cycle_and_nothing_to_tell():
    low = {"cover_days": 4.0}
    assert goes(selling(), PLENTY, *steps(low)) == [None, Crossing("covered", "low")]
    for arrivals, told in (((D + 4,), None), ((D + 9, D + 3), None), ((D + 9,), Crossing("covered", "low"))):
        assert goes(selling(), PLENTY, *steps({**low, "arrivals": arrivals})) == [None, told]


def test_goods_that_are_due_and_not_here_comfort_nobody():
    low = {"cover_days": 4.0, "arrivals": (D - 3, D, D + 1)}
    assert goes(selling(), PLENTY, *steps(low)) == [None, Crossing("covered", "low")]


def test_an_empty_shelf_is_told_of_whatever_is_on_its_way():
    empty = {"cover_days": 0.0, "arrivals": (D + 2,)}
    assert goes(selling(), PLENTY, *steps(empty)) == [None, Crossing("covered", "out")]


def test_where_the_stock_is_not_known_no_band_is_said_and_the_other_levels_go_on():
    unknown = PLENTY._replace(cover_days=None, why=NO_STOCK)
    state, crossing = watched(selling(), unknown)
    assert (state.band, crossing) == (None, None)
    assert last(goes(state, *[unknown._replace(by_model=False)] * 9)) != []


# Rules


@pytest.mark.parametrize("why", [FROZEN, FULL, TOO_MANY])
def test_an_order_that_a_rule_refuses_is_told_of_once_until_something_is_ordered_again(why):
    refused, free = {"why": why}, {"why": ORDERED}
    told = goes(selling(), PLENTY, *steps(refused, refused, {"why": ENOUGH}, refused))
    assert last(told) == [(1, Crossing("free", "refused", RULE))]
    again = goes(selling(), PLENTY, *steps(refused, free, *[free] * INSIGHT_COOLDOWN_DAYS, refused))
    assert [n for n, _ in last(again)] == [1, INSIGHT_COOLDOWN_DAYS + 3]


@pytest.mark.parametrize("why", [ORDERED, OVERRIDDEN, ENOUGH, NO_STOCK])
def test_what_no_rule_refuses_is_not_told_of(why):
    assert goes(selling(), PLENTY, *steps({"why": why})) == [None, None]


def test_a_refusal_comes_before_the_empty_shelf_that_it_leads_to():
    both = {"why": FROZEN, "cover_days": 0.0}
    assert goes(selling(), PLENTY, *steps(both)) == [None, Crossing("free", "refused", RULE)]


def test_a_refusal_is_seen_within_the_day_too():
    state, _ = watched(selling(), PLENTY)
    assert watched(state, PLENTY._replace(why=FROZEN))[1] == Crossing("free", "refused", RULE)


# Who forecasts


def test_the_baseline_is_told_of_when_it_has_answered_for_days_and_its_end_is_not():
    baseline = {"by_model": False}
    told = goes(selling(), PLENTY, *steps(*[baseline] * 5, *[{}] * 5))
    assert last(told) == [(4, Crossing("model", "baseline", ACCURACY))]


def test_an_endpoint_that_is_away_for_a_day_is_nothing_to_tell():
    assert last(goes(selling(), *steps({}, {"by_model": False}, {}, {"by_model": False}, {}))) == []


def test_a_product_that_never_had_a_model_has_not_lost_one():
    assert last(goes(selling(), *steps(*[{"by_model": False}] * 30))) == []


# Demand


def test_demand_that_has_risen_by_a_third_and_stays_there_is_told_of_once():
    told = goes(selling(), PLENTY, *steps(*[{"reorder_point": 40}] * 40))
    [(day, crossing)] = last(told)
    assert crossing == Crossing("steady", "risen", DEMAND)
    assert 4 <= day <= 6


def test_demand_that_has_fallen_is_told_of_too():
    told = goes(selling(), PLENTY, *steps(*[{"reorder_point": 6}] * 20))
    assert [crossing for _, crossing in last(told)] == [Crossing("steady", "fallen", DEMAND)]


def test_one_wild_day_is_no_change_of_demand():
    assert last(goes(selling(), *steps({}, {"reorder_point": 60}, *[{}] * 30))) == []


@given(points=st.lists(st.integers(16, 25), min_size=1, max_size=60))
def test_demand_that_stays_within_a_quarter_is_steady(points):
    assert last(goes(selling(), *steps({}, *[{"reorder_point": point} for point in points]))) == []


@given(points=st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_of_a_product_of_which_a_unit_or_two_is_kept_no_change_is_worth_a_word(points):
    told = goes(selling(), *steps({"reorder_point": 1}, *[{"reorder_point": point} for point in points]))
    assert last(told) == []


def test_a_newcomers_averages_that_fill_are_no_growth():
    growing = [{"reorder_point": 4 + n} for n in range(20)]
    assert last(goes(selling(days=5), *steps({}, *growing))) == []
    assert last(goes(selling(days=40), *steps({}, *growing))) != []


@given(
    sold=st.dictionaries(st.integers(D - 120, D + 5), st.integers(-3, 9).filter(bool), max_size=40),
    as_of=st.integers(D - 5, D + 40),
)
def test_what_was_sold_of_late_is_the_sum_of_its_days(sold, as_of):
    """Against the buckets one by one: the ring is read where it lies."""
    sales = [SaleRecorded(MUG, f"e{day}", day * MS_PER_DAY, n, 100 * n) for day, n in sorted(sold.items())]
    state = fold(ProductState(MUG), sales, (D + 40) * MS_PER_DAY).state
    days = {day: bucket for day, bucket in state.buckets.items() if bucket.sold}
    expected = None
    if any(day <= as_of - RECENT_DAYS for day in days):
        net = sum(bucket.net for day, bucket in state.buckets.items() if as_of - RECENT_DAYS <= day < as_of)
        expected = max(0, net) / RECENT_DAYS
    assert _sold_of_late(state, as_of) == expected


# The forecast against what was sold


def test_a_forecast_far_above_sales_is_told_of_when_it_stays_there():
    told = goes(selling(), PLENTY, *steps(*[{"expected": 4.0}] * 12))
    [(day, crossing)] = last(told)
    assert crossing == Crossing("near sales", "above sales", FORECAST)
    assert day >= 4


def test_a_forecast_near_sales_is_nothing_to_tell_and_a_wild_day_neither():
    assert last(goes(selling(), *steps(*[{"expected": 2.4}] * 12))) == []
    assert last(goes(selling(), *steps({}, {"expected": 6.0}, *[{}] * 12))) == []


def test_a_day_is_measured_once_however_often_it_is_decided():
    """Deciding ten times a second must not smooth ten times as fast."""
    state, _ = watched(selling(), PLENTY)
    again = state
    for _ in range(5):
        again, _ = watched(again, PLENTY._replace(reorder_point=90, expected=9.0))
    assert again.watch == state.watch


# All of them


SEEN = st.builds(
    Seen,
    as_of=st.just(D),
    cover_days=st.none() | st.floats(0, 90),
    lead_time_days=st.integers(0, 20),
    arrivals=st.lists(st.integers(D - 10, D + 90), max_size=3).map(tuple),
    reorder_point=st.integers(0, 90),
    expected=st.floats(0, 20),
    by_model=st.booleans(),
    why=st.sampled_from([ENOUGH, NO_STOCK, FROZEN, FULL, TOO_MANY, ORDERED, OVERRIDDEN]),
)


# The cool-down

LOW, EMPTY, FEW = {"cover_days": 4.0}, {"cover_days": 0.0}, {"cover_days": 1.0}
FORTNIGHT = INSIGHT_COOLDOWN_DAYS


def test_a_shelf_that_empties_within_the_cool_down_is_told_of():
    told = goes(selling(), PLENTY, *steps(LOW, LOW, EMPTY))
    assert last(told) == [(1, Crossing("covered", "low")), (3, Crossing("low", "out"))]


def test_a_shelf_that_stays_empty_is_told_of_once():
    assert last(goes(selling(), PLENTY, *steps(*[EMPTY] * 40))) == [(1, Crossing("covered", "out"))]


def test_a_unit_now_and_then_is_no_end_of_an_empty_shelf():
    told = last(goes(selling(), PLENTY, *steps(*[EMPTY, FEW] * 6)))
    assert told == [(1, Crossing("covered", "out"))]


def test_a_shelf_that_was_full_in_between_may_break_the_cool_down_again():
    told = last(goes(selling(), PLENTY, *steps(EMPTY, {}, EMPTY)))
    assert told == [(1, Crossing("covered", "out")), (3, Crossing("covered", "out"))]


@pytest.mark.parametrize(
    ("meanwhile", "crossing"),
    [
        ({"why": FROZEN}, Crossing("free", "refused", RULE)),
        ({"by_model": False}, Crossing("model", "baseline", ACCURACY)),
        ({"reorder_point": 40}, Crossing("steady", "risen", DEMAND)),
        ({"expected": 4.0}, Crossing("near sales", "above sales", FORECAST)),
    ],
)
def test_what_happens_within_the_cool_down_is_told_at_its_end_if_it_still_holds(meanwhile, crossing):
    low = (1, Crossing("covered", "low"))
    assert last(goes(selling(), PLENTY, *steps(LOW, *[meanwhile] * 20))) == [low, (1 + FORTNIGHT, crossing)]
    over = steps(LOW, *[meanwhile] * 6, *[{"why": ORDERED}] * 20)
    if crossing.level != ACCURACY:  # which is not over before the model has answered for a while
        assert last(goes(selling(), PLENTY, *over)) == [low]


def test_a_fall_within_the_cool_down_is_told_at_its_end_if_the_shelf_is_still_low():
    refused = (1, Crossing("free", "refused", RULE))
    frozen = [{**LOW, "why": FROZEN}] * 20
    told = last(goes(selling(), PLENTY, *steps({"why": FROZEN}, *frozen)))
    assert told == [refused, (1 + FORTNIGHT, Crossing("covered", "low"))]
    assert last(goes(selling(), PLENTY, *steps({"why": FROZEN}, *frozen[:5], *[{"why": FROZEN}] * 20))) == [refused]


def test_an_endpoint_that_is_away_silences_no_product():
    away = {"by_model": False}
    told = last(goes(selling(), PLENTY, *steps(*[away] * 4, {**away, **LOW})))
    assert told == [(4, Crossing("model", "baseline", ACCURACY)), (5, Crossing("covered", "low"))]


def test_an_endpoint_that_comes_and_goes_is_told_of_once():
    weeks = [*[{"by_model": False}] * 5, *[{}] * 5] * 4
    assert last(goes(selling(), PLENTY, *steps(*weeks))) == [(4, Crossing("model", "baseline", ACCURACY))]


@given(days=st.lists(SEEN, min_size=1, max_size=60))
def test_whatever_happens_a_product_is_told_of_once_in_a_fortnight_and_never_at_first_sight(days):
    """But for a shelf that empties, and an endpoint that is away."""
    told = last(goes(selling(), *days))
    assert all(day > 0 for day, _ in told)
    quiet_from = None
    for day, crossing in told:
        if crossing.level != ACCURACY:
            assert quiet_from is None or day - quiet_from >= FORTNIGHT or crossing.after == "out"
            quiet_from = day


@given(covers=st.lists(st.sampled_from([0.0, 1.0, 4.0, 30.0]), min_size=1, max_size=40))
def test_between_two_empty_shelves_that_are_told_of_it_was_covered_or_a_fortnight_has_passed(covers):
    told = [n for n, step in last(goes(selling(), *steps(*[{"cover_days": c} for c in covers]))) if step.after == "out"]
    assert all(30.0 in covers[one:other] or other - one >= FORTNIGHT for one, other in pairwise(told))


@given(days=st.lists(SEEN, min_size=1, max_size=10))
def test_watching_changes_nothing_that_is_decided_from(days):
    state = before = selling()
    for n, seen in enumerate(days):
        state, _ = watched(state, seen._replace(as_of=D + n))
    assert state._replace(band=None, watch=None, insight_on=None) == before
