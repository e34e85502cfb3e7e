"""Which events does a body carry? Nothing a sender writes raises, and no line is lost."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal

import pytest
from fakes.clock import NOW
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.events import ProductKey, PromotionPlanned, ReorderCancelled, SaleRecorded, ShipmentReceived, StockChanged
from worker.decode import DEPTH_MAX, LINES_MAX, as_text, decode

SALE = {"product_id": "A", "quantity": 2, "unit_price": "1.50", "sale_date": "2024-10-01", "event_id": "e1"}


def events_of(said, message_id="m"):
    events, rejected = decode(said if isinstance(said, str) else json.dumps(said), message_id, NOW)
    assert rejected == []
    return [decoded.event for decoded in events]


def reasons_of(said):
    events, rejected = decode(said if isinstance(said, str) else json.dumps(said), "m", NOW)
    assert events == []
    return [line.reason for line in rejected]


def stream(image, name="INSERT", old=None, **keys):
    images = {"NewImage": image} if old is None else {"NewImage": image, "OldImage": old}
    return {"eventID": "x", "eventName": name, "dynamodb": {**images, "Keys": keys}}


IMAGE = {"product_id": {"S": "A"}, "quantity": {"N": "2"}, "sale_date": {"S": "2024-10-01"}, "price": {"N": "1.50"}}


def wrapped(body, *wrappers):
    for wrapper in wrappers:
        if wrapper == "sns":
            body = {"Type": "Notification", "MessageId": "s", "Message": json.dumps(body)}
        elif wrapper == "eventbridge":
            body = {"id": "eb", "source": "shop", "detail-type": "Sale Recorded", "detail": body}
        else:
            body = [body]
    return body


@pytest.mark.parametrize(
    "wrappers",
    [(), ("sns",), ("eventbridge",), ("array",), ("eventbridge", "sns"), ("array", "sns"), ("eventbridge", "array")],
)
def test_a_sale_is_the_same_in_every_wrapping(wrappers):
    [event] = events_of(wrapped(SALE, *wrappers))
    assert event == SaleRecorded(ProductKey("A"), "e1", 1_727_740_800_000, 2, 300)


def test_a_dynamodb_stream_record_is_a_sale_identified_by_its_keys():
    [event] = events_of(stream(IMAGE, sale_id={"S": "s#1"}, product_id={"S": "A"}))
    assert (event.product, event.quantity, event.revenue_minor, event.event_id) == (
        ProductKey("A"),
        2,
        300,
        '["A", "s#1"]',
    )


def test_a_batch_of_a_pipe_is_an_array_of_stream_records():
    events = events_of([stream(IMAGE, sale_id={"N": str(n)}) for n in range(10)])
    assert [event.event_id for event in events] == [str(n) for n in range(10)]


def test_a_stream_record_that_changes_nothing_has_no_line_and_takes_no_place():
    untouched = stream(IMAGE, "MODIFY", IMAGE, sale_id={"S": "s1"})
    assert decode(json.dumps(untouched), "m", NOW) == ([], [])
    events, rejected = decode(json.dumps([untouched, SALE, untouched, "text", untouched]), "m", NOW)
    assert ([d.line_id for d in events], [r.line_id for r in rejected]) == (["m-0"], ["m-1"])
    [alone], _ = decode(json.dumps([untouched, SALE]), "m", NOW)
    assert alone.line_id == "m"


def test_what_a_table_calls_our_fields_holds_for_its_items():
    item = {"sku": {"S": "A"}, "sold_at": {"S": "2024-10-01#e1"}, "quantity": {"N": "2"}}
    events, _ = decode(json.dumps(stream(item)), "m", NOW, {"product_id": "sku", "occurred_at": "sold_at"})
    assert [d.event for d in events] == [SaleRecorded(ProductKey("A"), "e1", 1_727_740_800_000, 2, 0)]


def test_a_record_is_held_against_the_time_at_which_it_was_written_and_a_sale_beside_it_against_ours():
    record = stream(IMAGE, sale_id={"S": "s1"})
    record["dynamodb"]["ApproximateCreationDateTime"] = 1_727_740_800 - 86_400
    events, [rejected] = decode(json.dumps([record, SALE, stream(IMAGE, sale_id={"S": "s2"})]), "m", NOW)
    assert [d.event.event_id for d in events] == ["e1", "s2"]
    assert (rejected.line_id, rejected.reason) == ("m-0", "occurred_at: in the future")


def test_wrappings_that_take_turns_are_counted_all_together():
    body = SALE
    for _ in range(DEPTH_MAX):
        body = wrapped(body, "array", "sns")
    [reason] = reasons_of(body)
    assert reason == f"wrapped more than {DEPTH_MAX} times"


def test_a_stream_record_with_an_event_id_of_its_own_keeps_it():
    [event] = events_of(stream({**IMAGE, "event_id": {"S": "mine"}}, sale_id={"S": "s1"}))
    assert event.event_id == "mine"


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE", "UNKNOWN_TO_SDK_VERSION"])
def test_only_an_inserted_item_is_a_new_sale(name):
    [reason] = reasons_of(stream(IMAGE, name))
    assert name[:20] in reason


@pytest.mark.parametrize("field", ["lines", "items", "line_items"])
def test_an_order_is_one_sale_a_line(field):
    order = {"order_id": "o1", "location_id": "north", "sale_date": "2024-10-01", "promotion": True}
    lines = [{"product_id": "A", "quantity": 1}, {"product_id": "B", "quantity": 2, "location_id": "south"}]
    first, second = events_of({**order, field: lines})
    assert (first.product, first.event_id, first.promotion) == (ProductKey("A", "north"), "o1-0", True)
    assert (second.product, second.event_id) == (ProductKey("B", "south"), "o1-1")


def test_an_order_in_an_envelope_takes_the_envelopes_id():
    body = {"id": "eb", "detail-type": "Sale Recorded", "detail": {"lines": [{**SALE, "event_id": None}]}}
    [event] = events_of(body)
    assert event.event_id == "eb-0"


def test_a_sale_with_an_empty_list_of_lines_does_not_vanish():
    [event] = events_of({**SALE, "items": []})
    assert event.event_id == "e1"
    assert reasons_of({"order_id": "o1", "lines": []}) == ["product_id: Field required"]


def test_a_sale_without_an_id_is_named_by_its_message_and_line():
    bare = {name: value for name, value in SALE.items() if name != "event_id"}
    assert [e.event_id for e in events_of(bare, "m7")] == ["m7-0"]
    assert [e.event_id for e in events_of([bare, bare], "m7")] == ["m7-0", "m7-1"]


@pytest.mark.parametrize(
    ("kind", "said", "event"),
    [
        ("stock_changed", {"level": 5}, StockChanged(ProductKey("A"), "x", 0, 5)),
        ("stock_changed", {"current_stock": -5}, StockChanged(ProductKey("A"), "x", 0, -5)),
        (
            "promotion_planned",
            {"starts_on": "1970-01-03", "ends_on": "1970-01-03"},
            PromotionPlanned(ProductKey("A"), "x", 0, 2, 2),
        ),
        (
            "shipment_received",
            {"reorder_id": "A:1", "quantity": 4},
            ShipmentReceived(ProductKey("A"), "x", 0, "A:1", 4),
        ),
        ("reorder_cancelled", {"reorder_id": "A:1"}, ReorderCancelled(ProductKey("A"), "x", 0, "A:1")),
    ],
)
def test_other_events_are_named_by_type_or_by_detail_type(kind, said, event):
    said = {"product_id": "A", "event_id": "x", "occurred_at": "1970-01-01", **said}
    assert events_of({"type": kind, **said}) == [event]
    assert events_of({"detail-type": kind.replace("_", " ").title(), "detail": said}) == [event]


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


@pytest.mark.parametrize("kind", ["Sale Recorded", "Shipment Received"])
@pytest.mark.parametrize("order_id", ["o-77", None])
def test_a_line_of_many_that_is_kept_is_the_same_event_when_it_is_read_alone(kind, order_id):
    line = {"product_id": "A", "occurred_at": "2024-10-01", "quantity": 2, "reorder_id": "r"}
    detail = {"order_id": order_id, "lines": [line, {**line, "event_id": "own"}]}
    events, _ = decode(json.dumps({"id": "eb", "detail-type": kind, "detail": detail}), "m", NOW)
    assert [decoded.event.event_id for decoded in events] == [f"{order_id or 'eb'}-0", "own"]
    for decoded in events:
        assert events_of(as_text(decoded.line), "another") == [decoded.event]


def test_an_id_that_is_too_long_to_be_written_into_a_line_does_not_make_it_invalid():
    line = {"product_id": "A", "occurred_at": "2024-10-01", "quantity": 2}
    events, _ = decode(json.dumps({"order_id": "o" * 280, "lines": [line, line]}), "m", NOW)
    assert [len(events_of(as_text(decoded.line))) for decoded in events] == [1, 1]


def test_a_single_line_is_kept_verbatim():
    body = '  {"product_id" : "A", "quantity": "many"}  '
    _, [rejected] = decode(body, "m", NOW)
    assert (rejected.line_id, rejected.line) == ("m", body)


@pytest.mark.parametrize("body", ["", "not json", "{", '{"a":1}}', "\ud800", "1e", "[" * 5_000])
def test_what_is_not_json_is_one_rejected_line(body):
    events, [rejected] = decode(body, "m", NOW)
    assert events == []
    assert rejected.reason.startswith("not JSON: ")
    assert rejected.line == body


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


@pytest.mark.parametrize("body", ['[{"a": 1}', '[{"a": 1}]]', "[{]}", '["x', "[1, 2"])
def test_an_array_whose_brackets_do_not_match_is_refused_as_a_whole(body):
    events, [rejected] = decode(body, "m", NOW)
    assert (events, rejected.line_id, rejected.line) == ([], "m", body)


def test_an_empty_array_is_refused():
    assert reasons_of([]) == ["an empty array"]


def test_too_many_wrappings_are_refused():
    assert len(reasons_of(wrapped(SALE, *["sns"] * (DEPTH_MAX + 1)))) == 1
    assert len(events_of(wrapped(SALE, *["sns"] * (DEPTH_MAX - 1)))) == 1


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


def test_a_line_as_text_is_readable():
    assert as_text("as it is") == "as it is"
    assert as_text({"a": "ü", "b": Decimal("1.5")}) == '{"a": "ü", "b": "1.5"}'


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
