"""By how much does what is known of a day lift demand, and what would a product sell on an ordinary day?

A ridge regression of how each series' demand changed, from the weeks before to the day, on how the terms of the days
changed: first of all series of a group together, then of each by its departure from the group. Of days on which it was
not sold yet a series departs from nothing. It is solved anew as of each origin from the days before it, the older ones
fading. With the factors of past days the level is freed of what those days had about them, and with those of the days
ahead it becomes a forecast."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.buckets import WINDOW_DAYS
from domain.features import Floats, Ints
from domain.forecast import LEVEL_FLOOR, MEAN_FLOOR
from domain.product import product_of
from forecaster.day_terms import TERMS_MAX, View, changes_of, views_of
from forecaster.formats import FEATURES, ForecastRequest
from forecaster.known_ahead import Calendar
from forecaster.memory import CATEGORY, PRODUCT, REGION, SERIES, Memory
from forecaster.periods import DAY

Flags = NDArray[np.bool_]

SERIES_MAX = 500
ZERO_SHARE_MAX = 0.25  # the logarithm of a day without a sale says little
HALF_LIFE_DAYS = 800.0
FIRST_DAYS = 120  # whose mean before is not known well enough
SETTLING_DAYS = 56  # after a first sale, the same for a series that begins later than the others
RATIO_LOG_MAX = 1.2
FACTOR_LOG_MAX = 2.5
OWN_PENALTY = 10.0  # of a series' departure from its group
CHECKPOINT_DAYS = 182
DAYS_AHEAD = 424
LEVEL_HALF_LIVES = (4, 7, 14, 28)
WEEKS = ("week_1", "week_2", "week_3", "week_4")
COLUMNS = (
    "factor",
    "factor_lift",
    *(f"freed_{days}" for days in LEVEL_HALF_LIVES),
    *(f"freed_{week}" for week in WEEKS),
    "freed_weekday_4",
    "freed_weekday_8",
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one view: sums of terms x terms and terms x ratios of the days before each checkpoint, fading with age."""

    products: Floats
    answers: Floats


