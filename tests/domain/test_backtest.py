"""Does a replay keep the calendar of orders, count what it should, and let no policy see ahead?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backtest import Costs, Seen, Shop, Timing, outcome, replay
from domain.features import Ints

NOTHING = np.zeros((1, 0), dtype=np.int64)


def shop_of(demand, *, on_hand=0, due=(), sales=(2, 2, 2), unknown=None) -> Shop:
    asked = np.array([demand], dtype=np.int64)
    return Shop(
        sales=np.array([sales], dtype=np.int64),
        censored=np.zeros((1, len(sales)), dtype=bool),
        demand=asked,
        unknown=np.zeros(asked.shape, dtype=bool) if unknown is None else np.array([unknown]),
        on_hand=np.array([on_hand]),
        due=np.array([due], dtype=np.int64) if len(due) else NOTHING,
    )


def ordering(*quantities):
    """Orders these, one a decision."""
    rest = iter(quantities)
    return lambda seen: np.array([next(rest, 0)])


class Witness:
    """Orders nothing and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Seen] = []

    def __call__(self, seen: Seen) -> Ints:
        self.shown.append(seen)
        return np.zeros(len(seen.on_hand), dtype=np.int64)


# The calendar


@pytest.mark.parametrize("lead_time", [0, 1, 2, 3])
def test_an_order_decided_at_the_end_of_period_t_is_there_from_the_start_of_t_plus_1_plus_the_lead_time(lead_time):
    run = replay(shop_of([5, 5, 5, 5]), ordering(5), Timing(lead_time))
    served = [5 - missing for missing in run.missing[0]]
    assert served == [5 if period == 1 + lead_time else 0 for period in (1, 2, 3, 4)]


def test_the_game_of_two_weeks_lead_time_by_hand():
    """On hand 3, 2 more in week 2. The order at the end of week 0 serves week 3, and the last two orders nobody."""
    run = replay(shop_of([2, 4, 3, 1], on_hand=3, due=(0, 2)), ordering(4, 0, 6, 9), Timing(2))
    assert run.on_hand.tolist() == [[1, 0, 1, 0]]
    assert run.missing.tolist() == [[0, 1, 0, 0]]
    said = outcome(run, Costs(holding=0.2, shortage=1.0))
    assert said.holding_by_period.tolist() == pytest.approx([0.2, 0.0, 0.2, 0.0])
    assert said.shortage_by_period.tolist() == [0, 1, 0, 0]
    assert said.total_cost == pytest.approx(1.4)
    assert (said.orders, said.units_ordered) == (3, 19)
    assert said.fill_rate == pytest.approx(0.9)


def test_decisions_fall_every_review_period_only():
    seen = Witness()
    replay(shop_of([1] * 7), seen, Timing(1, review=3))
    assert [shown.period for shown in seen.shown] == [0, 3, 6]


def test_what_is_due_is_shown_up_to_the_arrival_of_an_order_decided_now():
    shown: list[list[int]] = []

    def policy(seen: Seen):
        shown.append(seen.due[0].tolist())
        return np.array([10 + seen.period])

    replay(shop_of([0, 0, 0, 0], due=(7, 8)), policy, Timing(2))
    assert shown == [[7, 8, 0], [8, 10, 0], [10, 11, 0], [11, 12, 0]]


# What is seen


def test_a_policy_sees_its_own_sales_up_to_the_period_that_is_over_and_where_the_shelf_ran_empty():
    seen = Witness()
    replay(shop_of([2, 4, 3], on_hand=5, sales=(1, 6)), seen, Timing(1))
    assert [shown.sales[0].tolist() for shown in seen.shown] == [[1, 6], [1, 6, 2], [1, 6, 2, 3]]
    assert [shown.censored[0].tolist() for shown in seen.shown][-1] == [False, False, False, True]


def test_with_demand_observed_nothing_is_hidden():
    seen = Witness()
    replay(shop_of([2, 4, 3], on_hand=5, sales=(1, 6)), seen, Timing(1), observe_demand=True)
    assert seen.shown[-1].sales[0].tolist() == [1, 6, 2, 4]
    assert not seen.shown[-1].censored.any()


def test_a_stock_out_in_the_file_stays_one_however_much_the_replay_had():
    seen = Witness()
    replay(shop_of([2, 0, 3], on_hand=50, unknown=[False, True, False]), seen, Timing(1))
    assert seen.shown[-1].censored[0].tolist() == [False, False, False, False, True]


