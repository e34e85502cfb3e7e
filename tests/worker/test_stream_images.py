"""Which sales does a record of a table's stream tell of, and what does it take back?"""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.buckets import Bucket, bucket_of
from domain.events import MS_PER_DAY, ProductKey, SaleCorrected, SaleRecorded, StockChanged
from domain.folding import fold
from domain.ledger import payload_digest
from domain.product import Outcome, ProductState
from worker.decode import as_text, decode
from worker.order_lines import LINES_MAX
from worker.schema import FUTURE_MS
from worker.stream_images import record_lines

GOLDEN = Path(__file__).parent / "golden"
A, B = ProductKey("A"), ProductKey("B")
DAY = 19_997  # 2024-10-01
AT = DAY * MS_PER_DAY
NEEDS_BOTH = "the stream must show NEW_AND_OLD_IMAGES"


def attribute(value):
    """A plain value in DynamoDB's JSON."""
    match value:
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [attribute(each) for each in value]}
    return {"M": {name: attribute(each) for name, each in value.items()}}


def image(**fields):
    return {name: attribute(value) for name, value in fields.items()}


def sold(quantity=6, **said):
    fields = {"product_id": "A", "sale_date": "2024-10-01#e1", "quantity": quantity, "price": Decimal("1.50"), **said}
    return image(**{name: value for name, value in fields.items() if value is not ...})


def record(name, old=None, new=None, event_id="x1", keys=("product_id", "sale_date"), **said):
    some = new or old or {}
    images = {"OldImage": old, "NewImage": new}
    body = {"Keys": {k: some[k] for k in keys if k in some}, **{n: i for n, i in images.items() if i is not None}}
    return {"eventID": event_id, "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": body, **said}


def insert(new, **said):
    return record("INSERT", None, new, **said)


def modify(old, new, **said):
    return record("MODIFY", old, new, **said)


def remove(old, **said):
    return record("REMOVE", old, **said)


def decoded(said, table_fields=None, now=NOW):
    return decode(json.dumps(said), "m", now, table_fields or {})


def events_of(said, table_fields=None):
    events, rejected = decoded(said, table_fields)
    assert rejected == []
    return [line.event for line in events]


def reasons_of(said, table_fields=None):
    events, rejected = decoded(said, table_fields)
    assert events == []
    return [line.reason for line in rejected]


def corrected(event_id="x1", product=A, at=AT, sales=0, **parts):
    return SaleCorrected(product, event_id, at, sales, *Bucket(**parts))


def written_at(said, at):
    """The record with the time at which DynamoDB wrote it."""
    return {**said, "dynamodb": {"ApproximateCreationDateTime": at, **said["dynamodb"]}}


def order(*lines, **said):
    return image(order_id="o1", sale_date="2024-10-01", lines=list(lines), **said)


def line(product, quantity, price=1, **said):
    return {"product_id": product, "quantity": quantity, "price": price, **said}


def worth(state):
    """What is counted; a day that comes to nothing is as good as none."""
    return {day: b for day, b in state.buckets.items() if any(b)}, state.sales, state.units


def summed(events):
    """The number of sales and the parts of its bucket, by product and day, as far as they are not zero."""
    sums = Counter()
    for event in events:
        parts = event[3:] if isinstance(event, SaleCorrected) else (1, *bucket_of(event))
        for part, value in enumerate(parts):
            sums[event.product, event.day, part] += value
    return {key: value for key, value in sums.items() if value}


def counted(product, *records):
    """The state and the outcomes of a product's part of some records, each with an eventID of its own."""
    told = [e for n, said in enumerate(records) for e in events_of({**said, "eventID": f"x{n}"})]
    done = fold(ProductState(product), [e for e in told if e.product == product], NOW)
    return done.state, done.outcomes


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


NUMBERED = {"event_id": "id", "lines": "order_lines", "product_id": "sku", "quantity": "qty"}


def numbered(order_id, *lines):
    return image(id=order_id, sale_date="2024-10-01", order_lines=list(lines))


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


# A changed item


