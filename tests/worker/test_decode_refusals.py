"""Does whatever a sender writes end in a line with a reason, and its neighbours count?

Nothing a sender writes raises, and no line is lost."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from bodies_of_sales import IMAGE, SALE, events_of, reasons_of, stream, wrapped
from fakes.clock import NOW
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.events import ProductKey
from worker.decode import DEPTH_MAX, LINES_MAX, as_text, decode

# Bad lines


def test_one_bad_line_does_not_take_the_others_with_it():
    body = [SALE, "text", {**SALE, "quantity": 1e30}, None, [1], {**SALE, "event_id": "e2"}]
    events, rejected = decode(json.dumps(body), "m", NOW)
    assert [(d.event.event_id, d.line_id) for d in events] == [("e1", "m-0"), ("e2", "m-5")]
    assert [(r.line_id, r.line) for r in rejected] == [
        ("m-1", "text"),
        ("m-2", {**SALE, "quantity": 1e30}),
        ("m-3", None),
        ("m-4", [1]),
    ]


def test_nan_refuses_its_own_line_only():
    events, rejected = decode(
        '[{"product_id":"A","quantity":NaN,"date":"2024-10-01"},' + json.dumps(SALE) + "]", "m", NOW
    )
    assert [d.line_id for d in events] == ["m-1"]
    assert rejected[0].reason.startswith("quantity: ")


def test_a_single_line_is_kept_verbatim():
    body = '  {"product_id" : "A", "quantity": "many"}  '
    _, [rejected] = decode(body, "m", NOW)
    assert (rejected.line_id, rejected.line) == ("m", body)


@pytest.mark.parametrize(
    "bad",
    [
        '{"product_id": "B", "quantity": 1, "sale_date": "2024-10-01", "category": "\\ud800"}',
        '{"product_id": "\\ud800", "quantity": 1, "sale_date": "2024-10-01"}',
        '{"product_id": "B", "quantity": 1, "sale_date": "2024-10-01", "note": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"product_id": "B", "quantity": 1' + "0" * 5_000 + ', "sale_date": "2024-10-01"}',
        '{"product_id": "B", "quantity": tru}',
        '{"product_id": "B", "quantity": 1, "sale_date": "], [", "price": "\\"}, {"}',
        "",
    ],
)
def test_one_broken_element_does_not_take_the_others_with_it(bad):
    good = json.dumps(SALE)
    events, rejected = decode(f"[{good}, {bad} ,{good}]", "m", NOW)
    assert [decoded.line_id for decoded in events if decoded.event.product == ProductKey("A")] == ["m-0", "m-2"]
    assert len(events) + len(rejected) == 3
    assert [line.line_id for line in rejected] == ["m-1"]


def test_a_text_without_an_end_does_not_take_those_before_it_with_it():
    events, rejected = decode(f'[{json.dumps(SALE)}, "endless \\"]', "m", NOW)
    assert ([d.line_id for d in events], [r.line_id for r in rejected]) == (["m-0"], ["m-1"])


# Bad bodies


@pytest.mark.parametrize("body", ["", "not json", "{", '{"a":1}}', "\ud800", "1e", "[" * 5_000])
def test_what_is_not_json_is_one_rejected_line(body):
    events, [rejected] = decode(body, "m", NOW)
    assert events == []
    assert rejected.reason.startswith("not JSON: ")
    assert rejected.line == body


@pytest.mark.parametrize("body", ['[{"a": 1}', '[{"a": 1}]]', "[{]}", '["x', "[1, 2"])
def test_an_array_whose_brackets_do_not_match_is_refused_as_a_whole(body):
    events, [rejected] = decode(body, "m", NOW)
    assert (events, rejected.line_id, rejected.line) == ([], "m", body)


def test_an_empty_array_is_refused():
    assert reasons_of([]) == ["an empty array"]


@pytest.mark.parametrize(
    "said",
    [
        stream({"a": {"M": [1]}}),
        stream({"a": {"L": 5}}),
        stream({"a": {"N": "NaN"}}),
        stream({"a": {"N": "many"}}),
        stream({"a": {"NS": ["1", "many"]}}),
        stream({"a": {"N": "1E+99999999"}}),
        stream({"a": {"S": "x", "N": "1"}}),
        stream({"a": 5}),
        {"eventName": "INSERT", "dynamodb": {"NewImage": IMAGE, "Keys": "text"}},
        {"eventName": ["INSERT"], "dynamodb": {}},
        {"eventName": "INSERT", "dynamodb": {"NewImage": None}},
        {"detail-type": "Sale Recorded", "detail": "text"},
        {"detail-type": {"a": 1}, "detail": SALE},
        {"Type": "Notification", "Message": "text"},
        {**SALE, "occurred_at": 10**400},
        {**SALE, "type": ["sale_recorded"]},
        {**SALE, "type": "sale_deleted"},
    ],
    ids=str,
)
def test_a_broken_wrapping_is_a_rejected_line_with_a_reason(said):
    [reason] = reasons_of(said)
    assert reason
    events, rejected = decode(json.dumps([said, SALE]), "m", NOW)
    assert ([d.line_id for d in events], [r.line_id for r in rejected]) == (["m-1"], ["m-0"])


def test_wrappings_that_take_turns_are_counted_all_together():
    body = SALE
    for _ in range(DEPTH_MAX):
        body = wrapped(body, "array", "sns")
    [reason] = reasons_of(body)
    assert reason == f"wrapped more than {DEPTH_MAX} times"


def test_too_many_wrappings_are_refused():
    assert len(reasons_of(wrapped(SALE, *["sns"] * (DEPTH_MAX + 1)))) == 1
    assert len(events_of(wrapped(SALE, *["sns"] * (DEPTH_MAX - 1)))) == 1


def test_a_message_of_too_many_lines_is_rejected_whole():
    events, rejected = decode(json.dumps([1] * (LINES_MAX + 1)), "m", NOW)
    assert (events, [line.line_id for line in rejected]) == ([], ["m"])
    assert reasons_of([1] * (LINES_MAX + 1)) == [f"more than {LINES_MAX} lines in one message"]
    assert len(reasons_of([1] * LINES_MAX)) == LINES_MAX


def test_a_small_message_does_not_become_large_in_memory():
    order = {f"field{n}": n for n in range(200)} | {"lines": [{}] * 80_000}
    body = json.dumps(order)
    assert len(body) < 400_000
    tracemalloc.start()
    [reason] = reasons_of(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "80000 lines and 200 fields is too large" in reason
    assert peak < 40_000_000


# Anything at all


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2024-10-01"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["product_id", "location_id", "quantity", "price", "occurred_at", "date", "type", "event_id", "category"]
FIELDS += ["promotion", "lines", "items", "detail", "detail-type", "id", "Type", "Message", "eventName", "dynamodb"]
FIELDS += ["level", "starts_on", "ends_on", "reorder_id"]
hints = st.sampled_from(["Notification", "INSERT", "Sale Recorded", "stock_changed", "{}", "[]", "A", "1.5", 10**400])
images = st.dictionaries(st.sampled_from(FIELDS), st.dictionaries(st.sampled_from("SNBLM"), json_values, max_size=2))
near_sales = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), json_values | hints | images, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(lambda said: {**SALE, "lines": said}, st.lists(inner, max_size=3))
        | st.builds(lambda said: {"Type": "Notification", "Message": json.dumps(said)}, inner)
        | st.builds(lambda said: {"detail-type": "Sale Recorded", "detail": said}, inner)
        | st.builds(lambda image: stream(image, k={"S": "1"}), images)
        | st.builds(
            lambda old, new, name: stream(new, name, old, k={"S": "1"}),
            st.just(IMAGE) | images,
            st.just(IMAGE) | images,
            st.sampled_from(["MODIFY", "REMOVE"]),
        )
        | st.builds(lambda said: {"Records": said}, st.lists(inner, max_size=3))
    ),
    max_leaves=6,
)


@given(
    body=st.text() | st.text(st.characters(), max_size=50) | json_values.map(json.dumps) | near_sales.map(json.dumps)
)
@example(body="\ud800")
@example(body="NaN")
@settings(max_examples=300, deadline=None)
def test_decoding_never_raises_and_always_answers(body):
    events, rejected = decode(body, "m", NOW)
    assert events or rejected or "eventName" in body, "only a record of a stream may be of no account"
    ids = [line.line_id for line in (*events, *rejected)]
    assert len(set(ids)) == len(ids)
    for line in (*events, *rejected):
        as_text(line.line)
    assert all(line.reason for line in rejected)


lines = st.one_of(
    st.just(SALE),
    st.just({**SALE, "quantity": 10**30}),
    st.just("text"),
    st.just({}),
    st.just(None),
    st.just(stream(IMAGE)),
    st.just(stream({"a": 1})),
)


@given(said=st.lists(lines, min_size=1, max_size=30), sns=st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_line_of_an_array_comes_out_once(said, sns):
    body = wrapped(said, "sns") if sns else said
    events, rejected = decode(json.dumps(body), "m", NOW)
    assert len(events) + len(rejected) == len(said)
    if len(said) > 1:
        assert sorted(line.line_id for line in (*events, *rejected)) == sorted(f"m-{n}" for n in range(len(said)))