@dataclass(frozen=True, slots=True)
class DayFactors:
    """first_day: of the columns of ratios and the rows of terms. ratios: float64 (series, days), by how much the
    logarithm of demand changed from the weeks before, the group's where a series was not known yet. groups: int64
    (series,). solved: the factors of the origin that was asked for last."""

    first_day: int
    ratios: Floats
    groups: Ints
    views: tuple[View, ...]
    sums: tuple[Sums, ...]
    solved: dict[int, Floats] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.views)

    def columns(self) -> tuple[str, ...]:
        return COLUMNS if self else ()

    def of_windows(self, request: ForecastRequest, rows: Ints) -> dict[str, Floats]:
        """factor: logarithm of the mean factor of the window's days; factor_lift: over that of the last 28 days.
        freed_<days>: logarithm of the window's demand a day if the level freed of factors (days fading with that half
        life) went on, over the level. freed_week_<k>, freed_weekday_<weeks>: what the weeks, and the window's
        weekdays, sold over what the factors say. rows: of the series, -1 if unknown; float64 (n, h), NaN there."""
        begins, lengths = request.begins, request.cover_days
        low = request.as_of - WINDOW_DAYS - self.first_day
        days = WINDOW_DAYS + int((begins + lengths).max())
        factors = self._between(request.as_of, rows, low, days)
        past, ahead = factors[:, :WINDOW_DAYS], factors[:, WINDOW_DAYS:]
        ends = np.concatenate([np.zeros((len(rows), 1)), ahead.cumsum(axis=1)], axis=1)
        each = np.arange(len(rows))[:, None]
        mean = (ends[each, begins + lengths] - ends[each, begins]) / lengths
        return self._columns(request, past, mean)

    def _columns(self, request: ForecastRequest, past: Floats, mean: Floats) -> dict[str, Floats]:
        level = np.maximum(request.features[:, :1], MEAN_FLOOR)
        sold, of_block, ages = _blocks(request, past)
        found = {"factor": np.log(mean), "factor_lift": np.log(mean / past[:, -28:].mean(axis=1, keepdims=True))}
        for half_life in LEVEL_HALF_LIVES:
            freed = _freed(sold, of_block, ages, half_life)
            found[f"freed_{half_life}"] = np.log(np.maximum(freed, LEVEL_FLOOR) * mean / level)
        freed = _freed(sold, of_block, ages, 10)
        for at, name in enumerate(WEEKS):
            by_week = sold[:, at : at + 1] / 7 / np.maximum(freed * of_block[:, at : at + 1] / 7, 0.1)
            found[f"freed_{name}"] = np.broadcast_to(by_week, mean.shape)
        for weeks, name in ((4, "month"), (8, "window")):
            said = request.features[:, [FEATURES.index(f"{name}_{weekday}") for weekday in range(7)]]
            usual = past[:, -7 * weeks :].reshape(len(past), weeks, 7).mean(axis=1)
            turned = np.roll(usual, (request.as_of + 3) % 7, axis=1)
            found[f"freed_weekday_{weeks}"] = over_windows(said / np.maximum(freed * turned, 0.1), request)
        return found

    def _between(self, as_of: int, rows: Ints, low: int, days: int) -> Floats:
        """The factors as of as_of of the days from column `low` on, float64 (n, days), NaN where none are known."""
        weights = self._solved(min(as_of - self.first_day, self.ratios.shape[1]))
        found = np.full((len(rows), days), np.nan)
        for view in self.views:
            mine = np.flatnonzero(np.isin(rows, view.series))
            inside = np.arange(max(low, 0), min(low + days, len(view.terms)))
            if len(mine) and len(inside):
                logs = weights[rows[mine]] @ view.terms[inside].T
                found[np.ix_(mine, inside - low)] = np.exp(np.clip(logs, -FACTOR_LOG_MAX, FACTOR_LOG_MAX))
        return found

    def _solved(self, at: int) -> Floats:
        """The weight of each term for each series, of the days before column `at`; float64 (series, terms)."""
        weights = self.solved.get(at)
        if weights is None:
            weights = np.zeros((len(self.ratios), self.views[0].terms.shape[1]))
            for view, sums in zip(self.views, self.sums, strict=True):
                weights[view.series] = self._ridge(view, sums, at)
            # An endpoint asks for the same one again and again, training for each just once.
            self.solved.clear()
            self.solved[at] = weights
        return weights

    def _ridge(self, view: View, sums: Sums, at: int) -> Floats:
        checkpoint = max(at, 0) // CHECKPOINT_DAYS
        products, answers = _added(
            view, self.ratios, sums.products[checkpoint], sums.answers[checkpoint], checkpoint * CHECKPOINT_DAYS, at
        )
        of_group = np.zeros_like(answers)
        for group in np.unique(self.groups[view.series]):
            members = self.groups[view.series] == group
            of_group[:, members] = answers[:, members].mean(axis=1, keepdims=True)
        common = np.linalg.solve(products + np.diag(view.penalties), of_group)
        own = np.linalg.solve(products + np.diag(OWN_PENALTY * view.penalties), answers - products @ common)
        return np.asarray((common + own).T)


NO_FACTORS = DayFactors(0, np.zeros((0, 0)), np.zeros(0, dtype=np.int64), (), ())


def factors_of(memory: Memory, calendar: Calendar) -> DayFactors:
    """NO_FACTORS where the memory is short, the series too many or too seldom sold, the terms too many or the periods
    no days."""
    series = memory.layers.get(SERIES)
    if memory.periods.freq != DAY or series is None or len(series.units) > SERIES_MAX:
        return NO_FACTORS
    if memory.steps < 2 * memory.periods.year or (series.units <= 0).mean() > ZERO_SHARE_MAX:
        return NO_FACTORS
    items = [name for name, _ in sorted(series.names.items(), key=lambda named: named[1])]
    views = views_of([product_of(item) for item in items], calendar, memory.first_step, memory.steps + DAYS_AHEAD)
    if views[0].terms.shape[1] > TERMS_MAX:
        return NO_FACTORS
    members = memory.members(items)
    nearest = next((members[layer] for layer in (REGION, PRODUCT, CATEGORY) if layer in members), None)
    groups = np.zeros(len(items), dtype=np.int64) if nearest is None else nearest
    begun = _begun(series.units)
    ratios = changes_of(_ratios(series.units, series.ends, begun, memory.periods.year).T).T
    known = np.arange(memory.steps) >= begun[:, None] + SETTLING_DAYS
    ratios = _of_others(ratios, known, views, groups)
    return DayFactors(memory.first_step, ratios, groups, views, tuple(_sums(view, ratios) for view in views))


