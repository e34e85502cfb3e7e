"""What does the booster see of a window ahead, and where does its answer start from?

A row is one window of one product: the product's state, the window's place and weekdays, what earlier years, days like
it and the calendar say, and who the product is. Units are divided by the level, so that a row is free of scale. The
start is what an ordinary product of this level would sell; the booster answers for the departure from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.features import Floats, Ints
from domain.forecast import MEAN_FLOOR
from domain.product import product_of
from forecaster.day_factors import DayFactors, factors_of, over_windows
from forecaster.days_ahead import calendar_columns, known_of_windows
from forecaster.formats import FEATURES, ForecastRequest
from forecaster.known_ahead import PROMOTION, Calendar
from forecaster.likeness import Likeness, likeness_of
from forecaster.memory import CATEGORY, LOCATION, PRODUCT, REGION, SERIES, SHOP, Memory
from forecaster.periods import DAY, MONTH
from forecaster.seasons import own_week, shop_week, year_columns, years_ago

WEEKDAYS = tuple(f"{name}_{weekday}" for name in ("last", "month", "window") for weekday in range(7))
STATE = tuple(name for name in FEATURES if name not in WEEKDAYS)
FREE_OF_SCALE = (
    "nonzero_share",
    "days_since_last_sale",
    "price_ratio",
    "promotion_share",
    "nonzero_7",
    "nonzero_28",
    "age",
)
WEEKS = ("week_own", "week_shop", "week_raw", "week_last", "week_month", "week_long")
CODED = (SERIES, PRODUCT, REGION, LOCATION, CATEGORY)
CODES_MAX = 300
EVENTS = ("event", "event_before", "event_after")
SELLING_DAYS_PRIOR = 20.0  # a product's own weekdays count as much as the shop's after so many days that sold
START_FLOOR = 0.002
DIGITS = 6
SEASON_TRUST = 0.85  # of last year's season, where steps are weeks or months
SEASON_LEANS = {f"year_1_{PRODUCT}": 0.2, f"year_1_{LOCATION}": 0.2, f"year_2_{SHOP}": 0.25}
SEASON_LOG_MAX = 1.4


@dataclass(frozen=True, slots=True)
class Past:
    """What a model knows beside a request."""

    memory: Memory
    likeness: Likeness
    factors: DayFactors
    calendar: Calendar


def past_of(memory: Memory, calendar: Calendar) -> Past:
    return Past(memory, likeness_of(memory, calendar), factors_of(memory, calendar), calendar)


@dataclass(frozen=True, slots=True)
class Design:
    """rows: float32 (n * h, columns), each product with each of its windows in turn. start: float64 (n * h,), the
    logarithm of what an ordinary product would sell."""

    rows: NDArray[np.float32]
    start: Floats


def columns_of(past: Past) -> tuple[str, ...]:
    """The columns that this memory and this calendar can fill."""
    memory = past.memory
    daily: tuple[str, ...] = (*WEEKS, "weekday") if memory.periods.freq == DAY else ()
    dates: tuple[str, ...] = ("part_of_year", "day_of_month") if memory.steps >= 2 * memory.periods.year else ()
    if memory.periods.freq == MONTH:
        dates = dates[:1]
    codes = tuple(
        f"code_{name}" for name in CODED if name in memory.layers and len(memory.layers[name].names) <= CODES_MAX
    )
    alike = (*past.likeness.columns(), *past.factors.columns())
    years, ahead = year_columns(memory), calendar_columns(past.calendar)
    return (*STATE, "offset", "length", "planned_share", *daily, *dates, *years, *alike, *ahead, *codes)


def categorical(columns: tuple[str, ...]) -> list[str]:
    return [name for name in columns if name.startswith("code_") or name in EVENTS]


def design(request: ForecastRequest, past: Past, columns: tuple[str, ...]) -> Design:
    """The booster's rows for every window of the request; all of its rows must make sense."""
    n, h = request.cover_days.shape
    level = np.maximum(request.features[:, 0], MEAN_FLOOR)
    members = past.memory.members(request.items)
    found = _of_windows(request, past, members, level, columns)
    rows = np.full((n, h, len(columns)), np.nan, dtype=np.float32)
    for at, name in enumerate(columns):
        if name in STATE:
            rows[:, :, at] = _state(request, name, level)[:, None]
        elif name in found:
            rows[:, :, at] = found[name]
    # A row must not fall on the other side of a split for a digit that a sum or the wire left behind.
    np.round(rows, DIGITS, out=rows)
    return Design(rows.reshape(n * h, len(columns)), _start(request, past, found, level))


def _state(request: ForecastRequest, name: str, level: Floats) -> Floats:
    column = request.features[:, FEATURES.index(name)]
    if name == "level":
        return np.asarray(np.log(level))
    return column if name in FREE_OF_SCALE else np.asarray(column / level)