def test_a_changed_quantity_corrects_its_day():
    assert events_of(modify(sold(6), sold(4))) == [corrected(sold=-2, revenue=-300)]


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (sold(6), sold(6, price=2), {"revenue": 300}),
        (sold(6), sold(-2), {"sold": -6, "revenue": -900, "returned": 2, "refunded": 300}),
        (sold(6), sold(6, promotion=True), {"promoted": 6}),
        (sold(6, promotion=True), sold(4, promotion=True), {"sold": -2, "revenue": -300, "promoted": -2}),
        (sold(6, promotion=True), sold(6, promotion=False), {"promoted": -6}),
        (sold(-2), sold(-3), {"returned": 1, "refunded": 150}),
    ],
    ids=["price", "return", "promoted", "both", "not promoted", "returned"],
)
def test_each_part_of_a_day_is_corrected(old, new, parts):
    assert events_of(modify(old, new)) == [corrected(**parts)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (sold(), sold()),
        (sold(), sold(category="Lights")),
        (sold(), sold(expires_at=1_759_307_160, note="seen")),
        (sold(), sold(sale_date="2024-10-01T23:59:59.999Z#e1")),
        (sold(), sold(promotion=False)),
        (order(line("A", 1), line("A", 2)), order(line("A", 2), line("A", 1))),
    ],
    ids=["nothing", "category", "unread", "hour", "promotion", "order of lines"],
)
def test_a_change_of_nothing_that_counts_is_nothing(old, new):
    assert decoded(modify(old, new)) == ([], [])


def test_a_sale_of_another_day_is_withdrawn_from_the_one_and_put_on_the_other():
    old, new = sold(6), sold(6, sale_date="2024-10-02T10:00Z#e1")
    assert events_of(modify(old, new)) == [
        corrected("x1-0", sales=-1, sold=-6, revenue=-900),
        corrected("x1-1", at=AT + MS_PER_DAY + 36_000_000, sales=1, sold=6, revenue=900),
    ]


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ({"product_id": "B"}, B),
        ({"location_id": "north"}, ProductKey("A", "north")),
        ({"product_id": "B", "event_id": "another"}, B),
    ],
    ids=["product", "location", "product and event id"],
)
def test_a_sale_of_another_product_is_withdrawn_from_the_one_and_put_on_the_other(said, other):
    assert events_of(modify(sold(6), sold(6, **said))) == [
        corrected("x1-0", sales=-1, sold=-6, revenue=-900),
        corrected("x1-1", other, sales=1, sold=6, revenue=900),
    ]


def test_a_sale_that_gets_another_id_was_counted_already():
    assert decoded(modify(sold(6), sold(6, event_id="another"))) == ([], [])
    assert events_of(modify(sold(6), sold(4, event_id="another"))) == [corrected(sold=-2, revenue=-300)]


def test_a_sale_that_becomes_one_of_another_product_and_its_own_again_counts_again():
    a, b = sold(6), sold(6, product_id="B")
    changes = insert(a), modify(a, b), modify(b, a)
    assert [counted(product, *changes)[0].units for product in (A, B)] == [6, 0]


def test_an_order_is_corrected_product_by_product_and_day_by_day():
    late = {"sale_date": "2024-10-02"}
    names = ("b", "a", "a2", "c", "late", "gone")
    lines = line("B", 1), line("A", 1), line("A", 2), line("C", 7), line("A", 5, **late), line("B", 9)
    old = dict(zip(names, lines, strict=True))
    new = {"d": line("D", 1), "a2": line("A", 4), "c": line("C", 7), "late": line("A", 6, **late), "b": line("B", 2)}
    old, new = (order(*[{**said, "event_id": name} for name, said in lines.items()]) for lines in (old, new))
    assert events_of(modify(old, new)) == [
        corrected("x1-0", B, sales=-1, sold=-8, revenue=-800),
        corrected("x1-1", A, sales=-1, sold=1, revenue=100),
        corrected("x1-2", A, AT + MS_PER_DAY, sold=1, revenue=100),
        corrected("x1-3", ProductKey("D"), sales=1, sold=1, revenue=100),
    ]


def test_one_difference_of_an_order_bears_the_bare_id_of_the_record():
    old, new = order(line("A", 1), line("B", 2)), order(line("A", 1), line("B", 3))
    assert events_of(modify(old, new)) == [corrected("x1", B, sold=1, revenue=100)]


def test_a_correction_is_dated_by_the_new_line_of_its_day():
    old, new = sold(6, sale_date="2024-10-01T08:00Z#e1"), sold(4, sale_date="2024-10-01T09:00Z#e1")
    [event] = events_of(modify(old, new))
    assert event.occurred_at == AT + 9 * 3_600_000
    [event] = events_of(remove(old))
    assert event.occurred_at == AT + 8 * 3_600_000


def test_a_line_that_becomes_bad_is_quarantined_and_stays_as_it_was_counted():
    [reason] = reasons_of(modify(sold(6), sold("many")))
    assert reason.startswith("quantity: ")
    state = fold(ProductState(A), events_of(insert(sold(6))), NOW).state
    mended = fold(state, events_of(modify(sold("many"), sold(6), event_id="x2")), NOW)
    assert (mended.outcomes, mended.state) == ((Outcome.DUPLICATE,), state)
    other = fold(state, events_of(modify(sold("many"), sold(4), event_id="x2")), NOW)
    assert other.outcomes == (Outcome.CONFLICT,), "its id stands for six"


