"""How does the worker speak to an endpoint that AutoGluon-Cloud deployed?

A long table as text/csv (item_id, timestamp, target) there, and back a long table as text/csv with item_id, timestamp,
mean and a column a quantile level; how far ahead was fixed when the predictor was trained. Products are called r0,
r1 ... on the wire, because the container's CSV reader would make the number 123 of a product 00123, and nothing of NA.
Source: parse_payload and render_response in sagemaker_scripts/serving_utils/timeseries.py of autogluon/autogluon-cloud
(01a8744). Older containers leave item_id out of a CSV answer: ask those in the Chronos format, which they take."""

from __future__ import annotations

import csv
from collections import defaultdict
from io import StringIO

import numpy as np

from domain.features import Ints
from forecaster.formats import ItemFailed, MalformedPayload
from worker.aws.endpoints.form import BODY_BYTES_MAX, Answer, Asked, iso, numbers
from worker.aws.endpoints.totals import LEVELS, days_of_quantiles, totals_of_days

FORM = "AutoGluon"
NEEDED = ("item_id", "timestamp", "mean", *map(str, LEVELS))
ROW_BYTES_MAX = 40 + 24 * 10  # an id, a time, the mean, and the nine levels that a predictor has by default


class AutoGluonForm:
    """days: the predictor's prediction_length."""

    content_type = "text/csv"
    accept = "text/csv"
    calls_at_once = 1

    def __init__(self, days: int, correlation: float) -> None:
        self._days = days
        self._correlation = correlation

    def products_a_call(self, cover_days: Ints) -> int:
        return max(1, BODY_BYTES_MAX // (self._days * ROW_BYTES_MAX))

    def encode(self, asked: Asked) -> bytes:
        dates = [iso(day) for day in range(asked.series.as_of - asked.days, asked.series.as_of)]
        lines = ["item_id,timestamp,target"]
        for row, demand in enumerate(asked.demand.tolist()):
            lines += [f"r{row},{date},{units}" for date, units in zip(dates, demand, strict=True)]
        return ("\n".join(lines) + "\n").encode()

    def decode(self, asked: Asked, body: bytes) -> list[Answer]:
        tables = _tables(body)
        each = zip(asked.cover_days, asked.past_dispersions, strict=True)
        return [self._read(tables.get(f"r{row}", []), lengths, past) for row, (lengths, past) in enumerate(each)]

    def _read(self, rows: list[dict[str, str]], cover_days: Ints, past_dispersion: float) -> Answer:
        if not rows:
            return ItemFailed("absent from the answer")
        if not all(row["timestamp"] for row in rows):
            return ItemFailed("a row of the forecast has no timestamp")
        rows = sorted(rows, key=lambda row: row["timestamp"])
        columns = {name: numbers([row[name] for row in rows], self._days) for name in (*map(str, LEVELS), "mean")}
        *quantiles, mean = columns.values()
        read = [column for column in quantiles if column is not None]
        if len(read) < len(LEVELS):
            return ItemFailed(f"the forecast is not of {self._days} numbers a level")
        return totals_of_days(days_of_quantiles(np.array(read), mean, past_dispersion), cover_days, self._correlation)


def _tables(body: bytes) -> dict[str, list[dict[str, str]]]:
    """The answer's rows by their item_id."""
    try:
        reader = csv.DictReader(StringIO(body.decode()), strict=True)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise MalformedPayload(f"not an {FORM} answer: no column {', '.join(missing)}")
        tables = defaultdict(list)
        for row in reader:
            tables[row["item_id"]].append(row)
    except (csv.Error, UnicodeDecodeError) as exc:
        raise MalformedPayload(f"not an {FORM} answer: {exc}") from exc
    return tables