@given(
    demand=st.lists(st.integers(0, 9), min_size=2, max_size=8),
    changed=st.integers(1, 7),
    lead_time=st.integers(0, 3),
    observe=st.booleans(),
)
def test_whatever_comes_later_changes_nothing_that_was_decided_before(demand, changed, lead_time, observe):
    """The leak test: two shops alike up to a period, and the policy hashes all it is shown into its order."""

    def curious(seen: Seen):
        told = (seen.sales.tolist(), seen.censored.tolist(), seen.on_hand.tolist(), seen.due.tolist())
        return np.array([hash(str(told)) % 13])

    changed = min(changed, len(demand) - 1)
    other = [*demand[:changed], *(units + 5 for units in demand[changed:])]
    runs = [
        replay(shop_of(asked, on_hand=6), curious, Timing(lead_time), observe_demand=observe)
        for asked in (demand, other)
    ]
    before = slice(0, changed + 1)
    assert runs[0].ordered[:, before].tolist() == runs[1].ordered[:, before].tolist()


def test_that_test_would_find_a_leak():
    """A policy that looks up the demand of the next period decides otherwise when it changes."""

    def cheating(asked):
        return lambda seen: np.array([asked[seen.period]])

    first, second = (
        replay(shop_of(asked), cheating(asked), Timing(0)).ordered[0, :2].tolist() for asked in ([3, 4, 5], [3, 9, 5])
    )
    assert first != second


def test_what_a_policy_does_to_the_arrays_it_was_shown_does_not_reach_the_shop():
    def vandal(seen: Seen):
        for shown in (seen.sales, seen.on_hand, seen.due):
            shown += 100
        return np.array([0])

    run = replay(shop_of([1, 1, 1], on_hand=1), vandal, Timing(1))
    assert run.on_hand.sum() == 0
    assert run.missing.sum() == 2


# What is counted


stocks = st.integers(0, 20)


@given(
    demand=st.lists(st.integers(0, 12), min_size=1, max_size=9),
    on_hand=stocks,
    due=st.lists(stocks, max_size=3),
    orders=st.lists(stocks, max_size=9),
    timing=st.builds(Timing, st.integers(0, 3), st.integers(1, 3)),
    backorders=st.booleans(),
)
def test_no_unit_comes_from_nowhere_or_goes_astray(demand, on_hand, due, orders, timing, backorders):
    run = replay(shop_of(demand, on_hand=on_hand, due=due), ordering(*orders), timing, backorders=backorders)
    periods = len(demand)
    arrived = sum(due[:periods]) + int(run.ordered[0, : max(0, periods - timing.lead_time)].sum())
    gone = sum(demand) - (int(run.owed[0, -1]) if backorders else int(run.missing.sum()))
    assert on_hand + arrived == gone + run.on_hand[0, -1]
    assert (run.on_hand >= 0).all()
    assert not (run.on_hand * run.owed).any()
    assert (run.missing <= run.demand).all()


def test_customers_who_wait_are_served_first_and_cost_by_the_period():
    run = replay(shop_of([4, 0, 2], on_hand=1), ordering(0, 4), Timing(0), backorders=True)
    assert run.owed.tolist() == [[3, 0, 1]]
    assert run.on_hand.tolist() == [[0, 1, 0]]
    said = outcome(run, Costs(1.0, 10.0), backorders=True)
    assert said.shortage_by_period.tolist() == [30, 0, 10]


def test_figures_of_a_later_part_leave_the_first_periods_out():
    run = replay(shop_of([4, 1, 2], on_hand=1), ordering(3), Timing(1), backorders=False)
    assert outcome(run, None, first=1).fill_rate == 1.0
    assert outcome(run, None).fill_rate == pytest.approx(4 / 7)
    assert outcome(run, None).total_cost is None


def test_many_products_at_once_are_each_as_if_alone():
    shops = [shop_of([2, 4, 3], on_hand=3, due=(1,)), shop_of([0, 9, 1], on_hand=8, due=(0,), sales=(0, 1, 0))]
    together = Shop(*(np.concatenate(parts) for parts in zip(*map(dataclasses.astuple, shops), strict=True)))

    def policy(seen: Seen):
        return np.maximum(6 - seen.position, 0)

    run = replay(together, policy, Timing(1))
    for row, alone in enumerate(replay(one, policy, Timing(1)) for one in shops):
        assert run.ordered[row].tolist() == alone.ordered[0].tolist()
        assert run.on_hand[row].tolist() == alone.on_hand[0].tolist()