@pytest.mark.parametrize(
    "bad",
    [sold("many"), sold(product_id=""), sold(sale_date="no time#e1"), sold("many", product_id="B")],
    ids=["quantity", "product", "time", "product and quantity"],
)
def test_a_bad_line_is_known_by_its_event_id_alone(bad):
    assert len(reasons_of(modify(sold(6), bad))) == 1


@pytest.mark.parametrize("said", ["another", 5, [1], True], ids=str)
def test_a_bad_line_of_another_id_is_another_line(said):
    events, [rejected] = decoded(modify(sold(6), sold("many", event_id=said)))
    assert [(d.event, d.line_id) for d in events] == [(corrected(sales=-1, sold=-6, revenue=-900), "m-0")]
    assert rejected.line_id == "m-1"
    assert rejected.reason.startswith(("quantity: ", "event_id: "))
    assert rejected.line["quantity"] == "many"


@pytest.mark.parametrize("said", [None, ""], ids=repr)
def test_a_bad_line_without_an_id_has_that_of_its_keys(said):
    keyed = {"sale_date": "2024-10-01", "event_id": said}
    assert len(reasons_of(modify(sold(6, **keyed), sold("many", **keyed)))) == 1


def test_what_was_bad_was_never_counted():
    assert events_of(modify(sold("many"), sold(4))) == [SaleRecorded(A, "e1", AT, 4, 600)]
    assert decoded(remove(sold("many"))) == ([], [])
    assert len(reasons_of(modify(sold("many"), sold("more")))) == 1


def test_a_sale_that_is_mended_in_the_table_and_sent_again_by_the_queue_counts_once():
    mended = events_of(modify(sold("many"), sold(4)))
    said = {"product_id": "A", "event_id": "e1", "occurred_at": "2024-10-01T00:00Z", "quantity": 4, "unit_price": 1.5}
    by_queue = events_of(said)
    for events in ([*mended, *by_queue], [*by_queue, *mended]):
        folded = fold(ProductState(A), events, NOW)
        assert folded.outcomes == (Outcome.APPLIED, Outcome.DUPLICATE)
        assert (folded.state.sales, folded.state.units) == (1, 4)


@pytest.mark.parametrize("name", ["lines", "items", "line_items"])
def test_an_order_without_lines_sells_nothing_yet(name):
    empty = image(order_id="o1", sale_date="2024-10-01", **{name: []})
    for said in (insert(empty), modify(empty, empty), remove(empty)):
        assert decoded(said) == ([], [])


def test_an_order_without_lines_is_known_by_what_the_table_calls_them():
    assert decoded(insert(numbered("O1")), NUMBERED) == ([], [])
    assert events_of(modify(numbered("O1"), numbered("O1", {"sku": "A", "qty": 2})), NUMBERED) == [
        corrected(sales=1, sold=2)
    ]


@pytest.mark.parametrize("said", [None, "", {}, "none", 0], ids=repr)
def test_what_has_no_list_of_lines_is_no_order(said):
    assert reasons_of(insert(image(order_id="o1", sale_date="2024-10-01", lines=said))) == [
        "product_id: Field required"
    ]


def test_an_empty_list_makes_no_sale_vanish():
    assert events_of(insert(sold(6, lines=[]))) == events_of(insert(sold(6)))
    [reason] = reasons_of(insert(sold(6, product_id="", lines=[])))
    assert reason.startswith("product_id: ")


def test_an_order_that_was_created_empty_and_filled_later_counts_its_lines():
    empty, full = order(), order(line("A", 1), line("B", 2))
    assert events_of(modify(empty, full)) == [
        corrected("x1-0", A, sales=1, sold=1, revenue=100),
        corrected("x1-1", B, sales=1, sold=2, revenue=200),
    ]
    assert events_of(modify(full, empty)) == [
        corrected("x1-0", A, sales=-1, sold=-1, revenue=-100),
        corrected("x1-1", B, sales=-1, sold=-2, revenue=-200),
    ]
    assert worth(counted(A, insert(empty), modify(empty, full))[0]) == worth(counted(A, insert(full))[0])
    assert worth(counted(A, insert(empty), modify(empty, full), modify(full, empty))[0]) == ({}, 0, 0)


