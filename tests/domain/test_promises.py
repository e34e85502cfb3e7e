"""What is a promise worth once its week is over?"""

from __future__ import annotations

import numpy as np
import pytest
from fakes.clock import TODAY
from fakes.examples import A, B
from scipy import stats

from domain.accuracy import (
    CATEGORIES_MAX,
    EVERYTHING,
    UNNAMED,
    Promise,
    Score,
    distinct,
    merged,
    promise,
    score_of,
    scoreboard,
    sold_over,
)
from domain.buckets import Bucket, Days
from domain.forecast import TotalDemand


def promised(mean=10.0, upper=15, upper_share=0.5, baseline=8.0, product=A, category="tea", as_of=TODAY):
    return Promise(product, category, as_of, 7, mean, upper, upper_share, baseline)


def test_a_window_counts_its_errors_against_what_sold():
    score = score_of(promised(mean=10.0, baseline=8.0), 12)
    assert (score.windows, score.sold, score.said, score.error, score.baseline_error) == (1, 12, 10, 2, 4)
    assert score.wape == pytest.approx(2 / 12)
    assert score.baseline_wape == pytest.approx(4 / 12)
    assert score.bias == pytest.approx(-2 / 12)


def test_a_total_below_p90_is_covered_one_above_is_not_and_one_of_exactly_that_in_part():
    said = promised(upper=15, upper_share=0.25)
    assert [score_of(said, sold).covered for sold in (14, 15, 16)] == [1.0, 0.25, 0.0]


@pytest.mark.parametrize(("mean", "dispersion"), [(0.05, 0.0), (0.3, 2.0), (4.0, 0.0), (250.0, 0.4)])
def test_a_right_distribution_covers_ninety_percent_whatever_its_mean(mean, dispersion):
    """P90 itself covers 95 % of the totals of a product that sells one in twenty weeks: that is no fault."""
    total = TotalDemand(7, mean, dispersion)
    said = promise(A, None, TODAY, total, total)
    units = np.arange(0, 5_000)
    size = 1 / dispersion if dispersion else 0
    chance = stats.nbinom.pmf(units, size, size / (size + mean)) if dispersion else stats.poisson.pmf(units, mean)
    expected = sum(float(p) * score_of(said, int(u)).covered for u, p in zip(units, chance, strict=True) if p > 0)
    assert expected == pytest.approx(0.9, abs=1e-6)
    assert said.category == UNNAMED


def test_scores_of_weeks_and_workers_add_up_as_if_they_were_one():
    tea, salt = score_of(promised(), 12), score_of(promised(mean=3.0), 5)
    together = scoreboard([("tea", tea), ("tea", salt), ("salt", salt)])
    apart = merged([scoreboard([("tea", tea)]), scoreboard([("tea", salt), ("salt", salt)])])
    assert together == apart
    assert together["tea"] == tea + salt
    assert together[EVERYTHING] == tea + salt + salt


def test_a_scoreboard_stays_small_however_many_categories_there_are():
    board = scoreboard((f"c{n}", Score(1.0, 1.0)) for n in range(3 * CATEGORIES_MAX))
    assert len(board) <= CATEGORIES_MAX + 1
    assert board[EVERYTHING].windows == 3 * CATEGORIES_MAX
    assert sum(score.windows for name, score in board.items() if name != EVERYTHING) == 3 * CATEGORIES_MAX


def test_of_two_promises_for_a_product_the_earlier_one_counts():
    early, late = promised(as_of=TODAY), promised(as_of=TODAY + 2)
    assert distinct([late, early, promised(product=B)], 10) == distinct([promised(product=B), early], 10)
    assert {each.as_of for each in distinct([late, early], 10)} == {TODAY}
    assert len(distinct([early, promised(product=B)], 1)) == 1


def test_a_day_of_net_returns_is_no_demand():
    days = Days.of({TODAY: Bucket(5, 0, 2), TODAY + 1: Bucket(0, 0, 4), TODAY + 3: Bucket(1)})
    assert sold_over(days, TODAY, 3) == 3
    assert sold_over(days, TODAY, 4) == 4
