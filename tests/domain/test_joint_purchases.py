"""Orders of one supplier go out together on its day, if together they are worth it or one cannot wait."""

from __future__ import annotations

import pytest

from domain.buying import Rule
from domain.events import ProductKey
from domain.joint_purchases import LINES_MAX, WaitingLine, purchase_of, taken_by

MONDAY = 15_341  # 2012-01-02
MONDAYS = Rule(order_weekdays=(0,), minimum_order_value_minor=1_000)


def line(name, value, *, since=MONDAY - 3, gone=None, cycle=1):
    return WaitingLine("acme", ProductKey(name), cycle, 10, value, gone, 7, since)


@pytest.mark.parametrize(
    ("values", "together"), [((400, 600), True), ((400, 599), False), ((1_000,), True), ((None, 999), False)]
)
def test_together_they_must_come_to_the_minimum(values, together):
    lines = [line(f"P{n}", value) for n, value in enumerate(values)]
    purchase = purchase_of("acme", MONDAYS, lines, MONDAY)
    assert (purchase is not None) == together
    if purchase is not None:
        assert (purchase.proposal_id, purchase.reason) == ("acme:2012-01-02", "minimum reached")
        assert purchase.lines == tuple(lines)


@pytest.mark.parametrize(("gone", "goes"), [(MONDAY + 7 + 6, True), (MONDAY + 7 + 7, False), (None, False)])
def test_one_that_would_run_out_before_the_next_review_could_bring_it_takes_the_others_along(gone, goes):
    lines = [line("A", 1), line("B", 2, gone=gone)]
    purchase = purchase_of("acme", MONDAYS, lines, MONDAY)
    assert (purchase is not None) == goes
    assert not goes or (purchase.lines == tuple(lines) and "run out" in purchase.reason)


def test_what_was_decided_on_the_day_itself_waits_for_the_next_one():
    today = line("A", 5_000, since=MONDAY)
    assert purchase_of("acme", MONDAYS, [today], MONDAY) is None
    assert purchase_of("acme", MONDAYS, [today], MONDAY + 6) is None
    assert purchase_of("acme", MONDAYS, [today], MONDAY + 7).review_on == MONDAY + 7


def test_a_review_that_nobody_was_there_for_is_made_up_for_under_its_own_day():
    early, late = line("A", 5_000), line("B", 5_000, since=MONDAY + 1)
    purchase = purchase_of("acme", MONDAYS, [late, early], MONDAY + 2)
    assert (purchase.proposal_id, purchase.lines) == ("acme:2012-01-02", (early,))


def test_a_supplier_without_a_calendar_is_reviewed_every_day_and_without_a_minimum_nothing_is_too_little():
    daily = Rule(minimum_order_value_minor=100)
    assert purchase_of("acme", daily, [line("A", 100, since=MONDAY)], MONDAY + 1).review_on == MONDAY + 1
    assert purchase_of("acme", Rule(order_weekdays=(0,)), [line("A", None)], MONDAY).value_minor == 0


def test_a_purchase_is_bounded_and_takes_those_that_wait_longest():
    lines = [line(f"P{n}", 100, since=MONDAY - 1 - n % 5, cycle=n) for n in range(LINES_MAX + 20)]
    purchase = purchase_of("acme", MONDAYS, lines, MONDAY)
    assert len(purchase.lines) == LINES_MAX
    left = set(lines) - set(purchase.lines)
    assert {each.proposed_on for each in left} == {MONDAY - 1}


def test_a_line_that_began_to_wait_after_a_purchase_is_not_the_one_of_that_name_in_it():
    """That one's commit was lost, and its number went to the order that was decided next."""
    purchase = purchase_of("acme", MONDAYS, [line("A", 5_000), line("B", 1)], MONDAY)
    again, dearer = line("A", 5_000, since=MONDAY), line("B", 2)
    assert taken_by([purchase], [again, dearer, line("C", 1)]) == {dearer: purchase}
