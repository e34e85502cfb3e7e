"""What does one time series of a Chronos request tell of a product's past, and of what is known ahead?

A series that makes no sense is a WrongSeries and says why. Units are whole, as everywhere: fractions are rounded half
to even. A series ends the step before its as_of, and so a panel of several is filled from the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from domain.events import ProductKey
from domain.features import Floats, Ints
from domain.product import product_of
from forecaster.dataset import Panel
from forecaster.known_ahead import NO_CALENDAR, NO_EVENT, PROMOTION, Calendar, Scope, ScopeDays
from forecaster.periods import DAY, WEEK, Periods

TARGET_MAX = 100_000
UNITS_MAX = 1e9
COVARIATES_MAX = 100
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
DAY_MAX = 100_000


class WrongSeries(ValueError):
    """This series cannot be forecast; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class History:
    """target: float64 (steps,), NaN where it is not known. as_of: the step after the last, and until its date, None if
    nobody said when. covariates: by name, the values of all steps and of those ahead, NaN where unknown; names, where
    they are text."""

    product: ProductKey
    target: Floats
    as_of: int | None
    until: date | None
    covariates: Mapping[str, Floats]
    names: Mapping[str, Sequence[str | None]]


def history_of(said: object, place: int, periods: Periods, dated: bool, ahead: int) -> History:
    """Reads one of `inputs`. dated: the request names a freq, so that this series must have a `start`."""
    if not isinstance(said, dict):
        raise WrongSeries("not an object")
    target = _target(said.get("target"))
    start = said.get("start")
    if (start is not None) != dated:
        raise WrongSeries("`start` and the parameter `freq` go together")
    day = None if start is None else _day(start)
    covariates, names = _covariates(said, len(target), ahead)
    as_of = None if day is None else periods.step(day) + len(target)
    until = None if day is None else _after(day, len(target), periods)
    return History(_product(said, place), target, as_of, until, covariates, names)


def _after(day: int, steps: int, periods: Periods) -> date:
    """The date so many steps after a day: a week that begins on another day than the model's stays the caller's."""
    days = {DAY: day + steps, WEEK: day + 7 * steps}
    return date.fromordinal(EPOCH_ORDINAL + days.get(periods.freq, periods.first_day(periods.step(day) + steps)))


def _product(said: Mapping[str, Any], place: int) -> ProductKey:
    # One without a name must not pass for a product that the model knows.
    return product_of(str(said["item_id"])) if "item_id" in said else ProductKey(f"\x00{place}")


def _target(said: object) -> Floats:
    if not isinstance(said, list) or not 1 <= len(said) <= TARGET_MAX:
        raise WrongSeries(f"`target` must be a list of 1 to {TARGET_MAX} numbers")
    if not all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in said):
        raise WrongSeries("`target` must hold numbers, and null for what is not known")
    target = _floats(said)
    known = ~np.isnan(target)
    if not (np.abs(target[known]) <= UNITS_MAX).all():
        raise WrongSeries(f"a number of `target` lies beyond {UNITS_MAX:g}")
    return target


def _floats(said: Sequence[float | None]) -> Floats:
    try:
        return np.array(said, dtype=np.float64)
    except OverflowError as exc:
        raise WrongSeries("a number is too large to be one") from exc


def _day(said: object) -> int:
    """Days since the epoch of an ISO date or time; one with an offset is of the day that it is in UTC."""
    try:
        moment = datetime.fromisoformat(str(said).strip())
    except ValueError as exc:
        raise WrongSeries(f"`start` {said!r} is no date such as 2024-01-01") from exc
    day = (moment if moment.tzinfo is None else moment.astimezone(UTC)).date().toordinal() - EPOCH_ORDINAL
    if not 0 <= day <= DAY_MAX:
        raise WrongSeries(f"`start` {said!r} is not within reason")
    return day


def _covariates(said: Mapping[str, Any], steps: int, ahead: int) -> tuple[dict[str, Floats], dict[str, list[Any]]]:
    past, future = said.get("past_covariates") or {}, said.get("future_covariates") or {}
    if not isinstance(past, dict) or not isinstance(future, dict) or len(past) + len(future) > COVARIATES_MAX:
        raise WrongSeries(f"covariates must be objects of at most {COVARIATES_MAX} names together")
    numbers, names = {}, {}
    # What is known of the past alone tells our model nothing: it asks the calendar about the steps ahead.
    for name, values in future.items():
        before = past.get(name, [None] * steps)
        if not isinstance(values, list) or len(values) != ahead or not isinstance(before, list) or len(before) != steps:
            raise WrongSeries(f"covariate {name!r} must have {steps} values in the past and {ahead} in the future")
        whole = [*before, *values]
        if all(value is None or isinstance(value, str) for value in whole):
            names[name] = whole
        elif all(value is None or isinstance(value, (int, float)) for value in whole):
            numbers[name] = _floats(whole)
        else:
            raise WrongSeries(f"covariate {name!r} is neither all numbers nor all text")
    return numbers, names


