"""How often is a model asked, how long is it waited for, and what does the start ask?"""

from __future__ import annotations

import asyncio

import pytest
import structlog
from fakes.explainer import PROBE, FakeExplainer
from fakes.faults import Fault
from fallen_products import fallen, said

from handlers.explain import AWAY, OUT_OF_BUDGET, Explain
from handlers.insight_budget import HOUR_MS, Budget
from handlers.metrics import Metric

# The budget


async def test_no_more_is_asked_than_an_hour_allows_failures_included(deciding, explain, explainer, clock, faults, bus):
    crossed = await fallen(deciding)
    faults.plan("explain", Fault.BEFORE)
    for _ in range(4):
        await explain([crossed])
    assert [detail["reason"] for detail in said(bus)] == [AWAY, None, OUT_OF_BUDGET, OUT_OF_BUDGET]
    assert len(explainer.asked) == 2
    clock.advance(HOUR_MS / 1000 - 1)
    await explain([crossed])
    clock.advance(1)
    await explain([crossed])
    assert [detail["reason"] for detail in said(bus)][4:] == [OUT_OF_BUDGET, None]


async def test_each_attempt_counts_against_the_budget(deciding, explain, explainer, bus, metrics):
    crossed = await fallen(deciding)
    explainer.attempts = 2
    for _ in range(2):
        await explain([crossed])
    assert [detail["reason"] for detail in said(bus)] == [None, OUT_OF_BUDGET]
    assert metrics[Metric.INSIGHT_CALLS] == 2


async def test_after_throttling_nothing_is_asked_until_the_model_may_be_asked_again(
    deciding, explain, explainer, clock, faults, bus
):
    crossed = await fallen(deciding)
    faults.plan("explain", Fault.OVERLOADED)
    for _ in range(2):
        await explain([crossed])
    assert len(explainer.asked) == 1
    clock.advance(1)
    await explain([crossed])
    assert [detail["reason"] for detail in said(bus)] == [AWAY, AWAY, None]


@pytest.mark.parametrize("budget", [(0, 100_000), (100, 0), (100, 2_000)])
async def test_a_budget_of_nothing_asks_nothing_and_rules_explain(
    deciding, explainer, bus, clock, metrics, book, budget
):
    explain = Explain(explainer, bus, Budget(*budget), clock, metrics, book)
    await explain.prepare()
    await explain([await fallen(deciding)])
    assert explainer.asked == []
    assert metrics[Metric.INSIGHT_CALLS] == 0
    assert [detail["source"] for detail in said(bus)] == ["rules"]


# The time there is


class Silent(FakeExplainer):
    """asked is set as soon as it is asked; it never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def explain(self, facts, may_call):
        await may_call()
        self.asked.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("already_asked", [False, True])
async def test_a_model_that_does_not_answer_in_the_time_there_is_is_given_up_and_rules_explain(
    deciding, bus, explain, already_asked
):
    explain._explainer = silent = Silent()
    crossed = await fallen(deciding)
    soon = asyncio.get_running_loop().time() + 0.01
    if already_asked:
        explaining = asyncio.create_task(explain([crossed]))
        await silent.asked.wait()
        explain.give_up_at(soon)
        await explaining
    else:
        explain.give_up_at(soon)
        await explain([crossed])
    assert [(detail["source"], detail["reason"]) for detail in said(bus)] == [("rules", AWAY)]


async def test_once_given_up_a_model_is_not_asked_again_and_nothing_of_the_budget_is_spent(
    deciding, bus, explain, explainer
):
    crossed = await fallen(deciding)
    explain.give_up_at(asyncio.get_running_loop().time())
    await explain([crossed])
    assert (explainer.asked, explain._budget.spent) == ([], 0)
    assert [detail["reason"] for detail in said(bus)] == [AWAY]


# The start


async def test_a_model_that_is_not_there_is_told_of_at_the_start_and_stops_nothing(explain, faults, deciding, bus):
    faults.plan("ready", Fault.MISCONFIGURED)
    await explain.prepare()
    await explain([await fallen(deciding)])
    assert len(bus.published) == 1


async def test_a_model_that_goes_while_the_worker_runs_is_told_of_as_at_the_start(deciding, explain, faults):
    faults.plan("explain", Fault.MISCONFIGURED)
    with structlog.testing.capture_logs() as lines:
        await explain([await fallen(deciding)])
    assert [(line["event"], line["log_level"]) for line in lines if line["log_level"] == "error"] == [
        ("insights.misconfigured", "error")
    ]


async def test_the_start_asks_once(explain, explainer):
    await explain.prepare()
    await explain.prepare()
    assert explainer.probed == 1


async def test_the_probe_counts_as_the_call_that_it_is(explain, metrics):
    await explain.prepare()
    assert (metrics[Metric.INSIGHT_CALLS], metrics[Metric.INSIGHT_TOKENS]) == (1, PROBE.tokens)
    assert explain._budget.spent == PROBE.tokens
