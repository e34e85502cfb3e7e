"""An insight is words about numbers of ours; it may be dropped at any time and never changes a quantity."""

from __future__ import annotations

import json
from numbers import Number

import pytest
from fakes.bus import InMemoryBus
from fakes.clock import NOW, TODAY
from fakes.examples import A, C, sale
from fakes.explainer import WORDS, FakeExplainer
from fakes.faults import Fault

from handlers.explain import HOUR_MS, Explain, facts_of
from handlers.insight_text import facts_as_json
from handlers.metrics import Metric


@pytest.fixture
def explainer(faults):
    return FakeExplainer(faults)


@pytest.fixture
def bus(faults):
    return InMemoryBus(faults)


@pytest.fixture
def explain(explainer, bus, clock, metrics):
    return Explain(explainer, bus, 2, clock, metrics)


async def fallen(deciding, key=A):
    """A product that had plenty and now has little."""
    await deciding.sold(*(sale(key, f"e-{age}", 3, TODAY - age, category="Tea") for age in range(1, 20)))
    deciding.inventory.put(key, 10_000, NOW)
    await deciding.decided(key)
    deciding.inventory.put(key, 2, NOW + 1)
    await deciding.sold(sale(key, "rush", 1, TODAY))
    [crossed] = (await deciding.decided(key)).crossed
    return crossed


async def test_a_crossing_is_explained_and_published(deciding, explain, bus, metrics):
    crossed = await fallen(deciding, C)
    assert await explain(crossed)
    [entry] = bus.published
    detail = json.loads(entry.detail)
    assert entry.detail_type == "Insight Published"
    assert entry.entry_id == detail["insight_id"] == "C#north:2024-10-04:excess->low"
    assert (detail["product_id"], detail["location_id"], detail["crossing"]) == ("C", "north", "excess->low")
    assert (detail["factors"], detail["source"]) == (list(WORDS.factors), "fake")
    assert metrics[Metric.INSIGHTS_PUBLISHED] == 1


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.OVERLOADED, Fault.MISCONFIGURED])
@pytest.mark.parametrize("call", ["explain", "publish"])
async def test_an_insight_is_dropped_on_any_error(deciding, explain, bus, faults, metrics, call, fault):
    crossed = await fallen(deciding)
    faults.plan(call, fault)
    assert not await explain(crossed)
    assert (bus.published, metrics[Metric.INSIGHTS_DROPPED]) == ([], 1)
    assert await explain(crossed)


async def test_an_insight_that_the_bus_refuses_is_dropped(deciding, explain, bus, metrics):
    crossed = await fallen(deciding)
    bus.refused = {f"A:2024-10-04:{'excess->low'}"}
    assert not await explain(crossed)
    assert metrics[Metric.INSIGHTS_DROPPED] == 1


async def test_no_more_is_asked_than_an_hour_allows_failures_included(deciding, explain, explainer, clock, faults):
    crossed = await fallen(deciding)
    faults.plan("explain", Fault.BEFORE)
    said = [await explain(crossed) for _ in range(4)]
    assert said == [False, True, False, False]
    assert len(explainer.asked) == 2
    clock.advance(HOUR_MS / 1000 - 1)
    assert not await explain(crossed)
    clock.advance(1)
    assert await explain(crossed)


async def test_a_budget_of_nothing_asks_nothing(deciding, explainer, bus, clock, metrics):
    crossed = await fallen(deciding)
    assert not await Explain(explainer, bus, 0, clock, metrics)(crossed)
    assert explainer.asked == []


async def test_the_facts_are_numbers_of_ours_and_names(deciding):
    crossed = await fallen(deciding, C)
    facts = facts_of(crossed)
    names = {
        "product_id": "C",
        "location_id": "north",
        "category": "Tea",
        "crossing": "excess->low",
        "forecast_source": "model",
        "projected_stockout_on": "2024-10-05",
    }
    for name, value in names.items():
        assert facts.pop(name) == value
    [order] = facts.pop("open_orders")
    assert order == {
        "reorder_id": "C#north:1",
        "outstanding": crossed.decision.order.recommended_order_quantity,
        "due_on": "2024-10-11",
    }
    numbers = [*facts.pop("demand_28_days").values(), *facts.values()]
    assert all(isinstance(value, Number) for value in numbers)
    assert facts["on_hand"] == 2
    assert facts["inventory_position"] == facts["on_hand"] + facts["on_order"]
    assert (facts["reorder_point"], facts["target"]) == (crossed.assessment.reorder_point, crossed.assessment.target)
    assert facts["rolling_7"] == 3.0
    assert facts["promotion_planned"] is False


async def test_the_facts_can_be_sent(deciding):
    crossed = await fallen(deciding)
    assert json.loads(facts_as_json(facts_of(crossed))) == facts_of(crossed)


async def test_words_change_no_quantity(deciding, explain):
    crossed = await fallen(deciding)
    before = deciding.store.at(A), dict(deciding.store.orders), dict(deciding.store.entries)
    commits = len(deciding.store.commits)
    await explain(crossed)
    assert (deciding.store.at(A), deciding.store.orders, deciding.store.entries) == before
    assert len(deciding.store.commits) == commits
