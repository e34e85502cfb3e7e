"""Which products are asked about in one question, and is each told of itself alone?"""

from __future__ import annotations

import json
from dataclasses import replace

from fakes.clock import NOW
from fakes.explainer import WORDS
from fakes.faults import Fault
from fallen_products import fallen, said

from domain.events import ProductKey
from handlers.explain import UNNAMED
from handlers.insight_facts import TOGETHER_MAX, questions_of
from handlers.insight_text import facts_as_json
from handlers.metrics import Metric


def of_each(*names):
    """An answer with a factor of each of these."""
    return replace(WORDS, factors=tuple(f"Product {name} sold faster." for name in names), recommendations=(), risks=())


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


async def test_where_rules_speak_each_product_is_explained_by_its_own_facts(deciding, explain, faults, bus):
    crossed = [await fallen(deciding, ProductKey(name)) for name in ("T1", "T2")]
    faults.plan("explain", Fault.BEFORE)
    await explain(crossed)
    assert [detail["asked_with"] for detail in said(bus)] == [[], []]
    assert all("On hand 2" in detail["factors"][1] for detail in said(bus))


# What makes a question


async def test_a_product_that_a_sentence_cannot_name_alone_is_asked_about_alone(deciding):
    named = ("two words", "T1", "T2")
    crossed = [await fallen(deciding, ProductKey(name)) for name in named]
    crossed.append(await fallen(deciding, ProductKey("T1", "north")))
    asked = [[str(each.decision.state.key) for each in question.crossed] for question in questions_of(crossed)]
    assert sorted(map(len, asked)) == [1, 1, 2]


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