@pytest.mark.parametrize("own", [{}, {"event_id": "mine"}], ids=["place", "own id"])
def test_a_line_that_is_removed_and_added_again_counts_again(own):
    full, rest = order(line("B", 1), line("A", 2, **own)), order(line("B", 1))
    state, outcomes = counted(A, insert(full), modify(full, rest), modify(rest, full))
    assert outcomes == (Outcome.APPLIED,) * 3
    assert worth(state) == worth(counted(A, insert(full))[0])
    state, outcomes = counted(A, insert(full), modify(full, rest), modify(rest, full), modify(full, rest))
    assert worth(state) == ({}, 0, 0)


def test_a_line_that_was_added_later_counts_once_more_if_a_queue_brings_it_too():
    """Its own id may be that of a line which was taken back, so that it says nothing."""
    [by_queue] = events_of({"order_id": "o1", "sale_date": "2024-10-01", "lines": [line("A", 2)]})
    told = events_of(modify(order(), order(line("A", 2))))
    assert fold(ProductState(A), [*told, by_queue], NOW).state.units == 4


def test_lines_that_were_added_are_in_the_correction_of_their_day():
    old, new = order(line("A", 1)), order(line("A", 1), line("B", 2), line("B", 3))
    assert events_of(modify(old, new)) == [corrected("x1", B, sales=2, sold=5, revenue=500)]


def test_a_line_that_was_mended_is_shown_as_it_came():
    old, new = (order(line("A", 1), *[line("B", n) for n in said]) for said in (("many", "more"), (2, 3)))
    events, _ = decoded(modify(old, new))
    assert [(d.line_id, d.event.event_id) for d in events] == [("m-0", "o1-1"), ("m-1", "o1-2")]
    assert [(d.line["product_id"], d.line["quantity"]) for d in events] == [("B", 2), ("B", 3)]


def test_a_line_that_was_mended_without_any_id_is_known_by_its_message_as_a_new_one_is():
    bad, bare = (sold(n, sale_date="2024-10-01") for n in ("many", 4))
    assert events_of(modify(bad, bare, keys=())) == events_of(insert(bare, keys=()))


def test_each_bad_or_mended_line_of_an_order_is_a_line_of_its_own():
    old = order(line("A", 1), line("B", 1), "text", line("D", 1), line("E", "many"))
    new = order(line("A", 2), line("B", "many"), "text", line("C", 1), line("E", 1))
    events, rejected = decoded(modify(old, new))
    assert [(d.event.event_id, d.event.product.product_id) for d in events] == [
        ("x1-0", "A"),
        ("x1-1", "D"),
        ("x1-2", "C"),
        ("o1-4", "E"),
    ]
    assert [d.line_id for d in events] == ["m-0", "m-1", "m-2", "m-3"]
    assert [(r.line_id, r.line if isinstance(r.line, str) else r.line["product_id"]) for r in rejected] == [
        ("m-4", "B"),
        ("m-5", "text"),
    ]


def test_lines_that_move_up_as_one_before_them_goes_change_nothing_else():
    """Without ids of their own they are known by their place, and now have that of another."""
    old = order(line("A", 1), line("B", 2), line("A", 4))
    new = order(line("B", 2), line("A", 4))
    assert events_of(modify(old, new)) == [corrected("x1", A, sales=-1, sold=-1, revenue=-100)]


order_lines_of_it = st.lists(
    st.builds(
        lambda product, quantity, price, promotion, day: line(
            product, quantity, price, promotion=promotion, sale_date=f"2024-10-0{day}"
        ),
        st.sampled_from("AB"),
        st.integers(-3, 9),
        st.integers(0, 2),
        st.booleans(),
        st.integers(1, 2),
    ),
    max_size=6,
)


def with_ids(lines, names):
    return [{**said, "event_id": name} for said, name in zip(lines, names, strict=False)]


