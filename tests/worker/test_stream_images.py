"""Which sales does a new item of a table tell of, whatever the table calls its attributes?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from fakes.clock import NOW
from stream_records import (
    AT,
    NUMBERED,
    A,
    B,
    corrected,
    events_of,
    image,
    insert,
    line,
    modify,
    numbered,
    order,
    reasons_of,
    sold,
)

from domain.events import ProductKey, SaleRecorded, StockChanged
from domain.folding import fold
from domain.ledger import payload_digest
from domain.product import Outcome, ProductState

# A new item


def test_a_new_item_is_the_sale_that_a_queue_would_bring():
    by_queue = {"product_id": "A", "event_id": "e#1", "occurred_at": "2024-10-01T08:26:00Z", "quantity": 2}
    by_queue |= {"unit_price": 2.55, "promotion": True, "category": "Lights", "location_id": "LEEDS"}
    item = {**by_queue, "unit_price": Decimal("2.55"), "sale_date": "2024-10-01T08:26:00Z#e#1"}
    del item["occurred_at"], item["event_id"]
    [from_table], [from_queue] = events_of(insert(image(**item))), events_of(by_queue)
    assert from_table == from_queue
    assert payload_digest(from_table) == payload_digest(from_queue)
    assert fold(ProductState(from_queue.product), [from_table, from_queue], NOW).outcomes == (
        Outcome.APPLIED,
        Outcome.DUPLICATE,
    )


@pytest.mark.parametrize(
    ("said", "event_id", "at"),
    [
        ({"sale_date": "2024-10-01T08:26:00Z#e1"}, "e1", AT + 30_360_000),
        ({"sale_date": "2024-10-01#e#1#2"}, "e#1#2", AT),
        ({"sale_date": "2024-10-01#e1", "event_id": "mine"}, "mine", AT),
        ({"sale_date": "2024-10-01#e1", "event_id": ""}, "e1", AT),
        ({"sale_date": "2024-10-01#e1", "event_id": None}, "e1", AT),
        ({"sale_date": "2024-09-30#e1", "occurred_at": "2024-10-01"}, "e1", AT),
        ({"sale_date": "2024-09-30#e1", "occurred_at": 1_727_740_800}, "e1", AT),
        ({"sale_date": "no time#e1", "occurred_at": "2024-10-01#e2"}, "e2", AT),
        ({"sale_date": ..., "occurred_at": "2024-10-01#e1"}, "e1", AT),
        ({"sale_date": ..., "date": "2024-10-01#e1"}, "e1", AT),
        ({"sale_date": "2024-10-01"}, '["A", "2024-10-01"]', AT),
        ({"sale_date": "2024-10-01#"}, '["A", "2024-10-01#"]', AT),
    ],
    ids=str,
)
def test_a_sort_key_is_the_time_and_the_id_of_a_sale(said, event_id, at):
    [event] = events_of(insert(sold(**said)))
    assert (event.event_id, event.occurred_at) == (event_id, at)


def test_only_an_item_of_a_table_has_its_id_behind_its_time():
    bare = {"product_id": "A", "sale_date": "2024-10-01#e1", "quantity": 1}
    [reason] = reasons_of(bare)
    assert reason.startswith("sale_date: ")


def test_an_item_that_is_an_order_is_a_sale_a_line():
    lines = line("A", 1), line("B", 2, event_id="mine"), line("A", 3, location_id="north")
    first, second, third = events_of(insert(order(*lines)))
    assert (first.product, first.event_id, first.occurred_at) == (A, "o1-0", AT)
    assert (second.product, second.event_id, second.quantity) == (B, "mine", 2)
    assert (third.product, third.event_id) == (ProductKey("A", "north"), "o1-2")


def test_an_order_without_an_id_is_identified_by_its_keys():
    item = {"shop": {"S": "north"}, "number": {"N": "7"}, **order(line("A", 1))}
    del item["order_id"]
    [event] = events_of(insert(item, keys=("shop", "number")))
    assert event.event_id == '["7", "north"]-0'


def test_numbers_are_exact_whatever_their_form():
    [event] = events_of(
        insert({**sold(), "quantity": {"N": "1.2E+1"}, "price": {"N": "0.1000000000000000055511151231"}})
    )
    assert (event.quantity, event.revenue_minor) == (12, 120)
    [event] = events_of(insert({**sold(), "quantity": {"N": "3"}, "price": {"N": "0.335"}}))
    assert event.revenue_minor == 100, "100.5 cents, half to even"


def test_what_an_item_holds_beside_is_passed_over():
    more = {"picture": {"B": "aGVsbG8="}, "tags": {"SS": ["a"]}, "n": {"NS": ["1"]}, "bs": {"BS": ["aA=="]}}
    [event] = events_of(insert({**sold(), **more, "nothing": {"NULL": True}, "deep": {"M": {"a": {"L": []}}}}))
    assert event.event_id == "e1"


def test_another_kind_of_event_is_read_from_a_new_item():
    item = image(type="stock_changed", product_id="A", sale_date="2024-10-01#s1", level=5)
    assert events_of(insert(item)) == [StockChanged(A, "s1", AT, 5)]


# Whatever the table calls it

NAMES = {"product_id": "sku", "occurred_at": "sold_at", "quantity": "qty", "lines": "order_lines", "event_id": "ref"}


def test_a_table_may_have_names_of_its_own():
    item = image(sku="A", sold_at="2024-10-01", qty=2, ref="e1", price=1)
    assert events_of(insert(item), NAMES) == [SaleRecorded(A, "e1", AT, 2, 200)]


def test_lines_of_an_order_may_have_them_too_or_not():
    item = image(ref="o1", sold_at="2024-10-01", order_lines=[{"sku": "A", "qty": 2}, line("B", 3)])
    first, second = events_of(insert(item), NAMES)
    assert (first.product, first.quantity, first.event_id) == (A, 2, "o1-0")
    assert (second.product, second.quantity, second.event_id) == (B, 3, "o1-1")


def test_what_the_ids_of_orders_are_called_may_be_the_number_of_a_line():
    """Each of three orders has a line 1: three sales, which are not one and the same."""
    orders = [numbered(name, {"id": "1", "sku": "A", "qty": 2}) for name in ("O1", "O2", "O3")]
    events = [event for item in orders for event in events_of(insert(item), NUMBERED)]
    assert [event.event_id for event in events] == ["O1-0", "O2-0", "O3-0"]
    assert fold(ProductState(A), events, NOW).state.units == 6
    [by_queue] = events_of({"order_id": "O1", "sale_date": "2024-10-01", "lines": [line("A", 2, price=None)]})
    assert events[0] == by_queue


def test_a_line_keeps_an_event_id_of_its_own_whatever_the_ids_of_orders_are_called():
    item = numbered("O1", {"id": "1", "event_id": "mine", "sku": "A", "qty": 2}, {"id": "2", "sku": "A", "qty": 1})
    assert [event.event_id for event in events_of(insert(item), NUMBERED)] == ["mine", "O1-1"]


def test_lines_are_matched_by_the_id_of_their_order_when_they_change():
    old, new = (numbered("O1", {"id": "1", "sku": "A", "qty": n}) for n in (2, 5))
    assert events_of(modify(old, new), NUMBERED) == [corrected(sold=3)]


def test_a_mapped_attribute_wins_over_one_that_has_our_name():
    item = image(sku="A", product_id="the shelf", sold_at="2024-10-01#e1", sale_date="1999", quantity=99, qty=2)
    [event] = events_of(insert(item), NAMES)
    assert (event.product, event.occurred_at, event.event_id, event.quantity) == (A, AT, "e1", 2)


def test_names_may_be_exchanged():
    item = image(product_id="e1", event_id="A", sale_date="2024-10-01", quantity=1)
    [event] = events_of(insert(item), {"product_id": "event_id", "event_id": "product_id"})
    assert (event.product, event.event_id) == (A, "e1")


def test_what_a_table_does_not_name_otherwise_keeps_our_names():
    [event] = events_of(insert(sold(sku="B", product_id=...)), {"product_id": "sku"})
    assert (event.product, event.quantity) == (B, 6)
    [event] = events_of(insert(sold()), NAMES)
    assert (event.product, event.event_id) == (A, "e1")


def test_the_names_of_a_table_say_nothing_of_what_a_queue_brings():
    by_queue = {"product_id": "A", "event_id": "e1", "date": "2024-10-01", "quantity": 1, "qty": 99, "sku": "B"}
    [event] = events_of(by_queue, NAMES)
    assert (event.product, event.quantity) == (A, 1)


def test_changes_are_read_by_the_names_of_the_table():
    old, new = (image(sku="A", sold_at="2024-10-01#e1", qty=n) for n in (6, 4))
    assert events_of(modify(old, new), NAMES) == [corrected(sold=-2)]
