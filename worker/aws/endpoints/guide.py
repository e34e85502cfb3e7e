"""How does the worker speak to an endpoint built after the inventory guide?

A product a call: a row of the guide's features a day and a horizon there, `forecast` and `confidence_interval` back.
The guide gives neither a unit, so they are fixed here: a number is the total over the horizon, a list its days, and two
limits hold four totals of five. A percentage says nothing that a distribution could be made of: then the spread is that
of the product's own past."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from domain.features import Floats, Ints, calendar_of
from domain.forecast import baseline_totals
from forecaster.formats import VALUE_MAX, ItemFailed
from worker.aws.endpoints.form import Answer, Asked, encoded, iso, numbers, read_json
from worker.aws.endpoints.totals import Days, totals_of_days

FORM = "guide's"
CALLS_AT_ONCE = 8
NORMAL_80 = 2 * 1.2815515655446004  # standard deviations between the limits of a normal's central 80 %


class GuideForm:
    """days: the horizon that is asked for."""

    content_type = "application/json"
    accept = "application/json"
    calls_at_once = CALLS_AT_ONCE

    def __init__(self, days: int, correlation: float) -> None:
        self._days = days
        self._correlation = correlation

    def products_a_call(self, cover_days: Ints) -> int:
        return 1

    def encode(self, asked: Asked) -> bytes:
        return encoded({"features": _rows(asked), "horizon": self._days})

    def decode(self, asked: Asked, body: bytes) -> list[Answer]:
        said = read_json(body, FORM)
        mean = self._mean(said.get("forecast"))
        if mean is None:
            return [ItemFailed("`forecast` is neither a number nor a list of them")]
        lengths = asked.cover_days[0]
        width = _width(said.get("confidence_interval"))
        if width is not None and width > VALUE_MAX:
            return [ItemFailed(f"the limits lie further apart than {VALUE_MAX:g}")]
        if width is not None:
            # The variance of one day, such that all days together have the interval's.
            of_all = (width / NORMAL_80) ** 2
            of_a_day = of_all / (self._days * (1 + self._correlation * (self._days - 1)))
            return [totals_of_days(Days(mean, np.full(self._days, of_a_day)), lengths, self._correlation)]
        return [self._as_before(asked, mean, lengths)]

    def _mean(self, said: object) -> Floats | None:
        """Of each day, float64 (days,)."""
        if isinstance(said, list):
            return _at_least_zero(numbers(said, self._days))
        total = numbers([said], 1) if not isinstance(said, bool) else None
        return None if total is None else _at_least_zero(np.full(self._days, total[0] / self._days))

    def _as_before(self, asked: Asked, mean: Floats, lengths: Ints) -> Answer:
        """The means of the endpoint with the dispersions of the baseline."""
        said = totals_of_days(Days(mean, np.zeros(self._days)), lengths, self._correlation)
        if isinstance(said, ItemFailed):
            return said
        (past,) = baseline_totals(asked.series, [np.array([k]) for k in lengths.tolist()])
        return tuple(replace(total, dispersion=old.dispersion) for total, old in zip(said, past, strict=True))


def _at_least_zero(mean: Floats | None) -> Floats | None:
    return None if mean is None else np.maximum(mean, 0.0)


def _width(said: object) -> float | None:
    """How far the limits lie from each other, if there are two."""
    if isinstance(said, dict):
        said = [said.get("lower"), said.get("upper")]
    limits = numbers(said, 2) if isinstance(said, list) and len(said) == 2 else None
    return None if limits is None else abs(float(limits[1]) - float(limits[0]))


def _rows(asked: Asked) -> list[dict[str, Any]]:
    """A row a day of the history, as the guide's prepare_features makes them: rolling means end with the row's own day,
    which is known when the next days are asked for. What pandas would leave NaN is null."""
    first = asked.series.as_of - asked.days
    units = asked.demand[0].tolist()
    before = np.concatenate([[0], asked.demand[0].cumsum()])
    rows = []
    for at, sold in enumerate(units):
        calendar = calendar_of(first + at)
        rows.append(
            {
                "product_id": asked.items[0],
                "date": iso(first + at),
                "quantity_sold": sold,
                **calendar,
                "lag_7": units[at - 7] if at >= 7 else None,
                "lag_30": units[at - 30] if at >= 30 else None,
                "rolling_7": _mean_of_last(before, at, 7),
                "rolling_30": _mean_of_last(before, at, 30),
            }
        )
    return rows


def _mean_of_last(before: Ints, at: int, days: int) -> float | None:
    return float(before[at + 1] - before[at + 1 - days]) / days if at + 1 >= days else None
