"""Are the windows of an outlook read from the totals that are known, and from nothing else?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.outlook import BLOCKS, Arrivals, Totals, block_ends, blocks_of, outlook_between, receipts_in_blocks

NOTHING_DUE = Arrivals(*np.zeros((3, 0), dtype=np.int64))


def read(lead_time, review, totals):
    """The outlook of one product, of which (days, mean, dispersion) are known."""
    days, mean, dispersion = (np.array([column]) for column in zip(*totals, strict=True))
    return outlook_between(Totals(days, mean, dispersion), np.array([lead_time]), np.array([review]), NOTHING_DUE)


@given(lead_time=st.integers(0, 40))
def test_the_blocks_are_the_lead_time_cut_as_evenly_as_can_be_the_longer_ones_first(lead_time):
    blocks = blocks_of(lead_time)
    lengths = blocks[:, 1].tolist()
    assert sum(lengths) == lead_time
    assert len(lengths) == min(lead_time, BLOCKS)
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths, default=0) - min(lengths, default=0) <= 1
    assert blocks[:, 0].tolist() == [sum(lengths[:n]) for n in range(len(lengths))]
    assert block_ends(np.array([lead_time]))[0, -1] == lead_time


def test_means_run_straight_between_the_totals_that_are_known():
    """3 on the first day, 10 in eight: 1 on each of the seven days between."""
    outlook = read(7, 1, [(28, 40.0, 0.1), (1, 3.0, 0.9), (8, 10.0, 0.3)])
    assert outlook.before.mean[0] == pytest.approx([5.0, 2.0, 2.0])  # three days, two and two
    assert outlook.lead[0] == pytest.approx(9.0)
    assert outlook.cover[0] == pytest.approx([1.0])
    assert [float(part[0]) for part in outlook.whole] == pytest.approx([10.0, 0.3])


def test_dispersions_fall_with_the_length_of_a_window_as_those_that_are_known_do():
    """Each day has .8, independently of the others: .8 / n of n days."""
    outlook = read(7, 1, [(1, 2.0, 0.8), (8, 16.0, 0.1), (28, 56.0, 0.8 / 28)])
    assert outlook.before.dispersion[0] == pytest.approx([0.8 / 3, 0.8 / 2, 0.8 / 2])
    assert outlook.cover[1] == pytest.approx([0.8])


@pytest.mark.parametrize(("lead_time", "review"), [(0, 1), (1, 1), (27, 1), (60, 7), (0, 28)])
def test_a_lead_time_of_any_length_is_read(lead_time, review):
    """None at all, and one that is longer than the month that is always known."""
    known = sorted({1, lead_time + review, 28})
    outlook = read(lead_time, review, [(days, 2.0 * days, 0.5 / days) for days in known])
    assert outlook.lead[0] == pytest.approx(2.0 * lead_time)
    assert outlook.before.mean.sum() == pytest.approx(2.0 * lead_time)
    assert outlook.cover[0] == pytest.approx([2.0 * review])
    assert outlook.whole[0] == pytest.approx([2.0 * (lead_time + review)])


@given(means=st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(0, 50)), lead_time=st.integers(0, 40))
def test_no_window_sells_less_than_nothing_whatever_the_totals_say(means, lead_time):
    totals = zip((1, lead_time + 1, 28), means, (0.0, 1.0, 0.2), strict=True)
    outlook = read(lead_time, 1, list(totals))
    assert (outlook.before.mean >= 0).all()
    assert (outlook.cover[0] >= 0).all()
    assert np.isfinite(outlook.before.dispersion).all()


def test_what_a_total_says_of_lead_time_and_review_is_not_moved_by_the_others():
    """A longer total that is smaller, and a first day that is larger, than what lies between."""
    outlook = read(7, 1, [(1, 9.0, 0.0), (8, 3.0, 0.2), (28, 2.0, 0.0)])
    assert [float(part[0]) for part in outlook.whole] == [3.0, 0.2]
    assert outlook.lead[0] == 3.0
    assert outlook.cover[0] == 0.0


def test_what_arrives_within_a_block_is_there_for_a_part_of_it():
    """Of two products: seven days in blocks of three, two and two, and none at all."""
    due = [(0, 0, 8), (0, 1, 6), (0, 4, 10), (0, 7, 50), (0, 30, 50), (1, 0, 5)]
    first, last = receipts_in_blocks(Arrivals(*np.array(due).T), np.array([7, 0]))
    assert first.tolist() == [[8 + 4, 5, 0], [0, 0, 0]]
    assert last.tolist() == [[2, 5, 0], [0, 0, 0]]
