"""The filter of ids may say perhaps too often, but never no of an id that it was told."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.id_filter import IdFilter, twins

ROWS = np.arange(4)
WORDS = 2**8
numbers = st.integers(0, 2**64 - 1)


def drawn(count, seed):
    return np.random.default_rng(seed).integers(0, 2**64, (count, 2), dtype=np.uint64)


rows_told = st.tuples(st.sampled_from(ROWS.tolist()), st.integers(1, WORDS), st.sampled_from([True, True, False]))


@settings(max_examples=60)
@given(batches=st.lists(rows_told, min_size=4, max_size=20))
def test_what_was_told_is_perhaps_known_however_often_the_filter_began_anew(batches):
    """As products use it: what a row had is told again whenever the filter asks for it, and other products get rows."""
    ids, had = IdFilter(len(ROWS), WORDS), {row: drawn(0, 0) for row in ROWS.tolist()}
    for seed, (row, count, stays) in enumerate(batches):
        rows = ROWS[[row]]
        if not stays:
            ids.leave(row)
            had[row] = drawn(0, 0)
        if ids.untold(rows).any():
            ids.tell(had[row], rows, np.array([len(had[row])]))
        assert ids.perhaps(had[row]).all()
        had[row] = np.concatenate([had[row], more := drawn(count, seed)])
        ids.add(more, rows, np.array([count]))
        assert ids.perhaps(more).all()


def test_what_was_not_told_is_hardly_ever_taken_for_known():
    ids = IdFilter(1, WORDS)
    ids.add(drawn(WORDS, 1), 0, WORDS)
    assert ids.perhaps(drawn(100_000, 2)).mean() < 0.001


def test_ids_whose_bits_are_in_one_word_are_all_learnt():
    ids, alike = IdFilter(1, WORDS), drawn(20, 3)
    alike[:, 0] = 5
    ids.add(alike, 0, len(alike))
    assert ids.perhaps(alike).all()


def test_a_row_that_another_product_has_is_told_anew():
    ids = IdFilter(2, WORDS)
    ids.tell(drawn(3, 4), ROWS[:1], np.array([3]))
    assert not ids.untold(ROWS[:1]).any()
    ids.leave(0)
    assert ids.untold(ROWS[:2]).all()


def test_however_many_are_told_at_once_others_are_hardly_ever_taken_for_known():
    ids = IdFilter(1, WORDS)
    ids.tell(told := drawn(100 * WORDS, 5), ROWS[:1], np.array([100 * WORDS]))
    assert ids.perhaps(told).all()
    assert ids.perhaps(drawn(100_000, 6)).mean() < 0.005


def test_it_begins_anew_when_half_of_what_it_knows_is_forgotten_or_gone():
    for gone in (lambda ids: ids.forget(0, WORDS), lambda ids: ids.leave(0)):
        ids = IdFilter(1, WORDS)
        for seed in range(50):
            ids.make_room()
            ids.add(drawn(WORDS, seed), 0, WORDS)
            gone(ids)
        assert ids.words <= 4 * WORDS


@given(halves=st.lists(st.tuples(st.integers(0, 5), numbers), min_size=1, max_size=20))
def test_ids_that_start_alike_are_twins_and_no_others(halves):
    first = [half for half, _ in halves]
    found = twins(np.array(halves, dtype=np.uint64).reshape(-1, 2))
    assert found.tolist() == [first.count(half) > 1 for half in first]
