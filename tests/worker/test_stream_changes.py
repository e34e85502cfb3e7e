"""What does a changed item of a table correct, and what does it leave alone?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from fakes.clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_records import (
    AT,
    NUMBERED,
    A,
    B,
    corrected,
    counted,
    decoded,
    events_of,
    image,
    insert,
    line,
    modify,
    numbered,
    order,
    reasons_of,
    remove,
    sold,
    summed,
    worth,
)

from domain.events import MS_PER_DAY, ProductKey, SaleCorrected, SaleRecorded
from domain.folding import fold
from domain.product import Outcome, ProductState

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
