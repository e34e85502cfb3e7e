"""What do the plain forecasters say, and how sure may they be?

Each is a rule that could have been used before every past step, so that its own past errors, at the very lead that is
asked for, say how far it strays. All series are computed at once. A rule sees units as they were recorded: it knows
neither stock-outs nor a calendar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from domain.features import Floats, Ints
from domain.forecast import DISPERSION_MAX
from forecaster.evaluation.distributions import Answer, NegativeBinomial, Samples, around
from forecaster.evaluation.shop import Question

MEAN_PERIODS = {"D": 30, "W": 4, "M": 3}  # thirty days; a single month would be the naive forecast
CROSTON_ALPHA = 0.1
ERRORS_MIN = 10
ERRORS_KEPT = 200
POOLED_ERRORS = 10.0  # what all series together say counts as so many errors of each

Rule = Callable[[int], Floats]
"""Says what was (or is) forecast for the step `lead` steps on: float64 (n, steps + 1), made before each past step and
in the last column now; NaN where the series had no past yet. The next step is lead 1."""


def naive(question: Question) -> Answer:
    """The last period's units, for every period to come."""
    last = _shifted(question, 1)
    return _by_residuals(question, lambda _: last)


def seasonal_naive(question: Question) -> Answer:
    """The units of the same weekday (week, month of the year) in the last season; a younger series' last units.

    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (3rd ed., 2021), 5.2."""
    season, last = question.season, _shifted(question, 1)

    def rule(lead: int) -> Floats:
        back = season * -(-lead // season) - lead + 1
        seen = _shifted(question, back)
        return np.where(np.isnan(seen), last, seen)

    return _by_residuals(question, rule)


def mean_30(question: Question) -> Answer:
    """The mean of the last MEAN_PERIODS, or of those that a younger series has."""
    span = MEAN_PERIODS[question.shop.periods.freq]
    sums = np.concatenate([np.zeros((len(question.past), 1)), question.past.cumsum(axis=1)], axis=1)
    ends = np.arange(sums.shape[1])
    age = np.clip(ends - _births(question)[:, None], 0, span)
    total = sums - np.take_along_axis(sums, ends - age, axis=1)
    mean = np.where(age > 0, total / np.maximum(age, 1), np.nan)
    return _by_dispersion(question, mean)


def croston_sba(question: Question) -> Answer:
    """Croston's method with the Syntetos-Boylan approximation, both smoothings with alpha 0.1.

    Croston (1972); Syntetos and Boylan (2005), "The accuracy of intermittent demand estimates": size / interval times
    1 - alpha / 2. The first demand sets the size, the periods up to it the interval."""
    past, births = question.past, _births(question)
    size, interval = np.full(len(past), np.nan), np.full(len(past), np.nan)
    waited = np.zeros(len(past))
    path = np.full((len(past), past.shape[1] + 1), np.nan)
    for step in range(past.shape[1] + 1):
        # Before its first demand a series is expected to sell nothing.
        known = np.nan_to_num(size / interval) * (1 - CROSTON_ALPHA / 2)
        path[:, step] = np.where(step > births, known, np.nan)
        if step == past.shape[1]:
            break
        units = past[:, step]
        waited += step >= births
        sold, fresh = units > 0, np.isnan(size)
        size = np.where(sold, np.where(fresh, units, size + CROSTON_ALPHA * (units - size)), size)
        interval = np.where(sold, np.where(fresh, waited, interval + CROSTON_ALPHA * (waited - interval)), interval)
        waited[sold] = 0
    return _by_dispersion(question, path)


def _births(question: Question) -> Ints:
    """The column of each series' first row."""
    return np.asarray(np.maximum(question.past.shape[1] - question.ages, 0))


def _shifted(question: Question, back: int) -> Floats:
    """The units `back` columns before each column, NaN before the series began."""
    n, steps = question.past.shape
    shifted = np.full((n, steps + 1), np.nan)
    shifted[:, back:] = question.past[:, : steps + 1 - back] if back <= steps else shifted[:, back:]
    shifted[np.arange(steps + 1) - back < _births(question)[:, None]] = np.nan
    return shifted


def _by_residuals(question: Question, rule: Rule) -> Answer:
    """Past errors of each lead laid round the forecast. A series too young for ERRORS_MIN of them takes those of the
    next step; for a total, grown by the square root of its length."""
    leads = range(1, question.horizon + 1)
    now = np.concatenate([rule(lead)[:, -1:] for lead in leads], axis=1)
    nearest = _errors(question, rule, 1)
    steps = [
        around(now[:, lead - 1 : lead], _enough(_errors(question, rule, lead), nearest)[:, None]).samples
        for lead in leads
    ]
    k = question.total_periods
    whole = _enough(_total_errors(question, rule), nearest * np.sqrt(k))
    total = around(now[:, :k].sum(axis=1, keepdims=True), whole[:, None])
    return Answer(Samples(now, np.concatenate(steps, axis=1)), total)


def _enough(errors: Floats, nearest: Floats) -> Floats:
    return np.where((~np.isnan(errors)).sum(axis=1, keepdims=True) >= ERRORS_MIN, errors, nearest)


def _errors(question: Question, rule: Rule, lead: int) -> Floats:
    """Units less forecast, as many newest columns as are kept, by the column in which the forecast was made."""
    return _newest(_gaps(question, rule(lead), lead))


def _total_errors(question: Question, rule: Rule) -> Floats:
    leads = range(1, question.total_periods + 1)
    return _newest(np.sum([_gaps(question, rule(lead), lead) for lead in leads], axis=0))


def _gaps(question: Question, made: Floats, lead: int) -> Floats:
    """Float64 (n, steps); NaN where a forecast is not over yet or none was made."""
    gaps = np.full(question.past.shape, np.nan)
    ends = question.past.shape[1] - lead + 1
    if ends > 0:
        gaps[:, :ends] = question.past[:, lead - 1 :] - made[:, :ends]
    return gaps


def _newest(gaps: Floats) -> Floats:
    wide = np.full((len(gaps), max(1, min(ERRORS_KEPT, gaps.shape[1]))), np.nan)
    kept = gaps[:, -wide.shape[1] :]
    wide[:, : kept.shape[1]] = kept
    return wide


def _by_dispersion(question: Question, path: Floats) -> Answer:
    """Negative binomial round a forecast that is the same for every lead; path float64 (n, steps + 1)."""
    horizon, k = question.horizon, question.total_periods
    now = np.nan_to_num(path[:, -1:])
    spread = [dispersion(_gaps(question, path, lead), path[:, :-1]) for lead in range(1, horizon + 1)]
    steps = NegativeBinomial(np.tile(now, (1, horizon)), np.stack(spread, axis=1))
    whole = np.sum([_gaps(question, path, lead) for lead in range(1, k + 1)], axis=0)
    total = NegativeBinomial(now * k, dispersion(whole, path[:, :-1] * k)[:, None])
    return Answer(steps, total)


def dispersion(errors: Floats, made: Floats) -> Floats:
    """By moments: the sum of (error^2 - forecast) over the sum of forecast^2, which is the dispersion if the variance
    is mean + dispersion * mean^2; float64 (n,). A series with few errors leans on all series together."""
    known = ~np.isnan(errors)
    excess = np.where(known, np.square(errors) - made, 0.0).sum(axis=1)
    squares = np.where(known, np.square(made), 0.0).sum(axis=1)
    pooled = float(excess.sum()) / max(float(squares.sum()), 1e-12)
    weight = POOLED_ERRORS * squares / np.maximum(known.sum(axis=1), 1)
    lean = (excess + weight * pooled) / np.maximum(squares + weight, 1e-12)
    return np.clip(np.where(squares > 0, lean, pooled), 0.0, DISPERSION_MAX)
