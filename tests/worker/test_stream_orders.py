"""What does a changed order of a table correct, line by line?"""

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

from domain.events import MS_PER_DAY, ProductKey, SaleCorrected
from domain.folding import fold
from domain.product import Outcome, ProductState

# A changed order


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


# Without lines


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


# Lines that come and go


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


# Whatever becomes of them


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