@given(old=order_lines_of_it, new=order_lines_of_it, own_ids=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_becomes_of_the_lines_of_an_order_the_corrections_sum_up_to_the_difference(old, new, own_ids, data):
    if own_ids:
        old, new = (with_ids(lines, data.draw(st.permutations("abcdef"))) for lines in (old, new))
    change = events_of(modify(order(*old), order(*new)))
    assert {type(event) for event in change} <= {SaleCorrected}
    assert len({(e.product, e.day) for e in change}) == len({e.event_id for e in change}) == len(change)
    before, after = (events_of(insert(order(*lines))) for lines in (old, new))
    assert summed([*before, *change]) == summed(after)


@given(carts=st.lists(order_lines_of_it, min_size=1, max_size=6), own_ids=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_whichever_lines_come_and_go_an_order_is_worth_what_its_last_image_says(carts, own_ids, data):
    """Lines keep their id, lose it and get it again, also of another product. Records come twice and in any order."""
    if own_ids:
        carts = [with_ids(lines, data.draw(st.permutations("abcdef"))) for lines in carts]
    carts = [order(*lines) for lines in carts]
    records = [insert(carts[0], event_id="x")]
    records += [modify(old, new, event_id=f"x{n}") for n, (old, new) in enumerate(pairwise(carts))]
    if data.draw(st.booleans()):
        records.append(remove(carts.pop(), event_id="gone"))
        carts.append(order())
    told = [e for said in data.draw(st.permutations([*records, *records[:2]])) for e in events_of(said)]
    for product in (A, B):
        state = ProductState(product)
        for event in [e for e in told if e.product == product]:
            done = fold(state, [event], NOW)
            assert set(done.outcomes) <= {Outcome.APPLIED, Outcome.DUPLICATE}
            state = done.state
        assert worth(state) == worth(counted(product, insert(carts[-1]))[0])


def test_an_id_that_stands_twice_in_an_order_counts_once_there_as_it_did_when_it_was_new():
    """The second of two lines with one id was a duplicate, or quarantined, when the item was put."""
    same = line("A", 2, event_id="e"), line("A", 2, event_id="e"), line("B", 2, event_id="e")
    recorded = fold(ProductState(A), [e for e in events_of(insert(order(*same))) if e.product == A], NOW).state
    withdrawn = [e for e in events_of(remove(order(*same))) if e.product == A]
    assert fold(recorded, withdrawn, NOW).state.buckets == {}
    other = line("A", 9, event_id="e")
    assert events_of(remove(order(same[0], other)))[0].sold == -2
    [reason] = reasons_of(modify(order(same[0]), order(same[0], other)))
    assert "another line of the item" in reason


# A removed item


def test_a_removed_item_is_taken_back():
    expected = corrected(sales=-1, sold=-6, revenue=-900, promoted=-6)
    assert events_of(remove(sold(6, promotion=True))) == [expected]


def test_a_removed_order_is_taken_back_line_by_line():
    assert events_of(remove(order(line("A", 1), line("B", -2), line("A", 3)))) == [
        corrected("x1-0", A, sales=-2, sold=-4, revenue=-400),
        corrected("x1-1", B, sales=-1, returned=-2, refunded=-200),
    ]


def test_a_sale_of_nothing_was_a_sale():
    assert events_of(remove(sold(0))) == [corrected(sales=-1)]


EXPIRED = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


@pytest.mark.parametrize(
    "identity",
    [
        EXPIRED,
        {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
        {"Type": "Service", "principalId": "dynamodb.amazonaws.com"},
    ],
    ids=str,
)
def test_an_item_that_expired_was_sold_all_the_same(identity):
    assert decoded(remove(sold(), userIdentity=identity)) == ([], [])
    assert decoded(remove(None, userIdentity=identity, event_id=None)) == ([], []), "whatever the stream shows"


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        "Service",
        [EXPIRED],
        {**EXPIRED, "type": "User"},
        {**EXPIRED, "principalId": "arn:aws:iam::1:user/x"},
        {"type": "Service"},
    ],
    ids=str,
)
def test_whoever_else_removes_an_item_takes_it_back(identity):
    [event] = events_of(remove(sold(), userIdentity=identity))
    assert event.sold == -6


def test_a_change_by_dynamodb_itself_is_a_change():
    assert len(events_of(modify(sold(6), sold(4), userIdentity=EXPIRED))) == 1


# What cannot be read


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (insert(None), NEEDS_BOTH),
        (modify(None, sold()), NEEDS_BOTH),
        (modify(sold(), None), NEEDS_BOTH),
        (modify(None, None), NEEDS_BOTH),
        (remove(None), NEEDS_BOTH),
        (record("REMOVE", None, sold()), NEEDS_BOTH),
        (modify(sold(6), sold(4), event_id=None), "eventID"),
        (modify(sold(6), sold(4), event_id=""), "eventID"),
        (modify(sold(6), sold(4), event_id="x" * 300), "eventID"),
        (modify(sold(6), sold(4), event_id="\ud800"), "eventID"),
        (remove(sold(), event_id=5), "eventID"),
        (record("UNKNOWN_TO_SDK_VERSION", sold(), sold()), "UNKNOWN_TO_SDK_VERSION"),
        (record(None, sold(), sold()), "eventName"),
        (record(["INSERT"], sold(), sold()), "eventName"),
        (record("insert", sold(), sold()), "eventName"),
        (record("\ud800", sold(), sold()), "eventName"),
        (modify({"a": 1}, sold()), "not DynamoDB JSON"),
        (modify(sold(), {"a": {"N": "many"}}), "not DynamoDB JSON"),
        (remove({"a": {"\ud800": 1}}), "not DynamoDB JSON"),
        ({**insert(sold()), "dynamodb": {"NewImage": sold(), "Keys": {"a": {"S": "\ud800"}}}}, "not DynamoDB JSON"),
        ({**insert(sold()), "dynamodb": {"NewImage": sold(), "Keys": 5}}, "not DynamoDB JSON"),
        (modify(order(*[{}] * (LINES_MAX + 1)), order()), f"more than {LINES_MAX} lines"),
        (modify(order(), order(*[{}] * (LINES_MAX + 1))), f"more than {LINES_MAX} lines"),
    ],
    ids=lambda said: said if isinstance(said, str) else "",
)
def test_a_record_that_cannot_be_read_is_quarantined_with_the_reason(said, reason):
    [told] = reasons_of(said)
    assert reason in told
    told.encode()
    events, rejected = decoded([said, insert(sold())])
    assert ([d.line_id for d in events], [r.line_id for r in rejected]) == (["m-1"], ["m-0"])