def panel_of(histories: Sequence[History], as_of: int, periods: Periods, ahead: int) -> Panel:
    """All series as one panel that ends before as_of."""
    steps = max(len(history.target) for history in histories)
    laid = np.full((len(histories), steps), np.nan)
    for row, history in enumerate(histories):
        laid[row, steps - len(history.target) :] = history.target
    starts = np.array([as_of - len(history.target) for history in histories], dtype=np.int64)
    unknown = np.isnan(laid)
    net = np.rint(np.nan_to_num(laid)).astype(np.int64)
    sold = np.maximum(net, 0)
    on_promotion = np.zeros(net.shape, dtype=bool)
    for row, history in enumerate(histories):
        if PROMOTION in history.covariates:
            on_promotion[row, steps - len(history.target) :] = history.covariates[PROMOTION][: len(history.target)] > 0
    return Panel(
        first_step=as_of - steps,
        products=tuple(history.product for history in histories),
        net=net,
        sold=sold,
        revenue=np.zeros_like(net),
        promoted=sold * on_promotion,
        censored=unknown & (np.arange(as_of - steps, as_of) >= starts[:, None]),
        promotions=tuple(_promotions(history, as_of, periods, ahead) for history in histories),
        categories=(None,) * len(histories),
        starts=starts,
        periods=periods,
    )


def _promotions(history: History, as_of: int, periods: Periods, ahead: int) -> tuple[tuple[int, int], ...]:
    """The promoted days ahead as spans of days, as a product's planned promotions are."""
    flags = history.covariates.get(PROMOTION)
    if flags is None or periods.freq != DAY:
        return ()
    days = as_of + np.flatnonzero(flags[-ahead:] > 0)
    return tuple(
        (int(span[0]), int(span[-1])) for span in np.split(days, np.flatnonzero(np.diff(days) > 1) + 1) if len(span)
    )


def calendar_with(known: Calendar, histories: Sequence[History], as_of: int, periods: Periods) -> Calendar:
    """The model's calendar with what the series say of the steps ahead, each for itself; NO_CALENDAR if they say
    nothing that the model was trained with."""
    columns = {name for said in known.scopes.values() for name in said.numbers} | set(known.columns)
    codes = {name: place + 1 for place, name in enumerate(known.events)}
    scopes: dict[Scope, ScopeDays] = {}
    for history in histories:
        numbers = {name: values for name, values in history.covariates.items() if name in columns}
        events = [_codes(named, codes) for named in history.names.values() if any(said in codes for said in named)]
        if numbers or events:
            length = len((*numbers.values(), *events)[0])
            steps = np.arange(as_of - len(history.target), as_of - len(history.target) + length)
            said = _scope(periods.first_days(steps), numbers, events, columns)
            scope = (history.product.product_id, history.product.location_id)
            scopes[scope] = _over(known.scopes[scope], said) if scope in known.scopes else said
    return replace(known, scopes={**known.scopes, **scopes}) if scopes else NO_CALENDAR


def _codes(named: Sequence[str | None], codes: Mapping[str, int]) -> Ints:
    return np.array([codes.get(said or "", NO_EVENT) for said in named], dtype=np.int64)


def _scope(days: Ints, numbers: Mapping[str, Floats], events: Sequence[Ints], columns: Iterable[str]) -> ScopeDays:
    unknown = np.full(len(days), np.nan)
    first = np.full(len(days), NO_EVENT, dtype=np.int64)
    for codes in events:
        first = np.where(first == NO_EVENT, codes, first)
    return ScopeDays(days, {name: numbers.get(name, unknown) for name in columns}, first)


def _over(known: ScopeDays, said: ScopeDays) -> ScopeDays:
    """What is said now, and what was known where nothing is said."""
    days = np.union1d(known.days, said.days)
    before, now = np.searchsorted(days, known.days), np.searchsorted(days, said.days)
    numbers = {}
    for name in said.numbers:
        laid = np.full(len(days), np.nan)
        laid[before] = known.numbers[name]
        finite = np.isfinite(said.numbers[name])
        laid[now[finite]] = said.numbers[name][finite]
        numbers[name] = laid
    events = np.full(len(days), NO_EVENT, dtype=np.int64)
    events[before] = known.events
    events[now] = np.where(said.events == NO_EVENT, events[now], said.events)
    return ScopeDays(days, numbers, events)
