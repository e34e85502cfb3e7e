"""Is a crossing explained by the model where it answers well, and by rules where it does not?

An insight is words about numbers of ours; it may be dropped at any time and never changes a quantity."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fakes.examples import A, C
from fakes.explainer import WORDS
from fakes.faults import Fault
from fallen_products import fallen, said

from handlers.explain import AWAY, BAD_ANSWER, DISAGREED, MISCONFIGURED
from handlers.insight_text import BadAnswer, Usage
from handlers.metrics import Metric


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


async def test_words_change_no_quantity(deciding, explain):
    crossed = await fallen(deciding)
    before = deciding.store.at(A), dict(deciding.store.orders), dict(deciding.store.entries)
    commits = len(deciding.store.commits)
    await explain([crossed])
    assert (deciding.store.at(A), deciding.store.orders, deciding.store.entries) == before
    assert len(deciding.store.commits) == commits


# Where something fails


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


# Answers that are not true


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