STOCK = image(type="stock_changed", product_id="A", sale_date="2024-10-01#s1", level=5)


@pytest.mark.parametrize("said", [modify(STOCK, STOCK), remove(STOCK), modify(sold("many"), STOCK)])
def test_only_sales_can_be_corrected(said):
    assert reasons_of(said) == ["only sales can be corrected"]


def test_a_sale_that_becomes_something_else_is_withdrawn_and_the_other_way_round():
    events, [rejected] = decoded(modify(sold(6), STOCK))
    assert ([d.event.sold for d in events], rejected.reason) == ([-6], "only sales can be corrected")
    assert events_of(modify(STOCK, sold(6))) == [corrected(sales=1, sold=6, revenue=900)]


def test_what_is_no_sale_under_the_id_of_one_is_a_bad_line():
    same = sold(6, event_id="s1")
    assert reasons_of(modify(same, STOCK)) == ["only sales can be corrected"], "it may become one again"
    assert events_of(modify(STOCK, same)) == events_of(insert(same))


def test_an_image_deeper_than_python_goes_is_no_image():
    deep = '{"M":{"a":' * 400 + '{"S":"x"}' + "}}" * 400
    body = json.dumps(insert(sold())).replace('{"S": "A"}', deep, 1)
    events, [rejected] = decode(body, "m", NOW)
    assert events == []
    assert rejected.reason.startswith("not DynamoDB JSON")


# The future


def ahead(ms, quantity=6, name="e1"):
    at = (NOW + FUTURE_MS + ms) / 1000
    return sold(quantity, sale_date=..., occurred_at=Decimal(str(at)), event_id=name)


def test_what_lies_in_the_future_is_no_valid_image():
    assert reasons_of(insert(ahead(1))) == ["occurred_at: in the future"]
    assert reasons_of(modify(sold(6), ahead(MS_PER_DAY))) == ["occurred_at: in the future"]
    assert events_of(modify(ahead(1), sold(6))) == events_of(insert(sold(6))), "it was not counted"
    assert decoded(remove(ahead(1))) == ([], [])
    assert len(events_of(remove(ahead(0)))) == 1


@pytest.mark.parametrize("name", ["e1", "e2"])
@pytest.mark.parametrize(
    "change",
    [insert, remove, lambda item: modify(sold(6), item), lambda item: modify(item, sold(6))],
    ids=["new", "removed", "changed", "mended"],
)
@pytest.mark.parametrize("ms", [0, 1, MS_PER_DAY])
def test_a_record_tells_the_same_whenever_it_is_read(change, ms, name):
    said = written_at(change(ahead(ms, name=name)), NOW / 1000)
    first = decoded(said)
    assert decoded(said, now=NOW + 2 * MS_PER_DAY) == first
    assert decoded(said, now=NOW - FUTURE_MS) == first
    assert any(r.reason == "occurred_at: in the future" for r in first[1]) == (
        ms > 0 and said["dynamodb"].get("NewImage") == ahead(ms, name=name)
    )


