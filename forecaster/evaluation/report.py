"""What does an evaluation leave behind for scripts?

summary.json and forecasts.parquet: null where nothing is known, never a NaN; a row for every series and period."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from forecaster.evaluation.contest import Answered
from forecaster.evaluation.metrics import Score, mean_scores
from forecaster.evaluation.shop import Question

SUMMARY, FORECASTS = "summary.json", "forecasts.parquet"
IDS = ("product_id", "location_id")
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Origin:
    """How each model did at one cutoff."""

    question: Question
    scores: dict[str, dict[str, Score]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything a report is made of. forecast: what the first model said at the cutoff itself."""

    asked: dict[str, Any]
    rows: int
    rows_skipped: int
    levels: tuple[float, ...]
    origins: Sequence[Origin]
    forecast: Answered
    warnings: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, dict[str, Score]]:
        """Each model's metrics, the mean over the origins."""
        return {name: mean_scores([each.scores[name] for each in self.origins]) for name in self.origins[0].scores}


def summary(outcome: Outcome) -> dict[str, Any]:
    question = outcome.origins[0].question
    return {
        **outcome.asked,
        "rows": outcome.rows,
        "rows_skipped": outcome.rows_skipped,
        "series": len(question.rows),
        "series_left_out": len(question.shop.keys) - len(question.rows),
        "total_periods": question.total_periods,
        "models": {name: _rounded(figures) for name, figures in outcome.figures().items()},
        "origins": [
            {
                "cutoff": _iso(origin.question.cutoff_day),
                "series": len(origin.question.rows),
                "scored_periods": origin.question.known_periods,
                "models": {name: _rounded(figures) for name, figures in origin.scores.items()},
            }
            for origin in outcome.origins
        ],
        "warnings": outcome.warnings,
    }


def _rounded(figures: dict[str, Score]) -> dict[str, Score]:
    return {name: None if value is None else round(value, DIGITS) for name, value in figures.items()}


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))


def forecast_table(question: Question, said: Answered, levels: Sequence[float], whole_ids: Sequence[str]) -> pa.Table:
    """A row a series and period, periods within series. Ids come back as the file has them: those of `whole_ids` are
    whole numbers, the others text."""
    horizon = question.horizon
    each: dict[str, list[str | None]] = {
        "product_id": [key.product_id for key in question.keys],
        "location_id": [key.location_id for key in question.keys],
    }
    dates = question.shop.periods.dates(np.arange(question.cutoff, question.cutoff + horizon))
    columns = {
        name: _ids(values, name in whole_ids).take(_repeated(len(values), horizon)) for name, values in each.items()
    }
    columns["date"] = pa.array(np.tile(dates.astype("datetime64[us]"), len(question.rows)), pa.timestamp("us"))
    columns["mean"] = pa.array(said.answer.steps.mean.ravel())
    for at, level in enumerate(levels):
        columns[f"q{level:g}"] = pa.array(said.quantiles[:, :, at].ravel())
    return pa.table(columns)


def _repeated(n: int, times: int) -> pa.Array:
    return pa.array(np.repeat(np.arange(n), times))


def _ids(values: Sequence[str | None], whole: bool) -> pa.Array:
    if whole:
        return pa.array([None if value is None else int(value) for value in values], pa.int64())
    return pa.array(values, pa.string())


def whole_ids(path: Path) -> tuple[str, ...]:
    """Which ids the file holds as numbers, floats among them: pandas writes whole numbers with a gap so, and no others
    are read as ids. Only Parquet says; elsewhere an id is the text that it is."""
    if path.suffix.lower() != ".parquet":
        return ()
    schema = pq.read_schema(path)
    kinds = {name: schema.field(name).type for name in IDS if name in schema.names}
    return tuple(name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind))


def write_report(folder: Path, outcome: Outcome, ids: Sequence[str]) -> None:
    """Writes forecasts.parquet and summary.json into a folder that is there; the forecasts are the first model's."""
    table = forecast_table(outcome.origins[0].question, outcome.forecast, outcome.levels, ids)
    pq.write_table(table, folder / FORECASTS)
    text = json.dumps(summary(outcome), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")
