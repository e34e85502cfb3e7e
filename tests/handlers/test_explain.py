"""An insight is words about numbers of ours; it may be dropped at any time and never changes a quantity."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from numbers import Number

import pytest
import structlog
from fakes.bus import InMemoryBus
from fakes.clock import NOW, TODAY
from fakes.examples import A, C, sale
from fakes.explainer import PROBE, WORDS, FakeExplainer
from fakes.faults import Fault
from fakes.insights import InMemoryInsights

from domain.events import ProductKey
from handlers.explain import AWAY, BAD_ANSWER, DISAGREED, MISCONFIGURED, OUT_OF_BUDGET, UNNAMED, Explain
from handlers.insight_budget import HOUR_MS, Budget
from handlers.insight_facts import TOGETHER_MAX, facts_of, questions_of
from handlers.insight_rules import explained
from handlers.insight_text import BadAnswer, Usage, facts_as_json
from handlers.metrics import Metric
from handlers.place_reorders import Crossed


@pytest.fixture
def explainer(faults):
    return FakeExplainer(faults)


@pytest.fixture
def bus(faults):
    return InMemoryBus(faults)


@pytest.fixture
def book(faults):
    return InMemoryInsights(faults)


@pytest.fixture
def explain(explainer, bus, clock, metrics, book):
    return Explain(explainer, bus, Budget(2, 100_000), clock, metrics, book, lambda usage: usage.tokens * 0.001)


async def fallen(deciding, key=A, category="Tea"):
    """A product that had plenty and now has little."""
    await deciding.sold(*(sale(key, f"e-{key}-{age}", 3, TODAY - age, category=category) for age in range(1, 20)))
    deciding.inventory.put(key, 10_000, NOW)
    await deciding.decided(key)
    deciding.inventory.put(key, 2, NOW + 1)
    await deciding.sold(sale(key, f"rush-{key}", 1, TODAY))
    [crossed] = (await deciding.decided(key)).crossed
    return crossed


def said(bus):
    return [json.loads(entry.detail) for entry in bus.published]


async def test_a_crossing_is_explained_and_published(deciding, explain, bus, metrics):
    crossed = await fallen(deciding, C)
    assert await explain([crossed]) == 1
    [entry] = bus.published
    [detail] = said(bus)
    assert entry.detail_type == "Insight Published"
    assert entry.entry_id == detail["insight_id"] == "C#north:2024-10-04:excess->low"
    assert (detail["product_id"], detail["location_id"]) == ("C", "north")
    assert (detail["level"], detail["crossing"]) == ("stock", "excess->low")
    assert detail["headline"] == "Stock went from excess to low."
    assert (detail["factors"], detail["source"], detail["model"]) == (list(WORDS.factors), "bedrock", "fake")
    assert (detail["reason"], detail["asked_with"]) == (None, [])
    assert metrics[Metric.INSIGHTS_PUBLISHED] == 1
    assert metrics[Metric.INSIGHTS_BY_RULES] == 0


async def test_the_shape_of_the_event_is_closed(deciding, explain, bus):
    await explain([await fallen(deciding)])
    [detail] = said(bus)
    assert list(detail) == [
        *("product_id", "location_id", "insight_id", "occurred_at", "decided_at", "as_of", "level", "crossing"),
        *("headline", "factors", "recommendations", "risks", "inventory_suggestions", "source", "model", "reason"),
        *("asked_with", "facts_hash"),
    ]


async def test_an_insight_is_kept_beside_the_decision_as_it_was_published(deciding, explain, bus, book):
    await explain([await fallen(deciding)])
    assert [detail for _, detail in book.kept] == said(bus)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.BEFORE, AWAY), (Fault.OVERLOADED, AWAY), (Fault.MISCONFIGURED, MISCONFIGURED)],
)
async def test_where_no_model_answers_rules_speak_and_say_so(deciding, explain, bus, faults, metrics, fault, reason):
    faults.plan("explain", fault)
    assert await explain([await fallen(deciding)]) == 1
    [detail] = said(bus)
    assert (detail["source"], detail["model"], detail["reason"]) == ("rules", None, reason)
    assert detail["factors"][0].startswith("Written by a rule-based explainer, not by a language model.")
    assert metrics[Metric.INSIGHTS_BY_RULES] == metrics[Metric.INSIGHTS_PUBLISHED] == 1


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.OVERLOADED, Fault.MISCONFIGURED])
async def test_an_insight_that_cannot_be_published_is_dropped_and_kept(
    deciding, explain, bus, book, faults, metrics, fault
):
    faults.plan("publish", fault)
    assert await explain([await fallen(deciding)]) == 0
    assert (bus.published, metrics[Metric.INSIGHTS_DROPPED], len(book.kept)) == ([], 1, 1)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.MISCONFIGURED])
async def test_an_insight_that_cannot_be_kept_is_published_all_the_same(deciding, explain, bus, faults, fault):
    faults.plan("keep", fault)
    assert await explain([await fallen(deciding)]) == 1
    assert len(bus.published) == 1


async def test_an_insight_that_the_bus_refuses_is_dropped(deciding, explain, bus, metrics):
    crossed = await fallen(deciding)
    bus.refused = {f"A:2024-10-04:{'excess->low'}"}
    assert await explain([crossed]) == 0
    assert metrics[Metric.INSIGHTS_DROPPED] == 1


async def test_a_bad_answer_is_paid_for_and_not_shown(deciding, explain, explainer, bus, metrics):
    explainer.fails_with = BadAnswer("no", Usage(900, 100))
    await explain([await fallen(deciding)])
    [detail] = said(bus)
    assert (detail["source"], detail["reason"]) == ("rules", BAD_ANSWER)
    assert metrics[Metric.INSIGHT_TOKENS] == 1_000
    assert metrics[Metric.INSIGHT_COST] == 1_000_000  # a dollar, at a thousandth a token


async def test_sentences_that_the_facts_do_not_bear_out_are_left_out(deciding, explain, explainer, bus, metrics):
    explainer.words = replace(
        WORDS,
        factors=("2 are on hand.", "4711 are on hand.", "Stock is low."),
        risks=("Product Z-1 is better.",),
        recommendations=("Order half as much again.", "Look at the supplier."),
    )
    await explain([await fallen(deciding)])
    [detail] = said(bus)
    assert (detail["factors"], detail["risks"]) == (["2 are on hand.", "Stock is low."], [])
    assert detail["recommendations"] == ["Look at the supplier."]
    assert metrics[Metric.INSIGHT_LINES_DROPPED] == 3


async def test_of_an_answer_that_is_mostly_untrue_nothing_is_shown(deciding, explain, explainer, bus):
    untrue = ("4711 are on hand.", "4712 are on hand.")
    explainer.words = replace(WORDS, factors=("Stock is low.",), risks=untrue, recommendations=())
    await explain([await fallen(deciding)])
    [detail] = said(bus)
    assert (detail["source"], detail["reason"]) == ("rules", DISAGREED)


async def test_of_an_answer_that_says_nothing_true_nothing_is_shown(deciding, explain, explainer, bus):
    explainer.words = replace(WORDS, factors=("4711 are on hand.",), recommendations=("Look at it.",))
    await explain([await fallen(deciding)])
    [detail] = said(bus)
    assert (detail["source"], detail["reason"]) == ("rules", DISAGREED)
    assert "Look at it." not in json.dumps(detail)


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


async def test_a_model_that_goes_while_the_worker_runs_is_told_of_as_at_the_start(deciding, explain, faults):
    faults.plan("explain", Fault.MISCONFIGURED)
    with structlog.testing.capture_logs() as lines:
        await explain([await fallen(deciding)])
    assert [(line["event"], line["log_level"]) for line in lines if line["log_level"] == "error"] == [
        ("insights.misconfigured", "error")
    ]


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


# The start


async def test_a_model_that_is_not_there_is_told_of_at_the_start_and_stops_nothing(explain, faults, deciding, bus):
    faults.plan("ready", Fault.MISCONFIGURED)
    await explain.prepare()
    await explain([await fallen(deciding)])
    assert len(bus.published) == 1


async def test_the_start_asks_once(explain, explainer):
    await explain.prepare()
    await explain.prepare()
    assert explainer.probed == 1


async def test_the_probe_counts_as_the_call_that_it_is(explain, metrics):
    await explain.prepare()
    assert (metrics[Metric.INSIGHT_CALLS], metrics[Metric.INSIGHT_TOKENS]) == (1, PROBE.tokens)
    assert explain._budget.spent == PROBE.tokens


# Together


async def test_products_of_a_category_that_cross_together_are_one_question(deciding, explain, explainer, bus):
    keys = [ProductKey(name) for name in ("T1", "T2", "T3")]
    crossed = [await fallen(deciding, key) for key in keys]
    explainer.words = of_each("T1", "T2", "T3")
    assert await explain(crossed) == 3
    [asked] = explainer.asked
    assert [product["product_id"] for product in asked["products"]] == ["T1", "T2", "T3"]
    assert [(d["product_id"], d["asked_with"]) for d in said(bus)] == [
        ("T1", ["T2", "T3"]),
        ("T2", ["T1", "T3"]),
        ("T3", ["T1", "T2"]),
    ]
    assert len({detail["facts_hash"] for detail in said(bus)}) == 1


def of_each(*names):
    """An answer with a factor of each of these."""
    return replace(WORDS, factors=tuple(f"Product {name} sold faster." for name in names), recommendations=(), risks=())


async def test_as_many_as_may_be_asked_about_together_are_each_told_of_themselves(deciding, explain, explainer, bus):
    names = [f"T{n}" for n in range(TOGETHER_MAX)]
    explainer.words = of_each(*names)
    await explain([await fallen(deciding, ProductKey(name)) for name in names])
    assert [(d["product_id"], d["factors"]) for d in said(bus)] == [
        (name, [f"Product {name} sold faster."]) for name in names
    ]


async def test_a_product_that_no_sentence_names_is_explained_by_rules(deciding, explain, explainer, bus, metrics):
    explainer.words = of_each("T1")
    await explain([await fallen(deciding, ProductKey(name)) for name in ("T1", "T2")])
    [first, second] = said(bus)
    assert (first["source"], first["reason"], first["asked_with"]) == ("bedrock", None, ["T2"])
    assert (second["source"], second["reason"], second["asked_with"]) == ("rules", UNNAMED, [])
    assert metrics[Metric.INSIGHTS_BY_RULES] == 1


async def test_a_sentence_about_no_product_or_about_several_is_told_of_none(deciding, explain, explainer, bus):
    explainer.words = replace(
        of_each("T1", "T2"), risks=("It may run out.", "Product T1 and product T2 may run out."), recommendations=()
    )
    await explain([await fallen(deciding, ProductKey(name)) for name in ("T1", "T2")])
    assert [detail["risks"] for detail in said(bus)] == [[], []]


async def test_a_number_of_one_product_is_not_told_of_another(deciding, explain, explainer, bus):
    crossed = [await fallen(deciding, ProductKey(name)) for name in ("T1", "T2")]
    record = crossed[1].decision.record
    many = record._replace(known=record.known._replace(stock=(500, NOW)))
    crossed[1] = replace(crossed[1], decision=replace(crossed[1].decision, record=many))
    lines = ("Product T1 has 500 units on hand.", "Product T2 has 500 units on hand.")
    explainer.words = replace(of_each("T1", "T2"), risks=lines)
    await explain(crossed)
    assert [detail["risks"] for detail in said(bus)] == [[], [lines[1]]]


async def test_a_product_that_a_sentence_cannot_name_alone_is_asked_about_alone(deciding):
    named = ("two words", "T1", "T2")
    crossed = [await fallen(deciding, ProductKey(name)) for name in named]
    crossed.append(await fallen(deciding, ProductKey("T1", "north")))
    asked = [[str(each.decision.state.key) for each in question.crossed] for question in questions_of(crossed)]
    assert sorted(map(len, asked)) == [1, 1, 2]


async def test_where_rules_speak_each_product_is_explained_by_its_own_facts(deciding, explain, faults, bus):
    crossed = [await fallen(deciding, ProductKey(name)) for name in ("T1", "T2")]
    faults.plan("explain", Fault.BEFORE)
    await explain(crossed)
    assert [detail["asked_with"] for detail in said(bus)] == [[], []]
    assert all("On hand 2" in detail["factors"][1] for detail in said(bus))


async def test_what_is_not_alike_is_asked_about_apart(deciding):
    tea, jam = await fallen(deciding, ProductKey("T1")), await fallen(deciding, ProductKey("J1"), "Jam")
    alone = [await fallen(deciding, ProductKey(name), None) for name in ("N1", "N2")]
    sizes = sorted(len(question.crossed) for question in questions_of([tea, jam, *alone]))
    assert sizes == [1, 1, 1, 1]


async def test_a_question_is_about_so_many_products_at_most(deciding):
    crossed = [await fallen(deciding, ProductKey(f"T{n:02d}")) for n in range(TOGETHER_MAX + 3)]
    questions = list(questions_of(crossed))
    assert [len(question.crossed) for question in questions] == [TOGETHER_MAX, 3]
    for question in questions:
        assert len(json.loads(facts_as_json(question.facts))["products"]) == len(question.crossed)


# The facts


async def test_the_facts_are_numbers_of_ours_and_names(deciding):
    crossed = await fallen(deciding, C)
    facts = facts_of(crossed)
    names = {
        "product_id": "C",
        "location_id": "north",
        "level": "stock",
        "crossing": "excess->low",
        "forecast_source": "model",
        "projected_stockout_on": "2024-10-05",
        "last_sold_on": "2024-10-04",
        "promotion_starts_on": None,
        "promotion_ends_on": None,
        "order_refused": None,
    }
    for name, value in names.items():
        assert facts.pop(name) == value
    assert facts.pop("open_orders") == []
    quantity = crossed.decision.order.recommended_order_quantity
    assert facts.pop("ordered_now") == {"reorder_id": "C#north:1", "quantity": quantity, "waits_for": None}
    numbers = [*facts.pop("demand_28_days").values(), *facts.values()]
    assert all(isinstance(value, Number) for value in numbers)
    assert facts["on_hand"] == 2
    assert (facts["on_order"], facts["inventory_position"]) == (0, 2)
    assert (facts["reorder_point"], facts["target"]) == (crossed.assessment.reorder_point, crossed.assessment.target)
    assert (facts["rolling_7"], facts["sold_28_days"], facts["selling_days_of_28"]) == (3.0, 57, 19)
    assert facts["promotion_planned"] is False


async def test_rules_say_the_order_that_goes_out_and_what_it_was_decided_from(deciding, explain, faults, bus):
    crossed = await fallen(deciding)
    faults.plan("explain", Fault.BEFORE)
    await explain([crossed])
    [detail] = said(bus)
    order, point = crossed.decision.order, crossed.assessment.reorder_point
    sent = f"order {order.reorder_id} of {order.recommended_order_quantity} units goes out."
    assert detail["recommendations"] == [f"The position 2 has reached the reorder point {point}: {sent}"]
    assert "On hand 2, on order 0: the inventory position is 2" in detail["factors"][1]


async def test_orders_that_were_open_before_are_told_of_without_the_new_one(deciding):
    first = await fallen(deciding)
    deciding.inventory.put(A, -400, NOW + 2)
    await deciding.sold(sale(A, "more", 1, TODAY))
    [second] = (await deciding.decided(A)).decisions
    facts = facts_of(Crossed(first.assessment, second))
    assert [order["reorder_id"] for order in facts["open_orders"]] == ["A:1"]
    assert facts["ordered_now"]["reorder_id"] == "A:2"
    assert facts["on_order"] == first.decision.order.recommended_order_quantity


async def test_where_nothing_was_ordered_there_is_no_order_among_the_facts(deciding):
    crossed = await fallen(deciding)
    still = replace(crossed.decision, order=None)
    assert facts_of(replace(crossed, decision=still))["ordered_now"] is None


async def test_a_stock_that_nobody_knows_is_no_position_and_no_sentence(deciding):
    await deciding.sold(*(sale(A, f"e{age}", 3, TODAY - age) for age in range(1, 20)))
    assessments = await deciding.assessed(A)
    [decision] = (await deciding.place(assessments)).decisions
    facts = facts_of(Crossed(assessments[0], decision))
    assert (facts["on_hand"], facts["inventory_position"], facts["days_of_cover"]) == (None, None, None)
    text = explained(facts)
    words = " ".join((*text.factors, *text.recommendations, *text.risks, *text.inventory_suggestions))
    assert "position" not in words
    assert "unknown" not in words
    assert text.recommendations == ("The stock is not known: enter it, for nothing is ordered until then.",)


async def test_the_facts_can_be_sent(deciding):
    crossed = await fallen(deciding)
    assert json.loads(facts_as_json(facts_of(crossed))) == facts_of(crossed)


async def test_the_same_facts_have_the_same_hash_and_others_another(deciding):
    crossed = await fallen(deciding)
    [once], [again] = questions_of([crossed]), questions_of([crossed])
    assert once.facts_hash == again.facts_hash
    other = crossed.decision
    record = other.record
    moved = record._replace(known=record.known._replace(stock=(3, NOW)))
    [changed] = questions_of([replace(crossed, decision=replace(other, record=moved))])
    assert changed.facts_hash != once.facts_hash


async def test_words_change_no_quantity(deciding, explain):
    crossed = await fallen(deciding)
    before = deciding.store.at(A), dict(deciding.store.orders), dict(deciding.store.entries)
    commits = len(deciding.store.commits)
    await explain([crossed])
    assert (deciding.store.at(A), deciding.store.orders, deciding.store.entries) == before
    assert len(deciding.store.commits) == commits
