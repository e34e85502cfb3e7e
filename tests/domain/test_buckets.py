"""The ring of days is a dictionary of the newest 92: what is older is let go, and never meets the day whose slot it
had."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.buckets import KEPT_DAYS, NO_DAYS, SLOTS, Bucket, Days, OpenDays

D = 20_000
ONE, RARE = Bucket(1, 100), Bucket(1, 100, 2, 300, 1)
days = st.one_of(st.integers(D - 5, D + 5), st.integers(D - 2 * SLOTS, D + 2 * SLOTS), st.integers(0, 10**7))
parts = st.integers(-(10**12), 10**12)
buckets = st.one_of(st.tuples(parts, parts), st.tuples(*[parts] * 5)).map(lambda said: Bucket(*said))


def added(*steps: tuple[int, Bucket], to: Days = NO_DAYS) -> Days:
    draft = OpenDays(to)
    for day, bucket in steps:
        draft.add(day, bucket)
    return draft.closed()


@settings(max_examples=200)
@given(steps=st.lists(st.tuples(days, buckets), min_size=1, max_size=30))
@example(steps=[(D, ONE), (D - SLOTS, ONE)])
@example(steps=[(D, ONE), (D - KEPT_DAYS, RARE), (D + 1, ONE)])
@example(steps=[(D, RARE), (D + SLOTS, ONE), (D + SLOTS - 1, RARE)])
@example(steps=[(D, RARE), (D, Bucket(-1, -100, -2, -300, -1))])
def test_it_holds_what_a_dictionary_of_sums_holds_of_its_newest_days(steps):
    sums: dict[int, Bucket] = {}
    for day, bucket in steps:
        newest = max([*sums, day])
        sums[day] = Bucket(*map(sum, zip(sums.get(day, Bucket()), bucket, strict=True)))
        # What falls out of the ring is gone for good, should its day be told of again.
        sums = {day: bucket for day, bucket in sums.items() if day >= newest - KEPT_DAYS}
    held = added(*steps)
    assert {day: bucket for day, bucket in sums.items() if any(bucket)} == dict(held)
    assert held.newest == max(sums)
    assert [held.on(day) for day in sorted(sums)] == [sums[day] for day in sorted(sums)]


@pytest.mark.parametrize("bucket", [ONE, RARE])
@pytest.mark.parametrize("back", [KEPT_DAYS + 1, SLOTS, 2 * SLOTS, D])
def test_a_day_too_old_to_be_kept_leaves_the_newer_one_in_its_slot_alone(bucket, back):
    held = added((D, ONE), (D - KEPT_DAYS, ONE))
    assert dict(added((D - back, bucket), to=held)) == dict(held)


def test_the_oldest_day_that_is_kept_is_counted():
    held = added((D, ONE), (D - KEPT_DAYS, RARE))
    assert dict(held) == {D - KEPT_DAYS: RARE, D: ONE}
    assert dict(added((D + 1, ONE), to=held)) == {D: ONE, D + 1: ONE}


@pytest.mark.parametrize("step", [1, KEPT_DAYS, SLOTS, 10 * SLOTS])
def test_days_that_begin_are_empty_whatever_stood_in_their_slots(step):
    full = added(*((D - back, RARE) for back in range(SLOTS)))
    later = added((D + step, ONE), to=full)
    assert dict(later) == {**dict.fromkeys(range(D + step - KEPT_DAYS, D + 1), RARE), D + step: ONE}


def test_days_that_somebody_holds_are_not_changed():
    held = added((D, ONE))
    added((D, RARE), (D + 1, RARE), to=held)
    assert dict(held) == {D: ONE}
    assert dict(NO_DAYS) == {}


def test_a_sum_that_would_leave_64_bits_is_refused_and_changes_nothing():
    draft = OpenDays(added((D, Bucket(1, 2**63 - 1))))
    for day, bucket in ((D, Bucket(0, 1)), (D + 1, Bucket(2**63)), (D, Bucket(1, 0, 0, 2**63))):
        with pytest.raises(OverflowError):
            draft.add(day, bucket)
    assert dict(draft.closed()) == {D: Bucket(1, 2**63 - 1)}
    assert draft.closed().newest == D


def test_made_of_buckets_it_is_what_they_are_but_for_those_that_are_too_old():
    told = {D: ONE, D - 3: RARE, D - KEPT_DAYS: ONE, D - SLOTS: RARE, D - 1: Bucket()}
    kept = {D: ONE, D - 3: RARE, D - KEPT_DAYS: ONE}
    assert dict(Days.of(told)) == kept
    assert dict(Days.of(told, newest=D + 2)) == {D: ONE, D - 3: RARE}
    assert dict(Days.of({})) == {}
