"""Do the factors of days hold where the shop itself changes?

A level that drifts, weekdays of another size in winter, an event that lifts less than it did, series that begin late:
each is a shop drawn by a seed of which the truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY

from domain.features import Floats, Ints
from domain.product import product_label
from forecaster.dataset import SALES_COLUMNS, Panel, panel_of
from forecaster.day_factors import factors_of
from forecaster.formats import request_of
from forecaster.known_ahead import NO_CALENDAR, Calendar, calendar_of
from forecaster.memory import memory_of

LEVELS = (60, 90, 150, 40, 70, 200)
AROUND = np.array([-7, 7])  # the same weekday, which no term of an event reaches
SATURDAY = 5


def shop(truth: Floats, begun: Sequence[int] = (0,) * 6, regions: Sequence[str] = ("CA",) * 6) -> Panel:
    """Series that sell truth (days,) or (series, days) times their level from the day on which each begins; two
    products in three locations each, a product of a region is a group."""
    draw = np.random.default_rng(11)
    rows = []
    for series, level in enumerate(LEVELS):
        key = (f"food {series // 3}", f"{regions[series]}_{series % 3}")
        units = draw.poisson(level * (truth if truth.ndim == 1 else truth[series]))
        rows += [(*key, FIRST_DAY + day, int(units[day]), 0, False) for day in range(begun[series], len(units))]
    return panel_of(pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str", "location_id": "str"}))


def calendar_with(fair: Sequence[bool] | np.ndarray) -> Calendar:
    dates = pd.date_range("2008-05-01", periods=len(fair)).astype(str)
    return calendar_of(pd.DataFrame({"date": dates, "event": ["Fair" if on else None for on in fair]}))


def logs_of(panel: Panel, calendar: Calendar, as_of: int, days: Ints) -> Floats:
    """The logarithm of the factor of some days after as_of, float64 (series, days)."""
    rows = np.arange(len(panel.products))
    begins = np.tile(days, (len(rows), 1))
    items = [product_label(key) for key in panel.products]
    request = request_of(items, panel.series(as_of, rows), np.ones_like(begins), begins)
    return factors_of(memory_of(panel), calendar).of_windows(request, rows)["factor"]


def lift_of_fair(panel: Panel, fair: np.ndarray) -> Floats:
    """What the next fair's factor is over that of the days around it, a logarithm; float64 (series,)."""
    ahead = fair[panel.until - FIRST_DAY :]
    (on,) = np.flatnonzero(ahead[:20])
    logs = logs_of(panel, calendar_with(fair), panel.until, np.concatenate([[on], on + AROUND]))
    return np.asarray(logs[:, 0] - logs[:, 1:].mean(axis=1))


def fairs_and_saturdays() -> tuple[np.ndarray, Floats]:
    """A fair each 97 days, the next one ten days after the last of 1,000, that doubles what is sold; and Saturdays
    that sell half as much again. Which days are fairs, and the truth of the 1,000."""
    days = np.arange(1_120)
    fair, saturday = days % 97 == 40, (FIRST_DAY + days + 3) % 7 == SATURDAY
    return fair, (np.where(fair, 2.0, 1.0) * np.where(saturday, 1.5, 1.0))[:1_000]


def size_of_saturday(logs: Floats) -> Floats:
    """Of a week that begins at as_of over its other days; float64 (series,)."""
    at = (SATURDAY - (FIRST_DAY + 1_000 + 3)) % 7
    return np.asarray(np.exp(logs[:, at] - np.delete(logs, at, axis=1).mean(axis=1)))


def test_an_event_that_comes_more_often_while_the_level_is_high_is_given_its_own_lift_alone():
    """The level swings by e either way in 800 days, and a fair that lifts by .3 comes on half of its best days and on
    hardly any of its worst: a day with it sells twice what the others do."""
    days = np.arange(1_000)
    swing = np.sin(2 * np.pi * days / 800)
    fair = np.zeros(1_120, dtype=bool)
    fair[:1_000] = np.random.default_rng(9).random(1_000) < 0.26 + 0.24 * swing
    fair[1_010] = True
    panel = shop(np.exp(swing) * np.where(fair[:1_000], 1.3, 1.0))
    assert np.exp(lift_of_fair(panel, fair)).mean() == pytest.approx(1.3, abs=0.06)


def test_a_weekday_may_be_large_in_summer_and_small_in_winter():
    """Saturdays sell 1.6 times a day in July and .6 times in January."""
    at = FIRST_DAY + np.arange(1_900)
    dates = at.astype("datetime64[D]")
    of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    saturday = (at + 3) % 7 == SATURDAY
    panel = shop(np.where(saturday, np.exp(-0.5 * np.cos(2 * np.pi * of_year / 365.25)), 1.0))
    sizes = []
    for date in ("2012-07-07", "2013-01-05"):
        friday = int(np.datetime64(date, "D").astype(np.int64)) - 1
        logs = logs_of(panel, NO_CALENDAR, friday, np.arange(3))
        sizes.append(logs[:, 1] - logs[:, [0, 2]].mean(axis=1))
    summer, winter = np.exp(np.mean(sizes, axis=1))
    assert summer > 1.2
    assert winter < 0.85