def _begun(units: Floats) -> Ints:
    """The day of each first sale, int64 (series,); the first of all for who sells within a week, as it may have been
    there unsold."""
    begun = np.where((units > 0).any(axis=1), (units > 0).argmax(axis=1), units.shape[1])
    return np.where(begun < 7, 0, begun)


def _ratios(units: Floats, ends: Floats, begun: Ints, year: int) -> Floats:
    """Logarithm of a day's demand over the mean of the year before it, of the days since the series began, int64
    (series,); float64 (series, days)."""
    at = np.arange(units.shape[1])
    low = np.minimum(np.maximum(at - year, begun[:, None]), at)
    before = (ends[:, at] - np.take_along_axis(ends, low, axis=1)) / np.maximum(at - low, 1)
    return np.clip(np.log((units + 1) / (before + 1)), -RATIO_LOG_MAX, RATIO_LOG_MAX)


def _of_others(ratios: Floats, known: Flags, views: tuple[View, ...], groups: Ints) -> Floats:
    """Where a series is not known, bool (series, days), the mean of the known ones of its group that day; of its view
    where the group has none, of all where the view has none. So the group's mean is that of the known ones, and a
    series is taken for its group until it shows that it differs."""
    of_view = np.zeros(len(ratios), dtype=np.int64)
    for number, view in enumerate(views):
        of_view[view.series] = number
    others = np.zeros_like(ratios)
    for parts in (np.zeros_like(of_view), of_view, of_view + len(views) * (groups - groups.min())):
        for part in np.unique(parts):
            members = parts == part
            count = known[members].sum(axis=0)
            mean = np.where(known[members], ratios[members], 0.0).sum(axis=0) / np.maximum(count, 1)
            others[members] = np.where(count > 0, mean, others[members])
    return np.where(known, ratios, others)


def _sums(view: View, ratios: Floats) -> Sums:
    terms = view.terms.shape[1]
    products, answers = [np.zeros((terms, terms))], [np.zeros((terms, len(view.series)))]
    for low in range(0, ratios.shape[1], CHECKPOINT_DAYS):
        more = _added(view, ratios, products[-1], answers[-1], low, min(low + CHECKPOINT_DAYS, ratios.shape[1]))
        products.append(more[0])
        answers.append(more[1])
    return Sums(np.stack(products), np.stack(answers))


def _added(view: View, ratios: Floats, products: Floats, answers: Floats, low: int, high: int) -> tuple[Floats, Floats]:
    """The sums, faded, with the days of columns [low, high)."""
    days = np.arange(max(low, FIRST_DAYS), max(high, FIRST_DAYS))
    terms = view.changes[days]
    faded = terms * 0.5 ** ((high - 1 - days) / HALF_LIFE_DAYS)[:, None]
    fading = 0.5 ** ((high - low) / HALF_LIFE_DAYS)
    return fading * products + faded.T @ terms, fading * answers + faded.T @ ratios[np.ix_(view.series, days)].T


def _blocks(request: ForecastRequest, past: Floats) -> tuple[Floats, Floats, Floats]:
    """The last four weeks, newest first, and the four before: units, sums of factors (n, 5), and ages in days."""
    weeks = past[:, -28:].reshape(len(past), 4, 7).sum(axis=2)[:, ::-1]
    of_block = np.column_stack([weeks, past[:, :28].sum(axis=1)])
    names = [FEATURES.index(name) for name in (*WEEKS, "earlier")]
    return request.features[:, names] * (7, 7, 7, 7, 28), of_block, np.array([3.0, 10.0, 17.0, 24.0, 41.5])


def _freed(sold: Floats, of_block: Floats, ages: Floats, half_life: float) -> Floats:
    """Units on a day without factors, float64 (n, 1)."""
    fading = 0.5 ** (ages / half_life)
    return np.asarray(((np.maximum(sold, 0.0) @ fading) / (of_block @ fading))[:, None])


def over_windows(profile: Floats, request: ForecastRequest) -> Floats:
    """The mean of a weekday profile (n, 7) over the days of each window."""
    begins, lengths = request.begins, request.cover_days
    days = (request.as_of + np.arange(int((begins + lengths).max())) + 3) % 7
    ends = np.concatenate([np.zeros((len(profile), 1)), profile[:, days].cumsum(axis=1)], axis=1)
    each = np.arange(len(profile))[:, None]
    mean: Floats = (ends[each, begins + lengths] - ends[each, begins]) / lengths
    return mean
