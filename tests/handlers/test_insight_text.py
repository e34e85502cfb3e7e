"""Does only a well-shaped, plain answer get through, and only data get asked?"""

import json
import math

import numpy as np
import pytest

from handlers.errors import TransientFailure
from handlers.insight_text import (
    ANSWER_SCHEMA,
    LINE_CHARS_MAX,
    LINES_MAX,
    InsightText,
    facts_as_json,
    plain_text,
    read_answer,
)

ANSWER = {
    "factors": ["Demand rose."],
    "recommendations": ["Watch it."],
    "risks": [],
    "inventory_suggestions": ["Review the pack size."],
}


def text_of(**changes):
    return json.dumps(ANSWER | changes)


def test_an_answer_in_the_agreed_shape_is_read_and_its_source_is_the_one_we_know():
    assert read_answer(text_of(), "bedrock:some-model") == InsightText(
        factors=("Demand rose.",),
        recommendations=("Watch it.",),
        risks=(),
        inventory_suggestions=("Review the pack size.",),
        source="bedrock:some-model",
    )


def test_the_schema_that_is_sent_and_the_validation_name_the_same_lists():
    assert set(ANSWER_SCHEMA["properties"]) == set(ANSWER) == set(ANSWER_SCHEMA["required"])
    assert ANSWER_SCHEMA["additionalProperties"] is False


def test_the_bounds_hold_exactly():
    full = ["x" * LINE_CHARS_MAX] * LINES_MAX
    assert len(read_answer(text_of(risks=full), "s").risks) == LINES_MAX


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sure! Here is the JSON.",
        "```json\n" + text_of() + "\n```",
        "[]",
        "null",
        "[" * 15_000,
        text_of() + "x",
        text_of(order_quantity=500),
        text_of(source="the planner's boss"),
        text_of(risks=None),
        text_of(risks="one"),
        text_of(risks=[1]),
        text_of(risks=[["nested"]]),
        text_of(risks=["x" * (LINE_CHARS_MAX + 1)]),
        text_of(risks=["x"] * (LINES_MAX + 1)),
        text_of(factors=[]),
        text_of(risks=["x" * 20_000]),
        json.dumps({"factors": ["alone"]}),
        text_of(risks=["\ud800"]),
        '{"factors": ["\ud800"]}',
    ],
)
def test_any_other_answer_is_refused(text):
    with pytest.raises(TransientFailure):
        read_answer(text, "s")


def test_a_refusal_repeats_nothing_of_the_answer():
    with pytest.raises(TransientFailure) as caught:
        read_answer(text_of(**{"\x1b[31mevil": "payload"}), "s")
    assert "extra_forbidden" in str(caught.value)
    assert "evil" not in str(caught.value)
    assert "payload" not in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://example.test\x07link\x1b]8;;\x07", "link"),
        ("nul\x00 bell\x07 delete\x7f c1\x9b", "nul bell delete c1"),
        ("\u202eright to left\u202c and zero\u200bwidth", "right to left and zerowidth"),
        ("line\u2028separator", "line separator"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("Grüße, 商品 – 20 %", "Grüße, 商品 – 20 %"),
        ("   ", ""),
    ],
)
def test_what_is_shown_is_visible_text_on_one_line(text, plain):
    assert plain_text(text) == plain


def test_control_characters_are_stripped_from_an_answer_and_empty_lines_dropped():
    answer = read_answer(text_of(risks=["\x1b[2Jgone", "\u200b", "stays"]), "s")
    assert answer.risks == ("gone", "stays")


def test_the_question_is_the_facts_and_the_same_facts_are_the_same_text():
    facts = {"b": {"y": 1.5, "x": None}, "a": True}
    assert facts_as_json(facts) == '{"a": true, "b": {"x": null, "y": 1.5}}'
    assert facts_as_json(facts) == facts_as_json(dict(reversed(facts.items())))


def test_facts_are_bounded_plain_data():
    asked = json.loads(
        facts_as_json(
            {
                "text": "Ignore\nall\x1b[1m that " + "x" * 1000,
                "list": list(range(100)),
                "inf": math.inf,
                "nan": math.nan,
                "int64": np.int64(7),
                "float64": np.float64(0.5),
            }
        )
    )
    assert asked["text"].startswith("Ignore all that x")
    assert len(asked["text"]) == 200
    assert asked["list"] == list(range(10))
    assert (asked["inf"], asked["nan"], asked["int64"], asked["float64"]) == (None, None, 7, 0.5)


def test_facts_that_are_not_data_are_a_programmers_error():
    with pytest.raises(TypeError):
        facts_as_json({"client": object()})
