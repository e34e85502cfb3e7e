"""What does a changed sale of a table correct, and what does it leave alone?"""

from __future__ import annotations

import pytest
from fakes.clock import NOW
from stream_records import (
    AT,
    A,
    B,
    corrected,
    counted,
    decoded,
    events_of,
    insert,
    line,
    modify,
    order,
    reasons_of,
    remove,
    sold,
)

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.folding import fold
from domain.product import Outcome, ProductState

# A changed sale


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


def test_a_correction_is_dated_by_the_new_line_of_its_day():
    old, new = sold(6, sale_date="2024-10-01T08:00Z#e1"), sold(4, sale_date="2024-10-01T09:00Z#e1")
    [event] = events_of(modify(old, new))
    assert event.occurred_at == AT + 9 * 3_600_000
    [event] = events_of(remove(old))
    assert event.occurred_at == AT + 8 * 3_600_000


# Lines that are or were bad


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


def test_a_line_that_was_mended_without_any_id_is_known_by_its_message_as_a_new_one_is():
    bad, bare = (sold(n, sale_date="2024-10-01") for n in ("many", 4))
    assert events_of(modify(bad, bare, keys=())) == events_of(insert(bare, keys=()))
