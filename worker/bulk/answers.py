"""How do the answers of Batch Transform become one table of forecasts?

An answer file beside each shard: a line an answer, in the order of the requests. Read shard by shard and written a row
group a shard, so that memory is that of one shard. A product without a forecast is counted, and named with its
reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.forecast import total_quantile
from domain.product import product_of
from forecaster.formats import CONTENT_TYPE, ItemFailed, MalformedPayload, decode_response
from forecaster.invocations import answered
from forecaster.model import DemandModel

LEVELS = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("location_id", pa.string()),
        ("forecast_date", pa.date32()),
        ("cover_days", pa.int64()),
        ("mean", pa.float64()),
        ("dispersion", pa.float64()),
        *((name, pa.int64()) for name in LEVELS),
    ]
)


class NoAnswer(ValueError):
    """The answers are not those of the shard; the message says which line is wrong."""


@dataclass(frozen=True, slots=True)
class Failure:
    item: str
    reason: str


class Forecasts:
    """The table being written. It appears under its name when it is whole."""

    def __init__(self, path: Path, as_of: str) -> None:
        self._path = path
        self._partly = path.with_name(f".{path.name}.part")
        self._as_of = np.datetime64(as_of, "D")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partly, SCHEMA, compression="zstd")
        self.rows = 0

    def add(self, answers: Path) -> tuple[int, list[Failure]]:
        """Adds the answers of a shard; returns how many products it has forecasts of, and those without."""
        failures: list[Failure] = []
        items: list[str] = []
        totals: list[tuple[int, float, float]] = []
        for number, line in _lines(answers):
            try:
                said = decode_response(line)
            except MalformedPayload as exc:
                raise NoAnswer(f"{answers.name}, line {number}: {exc}") from exc
            for item, answer in said.items():
                if isinstance(answer, ItemFailed):
                    failures.append(Failure(item, answer.reason))
                else:
                    items += [item] * len(answer)
                    totals += [(one.cover_days, one.mean, one.dispersion) for one in answer]
        if items:
            self._writer.write_table(self._table(items, np.array(totals)))
        return len(set(items)), failures

    def _table(self, items: list[str], totals: Any) -> pa.Table:
        keys = [product_of(item) for item in items]
        days, mean, dispersion = totals[:, 0].astype(np.int64), totals[:, 1], totals[:, 2]
        self.rows += len(items)
        columns = [
            [key.product_id for key in keys],
            [key.location_id for key in keys],
            np.full(len(items), self._as_of),
            days,
            mean,
            dispersion,
            *(total_quantile(level, mean, dispersion) for level in LEVELS.values()),
        ]
        return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)

    def close(self) -> None:
        self._writer.close()
        self._partly.replace(self._path)


def answer_here(model: DemandModel, shard: Path, answers: Path) -> None:
    """Answers a shard as the container does for Batch Transform, a line a call, in this process."""
    answers.parent.mkdir(parents=True, exist_ok=True)
    with answers.open("wb") as stream:
        for _, line in _lines(shard):
            said, _ = answered(model, model.name, line, CONTENT_TYPE, CONTENT_TYPE, float("inf"))
            stream.write(said.rstrip(b"\n") + b"\n")


def write_failures(path: Path, failures: list[Failure]) -> None:
    path.write_text("".join(json.dumps({"item": f.item, "error": f.reason}) + "\n" for f in failures), encoding="utf-8")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, line