def test_what_an_event_did_years_ago_counts_for_less():
    """A fair doubled demand until half of the past was over, and has done nothing since: weights that halve in 800 days
    leave it under a third of its old lift, where all days alike would leave it nearly a half."""
    days = np.arange(1_900)
    fair = np.arange(2_020) % 20 == 7
    panel = shop(np.where(fair[:1_900] & (days < 950), 2.0, 1.0))
    on = np.flatnonzero(fair[120:1_900]) + 120
    weights = 0.5 ** ((1_900 - on) / 800)
    left = weights[on < 950].sum() / weights.sum()
    assert left < 0.32
    assert lift_of_fair(panel, fair).mean() / np.log(2) == pytest.approx(left, abs=0.06)


@pytest.mark.parametrize("begun", [(0, 0, 0, 0, 0, 850), (0, 0, 0, 850, 0, 0), (0, 0, 0, 400, 420, 440)])
def test_a_series_that_begins_late_says_nothing_of_the_days_before(begun):
    """Neither does it bend what its group is told, nor is it told of itself that no day lifts it: one of a group that
    is younger than half a year, and a whole group that is younger than the other."""
    fair, truth = fairs_and_saturdays()
    panel = shop(truth, begun)
    assert np.exp(lift_of_fair(panel, fair)) == pytest.approx(np.full(6, 2.0), abs=0.2)
    logs = logs_of(panel, calendar_with(fair), panel.until, np.arange(7))
    assert size_of_saturday(logs) == pytest.approx(np.full(6, 1.5), abs=0.1)


def test_a_young_series_is_taken_for_its_group_and_not_for_the_shop():
    """Fairs double what one product sells and lift the other by a fifth alone."""
    fair, _ = fairs_and_saturdays()
    truth = np.where(fair[:1_000], np.repeat([2.0, 1.2], 3)[:, None], 1.0)
    lifts = np.exp(lift_of_fair(shop(truth, (0, 0, 0, 0, 0, 850)), fair))
    assert lifts == pytest.approx(np.repeat([2.0, 1.2], 3), abs=0.15)


def test_a_young_series_that_is_alone_in_its_group_is_taken_for_those_of_which_the_calendar_says_the_same():
    """Flagged days sell half as much again, and each region has its own; the only location of the other one has sold
    one of its two products for half a year."""
    days = np.arange(1_120)
    flags = {"snap_CA": days % 10 < 3, "snap_TX": (days % 10 >= 5) & (days % 10 < 8)}
    regions = ("CA", "CA", "TX") * 2
    truth = np.stack([np.where(flags[f"snap_{region}"], 1.5, 1.0)[:1_000] for region in regions])
    dates = pd.date_range("2008-05-01", periods=1_120).astype(str)
    calendar = calendar_of(pd.DataFrame({"date": dates, **{name: on.astype(int) for name, on in flags.items()}}))
    panel = shop(truth, (0, 0, 0, 0, 0, 820), regions)
    logs, on = logs_of(panel, calendar, panel.until, np.arange(70))[5], flags["snap_TX"][1_000:1_070]
    assert np.exp(logs[on].mean() - logs[~on].mean()) == pytest.approx(1.5, abs=0.08)


def test_the_day_on_which_a_series_will_begin_is_not_known_before():
    fair, truth = fairs_and_saturdays()
    logs = [
        logs_of(shop(truth, (0, 0, 0, 0, 0, late)), calendar_with(fair), FIRST_DAY + 840, np.arange(30))
        for late in (850, 960)
    ]
    np.testing.assert_array_equal(*logs)


def test_a_series_that_was_always_sold_is_compared_with_its_own_days_alone():
    """As a plain twin has it: the logarithm over the mean of the year before, less what that was lately; whoever else
    began late, and also where the first few days sold nothing."""
    _, truth = fairs_and_saturdays()
    memory = memory_of(shop(truth, (0, 0, 0, 0, 3, 850)))
    units = pd.DataFrame(memory.layers["series"].units.T)
    before = units.shift(1).rolling(memory.periods.year, min_periods=1).mean().fillna(0.0)
    ratios = np.log((units + 1) / (before + 1)).clip(-1.2, 1.2)
    lately = ratios.ewm(alpha=1 - 0.5 ** (1 / 28), adjust=False).mean().shift(1)
    plain = (ratios - lately).to_numpy().T
    found = factors_of(memory, NO_CALENDAR).ratios
    np.testing.assert_allclose(found[:5, 120:], plain[:5, 120:], atol=1e-9)
    assert np.abs(found[5, 850 + 60 :] - plain[5, 850 + 60 :]).max() > 0.05
