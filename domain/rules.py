"""By which rules do shops order, and what does ours order beside them?

Each rule is a policy of a backtest: units to order from what was seen. Periods in which the shelf ran empty are left
out of every mean, for all rules alike. `guide` is the one that forgets what is on order, as it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domain.backtest import Policy, Seen
from domain.features import Floats, Ints
from domain.purchase import whole_order
from domain.service import normal_stock

SEASON_WEEKS = 13
GUIDE_TARGET = 1.3  # the month's demand, a fifth for safety and a tenth for the lead time
GUIDE_RISE = 1.5

# The place in the season (such as the week of the year) of the panel's periods and of those to come, from the first on.
Phases = Callable[[int], Ints]


@dataclass(frozen=True, slots=True)
class Window:
    """Over how many periods a mean looks back, and how many a month has."""

    mean_periods: int
    month_periods: float


DAYS = Window(30, 30.0)
WEEKS = Window(13, 30.0 / 7.0)


def recent_mean(seen: Seen, periods: int) -> Floats:
    """Units a period over the last ones that had stock, float64 (n,); zero where none had."""
    kept = ~seen.censored[:, -periods:]
    units = (np.maximum(seen.sales[:, -periods:], 0) * kept).sum(axis=1)
    return np.asarray(units / np.maximum(kept.sum(axis=1), 1), dtype=np.float64)


def recent_deviation(seen: Seen, periods: int) -> Floats:
    """The standard deviation beside that mean."""
    kept = ~seen.censored[:, -periods:]
    away = (np.maximum(seen.sales[:, -periods:], 0) - recent_mean(seen, periods)[:, None]) * kept
    return np.asarray(np.sqrt((away**2).sum(axis=1) / np.maximum(kept.sum(axis=1) - 1, 1)))


def _up_to(target: Floats, position: Ints) -> Ints:
    return whole_order(np.maximum(np.rint(target) - position, 0))


def cover(window: Window, periods: float) -> Policy:
    """Days (or weeks) of cover: up to so many periods of the recent mean."""
    return lambda seen: _up_to(recent_mean(seen, window.mean_periods) * periods, seen.position)


def normal(window: Window, service_level: float) -> Policy:
    """Mean and deviation: up to the normal quantile of the demand over lead time and review."""

    def order(seen: Seen) -> Ints:
        periods = seen.timing.lead_time + seen.timing.review
        mean, deviation = recent_mean(seen, window.mean_periods), recent_deviation(seen, window.mean_periods)
        return _up_to(normal_stock(service_level, mean, deviation, periods), seen.position)

    return order


def guide(window: Window) -> Policy:
    """A month's demand and 30 % on top is the target. At or below a month's mean over the lead time, or when the target
    is more than half as much again as the stock, the whole target is ordered; what is on its way is not looked at."""

    def order(seen: Seen) -> Ints:
        mean = recent_mean(seen, window.mean_periods)
        target = np.floor(mean * window.month_periods * GUIDE_TARGET)
        low = seen.on_hand <= mean * seen.timing.lead_time
        return whole_order(np.where(low | (target > seen.on_hand * GUIDE_RISE), target, 0.0))

    return order


def vn2_benchmark(phases: Phases, cover_periods: int = 4) -> Policy:
    """The organisers' rule of the VN2 game: the mean of 13 weeks without their season, times the season of the next
    weeks, up to four weeks of cover. The season of a week of the year is the mean of all products in it, all years
    together, relative to the mean of those means."""

    def order(seen: Seen) -> Ints:
        past = seen.sales.shape[1]
        phase = phases(past + cover_periods)
        factor = _season(seen, phase[:past])
        kept = ~seen.censored[:, -SEASON_WEEKS:]
        plain = np.maximum(seen.sales[:, -SEASON_WEEKS:], 0) / factor[phase[:past][-SEASON_WEEKS:]]
        level = (plain * kept).sum(axis=1) / np.maximum(kept.sum(axis=1), 1)
        return _up_to(level * factor[phase[past:]].sum(), seen.position)

    return order


def _season(seen: Seen, phase: Ints) -> Floats:
    """The factor of each place in the season; one where nothing was ever seen or sold."""
    kept = ~seen.censored
    size = int(phase.max(initial=0)) + 2
    units = np.bincount(phase, (np.maximum(seen.sales, 0) * kept).sum(axis=0), minlength=max(size, 54))
    cells = np.bincount(phase, kept.sum(axis=0), minlength=max(size, 54))
    mean = units / np.maximum(cells, 1)
    usual = float(mean[cells > 0].mean()) if (cells > 0).any() else 0.0
    known = (cells > 0) & (mean > 0) & (usual > 0)
    return np.where(known, mean / (usual or 1.0), 1.0)