def _of_windows(
    request: ForecastRequest, past: Past, members: dict[str, Ints], level: Floats, columns: tuple[str, ...]
) -> dict[str, Floats]:
    begins, lengths, memory = request.begins, request.cover_days, past.memory
    found: dict[str, Floats] = {
        "offset": begins.astype(np.float64),
        "length": lengths.astype(np.float64),
        "planned_share": request.planned_share,
    }
    if not begins.size:
        return found
    if memory.periods.freq == DAY:
        found |= _weekdays(request, past, members.get(SERIES), level)
    if "part_of_year" in columns:
        found |= _dates(request, past)
    if "growth" in columns:
        found |= years_ago(memory, members, request.as_of, begins, lengths, level)
    found |= _of_days(request, past, members)
    if past.calendar:
        keys = [product_of(item) for item in request.items]
        found |= known_of_windows(past.calendar, keys, memory.periods, request.as_of, begins, lengths)
        if f"ahead_{PROMOTION}" in found:
            found["planned_share"] = np.fmax(request.planned_share, found[f"ahead_{PROMOTION}"])
    for name in CODED:
        if f"code_{name}" in columns:
            found[f"code_{name}"] = np.broadcast_to(members[name][:, None], begins.shape).astype(np.float64)
    return found


def _of_days(request: ForecastRequest, past: Past, members: dict[str, Ints]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    if past.likeness.departures:
        found |= past.likeness.of_days(members, request.as_of, request.begins, request.cover_days)
    if past.factors:
        found |= past.factors.of_windows(request, members[SERIES])
    return found


def _weekdays(request: ForecastRequest, past: Past, rows: Ints | None, level: Floats) -> dict[str, Floats]:
    """Each profile's mean over the days of a window: of the product's last week, four and eight weeks over its level;
    of eight weeks by themselves (raw) and leaning on the shop's (own); of the shop; of the product's year before."""
    n = len(request.items)
    last, month, window = (
        request.features[:, [FEATURES.index(f"{name}_{weekday}") for weekday in range(7)]]
        for name in ("last", "month", "window")
    )
    shop = shop_week(past.memory, request.as_of)[None]
    sold = np.maximum(window, 0.0)
    total = sold.sum(axis=1, keepdims=True)
    raw = np.where(total > 0, 7 * sold / np.where(total > 0, total, 1.0), shop)
    selling_days = request.features[:, [FEATURES.index("nonzero_share")]] * 56
    weight = selling_days / (selling_days + SELLING_DAYS_PRIOR)
    long = own_week(past.memory, np.full(n, -1) if rows is None else rows, request.as_of)
    # Eight weeks are few: where a year is known it says most of a product's week.
    week = np.where(np.isfinite(long), (raw + 2 * long) / 3, raw)
    profiles = (weight * week + (1 - weight) * shop, np.broadcast_to(shop, (n, 7)), raw)
    scaled = (last / level[:, None], month / level[:, None])
    weekday = (request.as_of + request.begins + 3) % 7
    found = {"weekday": np.where(request.cover_days == 1, weekday, 7).astype(np.float64)}
    for name, profile in zip(WEEKS, (*profiles, *scaled, long), strict=True):
        found[name] = over_windows(profile, request)
    return found


def _dates(request: ForecastRequest, past: Past) -> dict[str, Floats]:
    middle = past.memory.periods.dates(request.as_of + request.begins + request.cover_days // 2)
    year, month = middle.astype("datetime64[Y]"), middle.astype("datetime64[M]")
    return {
        "part_of_year": (middle - year).astype(np.float64),
        "day_of_month": (middle - month).astype(np.float64) + 1,
    }


def _start(request: ForecastRequest, past: Past, found: dict[str, Floats], level: Floats) -> Floats:
    expected = level[:, None] * request.cover_days
    if past.memory.periods.freq == DAY:
        if "week_own" in found:
            expected = expected * np.maximum(found["week_own"], 0.0)
    elif f"year_1_{SHOP}" in found:
        expected = expected * np.exp(SEASON_TRUST * _season(found))
    return np.asarray(np.log(np.maximum(expected, START_FLOOR)).ravel())


def _season(found: dict[str, Floats]) -> Floats:
    """The shop's season a year ago, leaning a little on the product's and the location's, and on the year before."""
    shop = _bounded(found[f"year_1_{SHOP}"])
    season = np.nan_to_num(shop)
    for name, weight in SEASON_LEANS.items():
        if name in found:
            season = season + weight * np.nan_to_num(_bounded(found[name]) - shop)
    return season


def _bounded(ratio: Floats) -> Floats:
    return np.clip(ratio, -SEASON_LOG_MAX, SEASON_LOG_MAX)
