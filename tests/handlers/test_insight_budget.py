"""Is no more asked in any hour than calls and tokens allow?"""

from __future__ import annotations

import pytest
from fakes.insights import InMemoryInsightLedger
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import TransientFailure
from handlers.insight_budget import HOUR_MS, Budget, BudgetSpent, Calls

NOW = 10**12


def test_calls_and_tokens_are_bounded_together():
    budget = Budget(3, 1_000)
    assert budget.take(NOW, 600) is not None
    assert budget.take(NOW, 500) is None
    assert budget.take(NOW, 400) is not None
    assert budget.take(NOW, 0) is not None
    assert budget.take(NOW, 0) is None


def test_what_a_call_did_cost_takes_the_place_of_what_it_might_have():
    budget = Budget(10, 1_000)
    grant = budget.take(NOW, 1_000)
    assert budget.take(NOW, 1) is None
    grant.tokens = 200
    assert budget.take(NOW, 800) is not None


def test_an_hour_later_there_is_room_again():
    budget = Budget(1, 10)
    assert budget.take(NOW, 10) is not None
    assert budget.take(NOW + HOUR_MS - 1, 10) is None
    assert budget.take(NOW + HOUR_MS, 10) is not None


@given(
    calls=st.integers(0, 5),
    tokens=st.integers(0, 50),
    asked=st.lists(st.tuples(st.integers(0, HOUR_MS), st.integers(0, 20)), max_size=40),
)
def test_no_hour_sees_more_than_the_budget(calls, tokens, asked):
    budget, granted, now = Budget(calls, tokens), [], NOW
    for wait, wanted in asked:
        now += wait
        if budget.take(now, wanted) is not None:
            granted.append((now, wanted))
        window = [n for at, n in granted if at > now - HOUR_MS]
        assert len(window) <= calls
        assert sum(window) <= tokens


async def test_workers_share_the_hour_of_the_clock():
    ledger = InMemoryInsightLedger()
    one, other = (Calls(Budget(2, 1_000, ledger), NOW, 300) for _ in range(2))
    await one()
    await other()
    for worker in (one, other):
        with pytest.raises(BudgetSpent):
            await worker()
    restarted = Calls(Budget(2, 1_000, ledger), NOW, 300)
    with pytest.raises(BudgetSpent):
        await restarted()
    assert len(one.granted) == len(other.granted) == 1


async def test_a_call_that_the_others_have_taken_leaves_its_twin_of_the_same_moment_as_it_was():
    ledger = InMemoryInsightLedger()
    budget = Budget(9, 1_000, ledger)
    calls = Calls(budget, NOW, 300)
    await calls()
    await Calls(Budget(9, 1_000, ledger), NOW, 600)()
    with pytest.raises(BudgetSpent):
        await calls()
    calls.cost(100)
    assert budget.spent == 100


async def test_what_the_calls_came_to_is_told_to_the_others():
    ledger = InMemoryInsightLedger()
    calls = Calls(Budget(9, 1_000, ledger), NOW, 900)
    await calls()
    calls.cost(200)
    await calls.settle()
    assert ledger.hours == {NOW // HOUR_MS: (1, 200)}
    await Calls(Budget(9, 1_000, ledger), NOW, 800)()


async def test_where_nobody_can_tell_what_was_spent_nothing_is_asked():
    class Away(InMemoryInsightLedger):
        async def take(self, *_):
            raise TransientFailure("the table is away")

        async def correct(self, *_):
            raise TransientFailure("the table is away")

    calls = Calls(Budget(9, 1_000, Away()), NOW, 10)
    with pytest.raises(BudgetSpent, match="the table is away"):
        await calls()
    assert calls.granted == []
    await calls.settle()