@pytest.mark.parametrize("at", [NOW // 1000 - 86_400, NOW / 1000 - 86_400, Decimal(NOW - MS_PER_DAY) / 1000], ids=repr)
def test_what_was_the_future_when_a_record_was_written_stays_it(at):
    """A body in JSON has no Decimal, a record from elsewhere may."""
    item = sold(sale_date=..., occurred_at=NOW, event_id="e1")
    assert len(events_of(insert(item))) == 1
    [told] = record_lines(written_at(insert(item), at), {}, NOW)
    assert told.told_at == NOW - MS_PER_DAY
    if not isinstance(at, Decimal):
        assert reasons_of(written_at(insert(item), at)) == ["occurred_at: in the future"]


@pytest.mark.parametrize(
    "at",
    [
        None,
        "1727771163",
        True,
        [1],
        {},
        -1,
        float("nan"),
        float("inf"),
        float("-inf"),
        10**400,
        -(10**400),
        (NOW + FUTURE_MS + 1) / 1000,
        NOW,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("9E+999999"),
    ],
    ids=lambda said: f"{said!r:.20}",
)
def test_a_time_of_writing_that_cannot_be_is_none(at):
    [told] = record_lines(written_at(insert(sold()), at), {}, NOW)
    assert told.told_at == NOW


def test_a_record_may_be_written_a_little_ahead_of_our_clock():
    [told] = record_lines(written_at(insert(sold()), (NOW + FUTURE_MS) / 1000), {}, NOW)
    assert told.told_at == NOW + FUTURE_MS


# Together

steps = st.lists(st.sampled_from([None, *range(-3, 9)]), min_size=1, max_size=8)


@given(quantities=steps, data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_becomes_of_an_item_only_its_last_image_counts(quantities, data):
    """None is removal; put again, an item needs an id of its own. Records come twice and in any order."""
    records, now = [], None
    for step, quantity in enumerate(quantities):
        price, promotion = data.draw(st.sampled_from(["1.50", "0.99"])), data.draw(st.booleans())
        said = {"price": Decimal(price), "promotion": promotion}
        if quantity is None:
            records += [remove(now, event_id=f"x{step}")] if now is not None else []
            now = None
        elif now is None:
            now = sold(quantity, sale_date=f"2024-10-01#e{step}", **said)
            records.append(insert(now, event_id=f"x{step}"))
        else:
            new = sold(quantity, sale_date=now["sale_date"]["S"], **said)
            records.append(modify(now, new, event_id=f"x{step}"))
            now = new
    state = ProductState(A)
    for said in data.draw(st.permutations([*records, *records[:3]])):
        state = fold(state, events_of(said), NOW).state
    alone = fold(ProductState(A), events_of(insert(now)) if now is not None else [], NOW).state
    assert worth(state) == worth(alone)


images = st.dictionaries(
    st.sampled_from(["product_id", "sale_date", "quantity", "price", "lines", "type", "event_id", "promotion"]),
    st.sampled_from([attribute(v) for v in ("A", "2024-10-01#e", 1, 10**30, True, None, [], [line("A", 1)], {}, "")])
    | st.dictionaries(st.sampled_from(["S", "N", "M", "L", "B", "NULL", "?"]), st.integers() | st.text(), max_size=2),
)
records = st.fixed_dictionaries(
    {
        "dynamodb": st.dictionaries(
            st.sampled_from(["NewImage", "OldImage", "Keys", "ApproximateCreationDateTime"]),
            images | st.none() | st.just(5),
        )
    },
    optional={
        "eventName": st.sampled_from(["INSERT", "MODIFY", "REMOVE", None, "ELSE"]),
        "eventID": st.text(max_size=4) | st.none(),
        "userIdentity": st.sampled_from([EXPIRED, None, 5]),
    },
)


@given(said=records, bodies=st.sampled_from(["bare", "array", "Records", "sns", "bus"]))
@settings(max_examples=300, deadline=None)
def test_no_record_raises_and_no_line_has_anothers_id(said, bodies):
    wrapped = {
        "bare": said,
        "array": [said, said],
        "Records": {"Records": [said, 5]},
        "sns": {"Type": "Notification", "Message": json.dumps(said)},
        "bus": {"detail-type": "Changed", "id": "eb", "detail": said},
    }
    events, rejected = decoded(wrapped[bodies], {"quantity": "price", "lines": "items"})
    ids = [told.line_id for told in (*events, *rejected)]
    assert len(set(ids)) == len(ids)
    for told in (*events, *rejected):
        as_text(told.line)
    assert all(told.reason for told in rejected)


# Wrappings


@pytest.mark.parametrize(
    "wrap",
    [
        lambda said: said,
        lambda said: [said],
        lambda said: {"Records": [said]},
        lambda said: [{"Records": [said]}],
        lambda said: {"Type": "Notification", "Message": json.dumps(said)},
        lambda said: {"Type": "Notification", "Message": json.dumps({"Records": [said]})},
        lambda said: {"id": "eb", "detail-type": "Table Changed", "detail": said},
    ],
    ids=["bare", "array", "Records", "array of Records", "SNS", "SNS of Records", "EventBridge"],
)
def test_a_record_is_the_same_in_every_wrapping(wrap):
    assert events_of(wrap(modify(sold(6), sold(4)))) == [corrected(sold=-2, revenue=-300)]
    assert [e.event_id for e in events_of(wrap(insert(sold())))] == ["e1"]
    assert decoded(wrap(remove(sold(), userIdentity=EXPIRED))) == ([], [])


def test_a_batch_of_records_is_read_record_by_record():
    said = [insert(sold(6)), modify(sold(6), sold(6)), modify(sold(6), sold(4), event_id="x2"), modify(sold(), None), 5]
    events, rejected = decoded({"Records": said})
    assert [(d.event.event_id, d.line_id) for d in events] == [("e1", "m-0"), ("x2", "m-1")]
    assert [(r.line_id, r.line) for r in rejected] == [("m-2", modify(sold(), None)), ("m-3", 5)]


def test_records_of_something_else_are_no_batch():
    assert reasons_of({"Records": [{"eventSource": "aws:s3"}]}) == ["product_id: Field required"]


def test_a_line_is_shown_as_the_record_where_that_is_short_enough():
    single = json.dumps(modify(sold(6), sold(4)))
    [line_of_one], _ = decode(single, "m", NOW)
    assert line_of_one.line == single
    among_others, _ = decoded([modify(sold(6), sold(4)), insert(sold())])
    assert among_others[0].line == modify(sold(6), sold(4))
    several, _ = decoded(remove(order(line("A", 1), line("B", 2))))
    assert json.loads(as_text(several[1].line)) == {
        "eventName": "REMOVE",
        **corrected("x1-1", B, sales=-1, sold=-2, revenue=-200)._asdict(),
        "product": ["B", None],
    }


def test_a_small_record_does_not_become_large_in_memory():
    old = order(*[line(f"P{n}", 1) for n in range(4_000)], note="n" * 100_000)
    body = json.dumps(remove(old))
    tracemalloc.start()
    events, _ = decode(body, "m", NOW)
    shown = sum(len(as_text(told.line)) for told in events)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(events) == 4_000
    assert shown < 4_000 * 300
    assert peak < 60_000_000
    wide = {f"field{n}": attribute(n) for n in range(200)}
    [reason] = reasons_of(modify(sold(), {**order(*[{}] * 15_000), **wide}))
    assert "too large" in reason


# As Pipes writes it

SALE = SaleRecorded(ProductKey("85123A", "LEEDS"), "536365-1", 1_727_771_160_000, 6, 1_530, False, "Lights")


def golden(name):
    return (GOLDEN / f"pipes_{name}.json").read_text()


def recorded(name):
    events, rejected = decode(golden(name), "m", NOW)
    assert rejected == []
    return [told.event for told in events]


def test_what_a_pipe_writes_of_a_new_item():
    assert recorded("insert") == [SALE]


def test_what_a_pipe_writes_of_a_changed_item():
    parts = Bucket(sold=-2, revenue=-510)
    assert recorded("modify") == [
        SaleCorrected(SALE.product, "b8e1f3a7c2d94f60a5e7c1d0934b6a12", SALE.occurred_at, 0, *parts)
    ]


def test_what_a_pipe_writes_of_a_removed_item():
    parts = Bucket(sold=-4, revenue=-1_020)
    assert recorded("remove") == [
        SaleCorrected(SALE.product, "0c6f4f1f3b7a4d2e9a58e6b7d1c2f394", SALE.occurred_at, -1, *parts)
    ]


def test_what_a_pipe_writes_of_an_expired_item():
    assert recorded("remove_ttl") == []


def test_the_records_of_a_pipe_come_to_what_the_table_holds():
    state = fold(ProductState(SALE.product), [*recorded("insert"), *recorded("modify")], NOW).state
    four = fold(ProductState(SALE.product), [SALE._replace(quantity=4, revenue_minor=1_020)], NOW).state
    assert (state.buckets, state.sales, state.units) == (four.buckets, four.sales, four.units)
    gone = fold(state, recorded("remove"), NOW).state
    assert (gone.buckets, gone.sales, gone.units) == ({}, 0, 0)


def test_an_order_with_an_empty_list_beside_its_lines_is_not_empty():
    (sale,) = events_of(insert({**order(line("A", 2)), "items": {"L": []}}))
    assert (sale.product, sale.quantity) == (A, 2)
