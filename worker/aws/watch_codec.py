"""How does what is watched of a product stand in the body of its header?

As a list as short as can be, because a header is billed by the kilobyte: a level at rest is one number, the day is
counted back from the forecast's, what is owed shares a number with what is refused, and zeros at the end are left
out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.product import ForecastNote
from domain.signals import Held, Watch

NUMBERS = 8


def watch_row(watch: Watch, forecast: ForecastNote | None) -> list[Any]:
    """The row of a watch beside this forecast."""
    days_before = (forecast.as_of if forecast is not None else 0) - watch.on
    held = (_held_row(level) for level in (watch.demand, watch.forecast, watch.source))
    row = [
        days_before,
        *(_short(n) for n in (watch.point, watch.anchor, watch.gap)),
        *held,
        watch.refused + 2 * watch.owed,
    ]
    while row and row[-1] == 0:
        row.pop()
    return row


def watch_from(row: Sequence[Any], forecast: ForecastNote | None) -> Watch:
    """The watch that watch_row wrote beside this forecast."""
    filled: list[Any] = [*row, *[0] * (NUMBERS - len(row))]
    days_before, point, anchor, gap, demand, against, source, rest = filled
    on = (forecast.as_of if forecast is not None else 0) - days_before
    levels = _held(demand), _held(against), _held(source)
    return Watch(on, float(point), float(anchor), float(gap), *levels, rest % 2, rest // 2)


def _short(number: float) -> float:
    return int(number) if number == int(number) else number


def _held_row(level: Held) -> Any:
    return level.now if level == Held(level.now, level.now) else list(level)


def _held(said: Any) -> Held:
    return Held(*said) if isinstance(said, list) else Held(said, said)
