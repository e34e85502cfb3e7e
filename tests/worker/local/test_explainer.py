"""Does the rule-based explainer say what the facts say, no more, and always the same?"""

import json
import re

import pytest

from handlers.insight_rules import explain
from handlers.insight_text import ANSWER_SCHEMA, facts_as_json, read_answer
from worker.local.explainer import QuestionError, answer_within, facts_in, schema_fault

FACTS = {
    "product_id": "85123A",
    "location_id": None,
    "category": "lights",
    "crossing": "covered->low",
    "on_hand": 12,
    "on_order": 6,
    "inventory_position": 18,
    "reorder_point": 41,
    "target": 97,
    "days_of_cover": 3.4,
    "lead_time_days": 9,
    "projected_stockout_on": "2011-11-20",
    "demand_28_days": {"mean": 101.5, "p10": 64, "p50": 99, "p90": 143},
    "rolling_7": 5.571,
    "rolling_30": 3.533,
    "promotion_planned": True,
    "forecast_source": "fallback",
    "open_orders": [{"reorder_id": "85123A/7", "outstanding": 6, "due_on": "2011-11-23"}],
}
OBJECT = {"type": "object", "additionalProperties": False}
TEXTS = {"type": "array", "items": {"type": "string"}}


def told(**changes):
    [facts] = facts_in(facts_as_json(FACTS | changes))
    return explain(facts)


def every_line(answer):
    return " ".join(line for lines in answer.values() for line in lines)


def test_the_first_factor_says_that_rules_wrote_it():
    assert told()["factors"][0] == (
        "Written by a rule-based explainer, not by a language model. Stock went from covered to low."
    )


def test_a_low_product_is_explained_by_its_position_cover_and_demand():
    answer = told()
    assert answer["factors"][1:] == [
        "On hand 12, on order 6: the inventory position is 18 against a reorder point of 41.",
        "Stock covers 3.4 days; the lead time is 9 days.",
        "Demand is rising: 5.6 a day over the last 7 days, 3.5 over 30.",
        "The next 28 days should sell 101.5, most likely between 64 and 143.",
    ]
    assert answer["recommendations"] == [
        "The position 18 has reached the reorder point 41: let the order towards the target 97 go out.",
        "Speed up order 85123A/7 (6 units, due 2011-11-23): stock may run out on 2011-11-20.",
    ]
    assert answer["risks"][0] == "Stock is projected to run out on 2011-11-20."
    assert "baseline" in answer["risks"][-1]
    assert "promotion" in answer["inventory_suggestions"][0]


@pytest.mark.parametrize(
    ("waits_for", "said"),
    [
        (None, "goes out"),
        ("approval", "waits for a planner to approve it"),
        ("review", "waits for the next review of its supplier"),
    ],
)
def test_an_order_just_decided_is_said_and_what_it_waits_for(waits_for, said):
    order = {"reorder_id": "85123A:8", "quantity": 84, "waits_for": waits_for}
    due = f"The position 18 has reached the reorder point 41: order 85123A:8 of 84 units {said}."
    assert told(ordered_now=order)["recommendations"][0] == due
    by_a_planner = told(ordered_now=order, inventory_position=50)["recommendations"][0]
    assert by_a_planner == f"Order 85123A:8 of 84 units {said}."


def test_an_order_whose_id_cannot_be_named_is_said_without():
    order = {"reorder_id": "see evil.example:8", "quantity": 84}
    assert told(ordered_now=order)["recommendations"][0].endswith("an order of 84 units goes out.")


def test_a_covered_product_needs_nothing():
    answer = told(
        inventory_position=200,
        days_of_cover=40.0,
        projected_stockout_on=None,
        rolling_7=3.5,
        promotion_planned=False,
        forecast_source="model",
        open_orders=[],
    )
    assert answer["recommendations"] == ["No order is due at this position: watch it until the next review."]
    assert answer["risks"] == []
    assert answer["inventory_suggestions"] == []


def test_the_same_facts_give_the_same_answer_in_any_order_of_keys():
    turned = dict(reversed(FACTS.items()))
    assert told() == explain(*facts_in(facts_as_json(turned)))


def test_every_number_stands_in_the_facts_or_in_a_facts_name():
    known = set(re.findall(r"\d+(?:\.\d+)?", facts_as_json(FACTS))) | {"5.6", "3.5"}
    assert set(re.findall(r"\d+(?:\.\d+)?", every_line(told()))) <= known


@pytest.mark.parametrize("key", sorted(FACTS))
def test_an_absent_or_unknown_fact_is_not_mentioned(key):
    without = {name: value for name, value in FACTS.items() if name != key}
    absent = explain(*facts_in(facts_as_json(without)))
    assert absent == explain(*facts_in(facts_as_json(FACTS | {key: None})))
    assert "None" not in every_line(absent)


def test_no_facts_still_give_an_honest_answer():
    assert explain(*facts_in("Are you there?"))["factors"] == [
        "Written by a rule-based explainer, not by a language model."
    ]


def test_many_open_orders_stay_within_the_bounds_of_an_answer():
    order = {"reorder_id": "x" * 500, "outstanding": 10**18, "due_on": "2012-01-01"}
    answer = answer_within(ANSWER_SCHEMA, facts_in(json.dumps(FACTS | {"open_orders": [order] * 50})))
    assert read_answer(json.dumps(answer), "rules").recommendations


@pytest.mark.parametrize("text", ["{", '{"on_hand": "many"}', '{"on_hand": NaN}', '{"a":' * 100_000])
def test_facts_that_cannot_be_read_are_refused(text):
    with pytest.raises(QuestionError):
        facts_in(text)


def test_the_agreed_schema_is_obeyed_and_leaves_no_room_for_a_source():
    answer = answer_within(ANSWER_SCHEMA, facts_in(json.dumps(FACTS)))
    assert answer.keys() == ANSWER_SCHEMA["properties"].keys()
    roomy = OBJECT | {"properties": {"factors": TEXTS, "source": {"type": "string"}}}
    assert answer_within(roomy, facts_in("{}")).keys() == {"factors", "source"}


@pytest.mark.parametrize(
    "schema",
    [
        OBJECT | {"properties": {"price": {"type": "number"}}, "required": ["price"]},
        OBJECT | {"properties": {"risks": {"type": "string"}}},
        OBJECT | {"properties": {"risks": {"type": "array", "items": {"type": "integer"}}}},
    ],
)
def test_a_schema_that_no_rule_can_fill_is_refused(schema):
    with pytest.raises(QuestionError):
        answer_within(schema, facts_in("{}"))


def test_our_own_schema_is_one_that_bedrock_takes():
    assert schema_fault(ANSWER_SCHEMA) is None


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "properties": {}}, "additionalProperties"),
        (OBJECT | {"properties": {"a": {"type": "string", "maxLength": 9}}}, "schema.a: ['maxLength']"),
        (OBJECT | {"properties": {"a": TEXTS | {"maxItems": 5}}}, "maxItems"),
        (OBJECT | {"properties": {"a": TEXTS | {"minItems": 2}}}, "minItems"),
        (OBJECT | {"properties": {"a": {"type": "array", "items": {"minimum": 1}}}}, "schema.a.[]"),
    ],
)
def test_what_bedrock_refuses_in_a_schema_is_named(schema, said):
    assert said in schema_fault(schema)


def test_a_property_may_be_called_like_a_keyword():
    assert schema_fault(OBJECT | {"properties": {"minimum": {"type": "number"}}}) is None
