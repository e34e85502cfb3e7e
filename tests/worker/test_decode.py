"""Which events does a body carry, in whatever wrapping, and which ids have they?"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from bodies_of_sales import IMAGE, SALE, events_of, reasons_of, stream, wrapped
from fakes.clock import NOW

from domain.events import ProductKey, PromotionPlanned, ReorderCancelled, SaleRecorded, ShipmentReceived, StockChanged
from worker.decode import as_text, decode

# Wrappings


@pytest.mark.parametrize(
    "wrappers",
    [(), ("sns",), ("eventbridge",), ("array",), ("eventbridge", "sns"), ("array", "sns"), ("eventbridge", "array")],
)
def test_a_sale_is_the_same_in_every_wrapping(wrappers):
    [event] = events_of(wrapped(SALE, *wrappers))
    assert event == SaleRecorded(ProductKey("A"), "e1", 1_727_740_800_000, 2, 300)


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


# Records of a stream


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


def test_a_stream_record_with_an_event_id_of_its_own_keeps_it():
    [event] = events_of(stream({**IMAGE, "event_id": {"S": "mine"}}, sale_id={"S": "s1"}))
    assert event.event_id == "mine"


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE", "UNKNOWN_TO_SDK_VERSION"])
def test_only_an_inserted_item_is_a_new_sale(name):
    [reason] = reasons_of(stream(IMAGE, name))
    assert name[:20] in reason


# Orders


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


# Lines that are kept


def test_a_sale_without_an_id_is_named_by_its_message_and_line():
    bare = {name: value for name, value in SALE.items() if name != "event_id"}
    assert [e.event_id for e in events_of(bare, "m7")] == ["m7-0"]
    assert [e.event_id for e in events_of([bare, bare], "m7")] == ["m7-0", "m7-1"]


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


def test_a_line_as_text_is_readable():
    assert as_text("as it is") == "as it is"
    assert as_text({"a": "ü", "b": Decimal("1.5")}) == '{"a": "ü", "b": "1.5"}'
