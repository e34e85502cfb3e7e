"""What a supplier says becomes the event it is, once, and nothing else comes by this way."""

from __future__ import annotations

import pytest
from fakes.clock import NOW

from domain.events import OrderConfirmed, OrderShipped, ProductKey, ReorderCancelled, ShipmentReceived
from handlers.errors import InvalidEvent
from worker.schema import read_event
from worker.suppliers.messages import MESSAGES_MAX, read_messages, row_of

MUG = ProductKey("85#123A", "LEEDS")
ORDER = "85%23123A#LEEDS:7"
AT = "2024-10-01T08:00:00Z"


def event_of(**said):
    row = row_of({"reorder_id": ORDER, "occurred_at": AT, **said}, NOW)
    return read_event(row, None, "", NOW)


@pytest.mark.parametrize(
    ("said", "kind", "fields"),
    [
        ({"type": "order_confirmed", "quantity": 5, "due_on": "2024-10-09"}, OrderConfirmed, (5, 20_005)),
        ({"status": "Confirmed", "quantity": "5"}, OrderConfirmed, (5, None)),
        ({"status": "shipped", "quantity": 5}, OrderShipped, (5,)),
        ({"status": "received", "quantity": 5}, ShipmentReceived, (5,)),
        ({"status": "cancelled"}, ReorderCancelled, ()),
    ],
)
def test_a_message_is_an_event_of_the_order_it_names(said, kind, fields):
    event = event_of(**said)
    assert type(event) is kind
    assert (event.product, event.reorder_id, event[4:]) == (MUG, ORDER, fields)


def test_a_message_without_an_id_has_that_of_what_it_says():
    first, again = event_of(status="shipped", quantity=5), event_of(status="shipped", quantity=5)
    assert first == again
    assert event_of(status="shipped", quantity=6).event_id != first.event_id
    assert event_of(status="shipped", quantity=5, event_id="mine").event_id == "mine"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"status": "lost"}, "type: 'lost' is none of"),
        ({"type": "order_approved"}, "type: 'order_approved' is none of"),
        ({"type": "sale_recorded", "quantity": 1}, "type: 'sale_recorded' is none of"),
        ({"status": "shipped"}, "quantity"),
        ({"status": "shipped", "quantity": 0}, "quantity"),
        ({"status": "shipped", "quantity": 1, "occurred_at": "2031-01-01"}, "in the future"),
        ({"status": "shipped", "quantity": 1, "reorder_id": "85123A"}, "reorder_id"),
        ({"status": "shipped", "quantity": 1, "reorder_id": "85123A:x"}, "reorder_id"),
        ({"status": "shipped", "quantity": 1, "reorder_id": "A:01"}, "reorder_id"),
        ({"status": "shipped", "quantity": 1, "reorder_id": 7}, "reorder_id"),
        ({"status": "shipped", "quantity": 1, "product_id": "other"}, "not that of the order"),
        ({"status": "shipped", "quantity": 1, "colour": "red"}, "colour: no field"),
        ({"status": "shipped", "quantity": "\ud800"}, "quantity: half a surrogate pair"),
    ],
)
def test_what_is_no_suppliers_message_is_refused_with_the_reason(said, reason):
    with pytest.raises(InvalidEvent) as refused:
        event_of(**said)
    assert reason in refused.value.reason


def test_good_and_bad_ones_are_told_apart_by_their_place():
    good = {"reorder_id": ORDER, "occurred_at": AT, "status": "shipped", "quantity": 1}
    read = read_messages([good, "nonsense", {**good, "quantity": -1}], NOW)
    assert len(read.rows) == 1
    assert [refused.number for refused in read.refused] == [2, 3]


def test_too_many_at_once_are_refused_and_not_read_to_the_end():
    good = {"reorder_id": ORDER, "occurred_at": AT, "status": "shipped", "quantity": 1}
    read = read_messages((good for _ in range(10 * MESSAGES_MAX)), NOW)
    assert [refused.number for refused in read.refused] == [MESSAGES_MAX + 1]
