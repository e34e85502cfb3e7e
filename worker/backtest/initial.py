"""What does the shop hold, and what is on its way, when the replay begins?

CSV or Parquet, one row a product: product_id, location_id, on_hand, due_1, due_2 ... A product that the file does not
name has nothing; one that the sales do not know does not take part. A number that makes no sense is an error, with its
line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.events import ProductKey
from domain.features import Ints

DUE = re.compile(r"due_([1-9][0-9]{0,2})")
UNITS_MAX = 10**9


class UnusableStock(ValueError):
    """The message says where and why."""


def read_initial(path: Path, products: Sequence[ProductKey]) -> tuple[Ints, Ints]:
    """on_hand (n,) and due (n, k), int64, in the order of the products."""
    rows = _rows(path)
    heading = rows[0].keys() if rows else set()
    for name in ("product_id", "on_hand"):
        if name not in heading:
            raise UnusableStock(f"{path}: lacks a column {name}" if rows else f"{path}: holds no row")
    arrivals = {name: int(match[1]) for name in heading if (match := DUE.fullmatch(name))}
    row_of = {product: row for row, product in enumerate(products)}
    on_hand = np.zeros(len(products), dtype=np.int64)
    due = np.zeros((len(products), max(arrivals.values(), default=0)), dtype=np.int64)
    seen: set[ProductKey] = set()
    for line, said in enumerate(rows, start=2):
        product = ProductKey(said["product_id"] or "", said.get("location_id") or None)
        if product in seen:
            raise UnusableStock(f"{path}, line {line}: {'@'.join(filter(None, product))} stands there twice")
        seen.add(product)
        row = row_of.get(product)
        if row is None:
            continue
        on_hand[row] = _units(said, "on_hand", path, line)
        for name, period in arrivals.items():
            due[row, period - 1] = _units(said, name, path, line)
    if row_of and not seen & row_of.keys():
        raise UnusableStock(f"{path}: none of its products is in the sales; ids and locations must be alike")
    return on_hand, due


def _rows(path: Path) -> list[dict[str, str | None]]:
    try:
        if path.suffix.lower() == ".parquet":
            rows = pq.read_table(path).to_pylist()
            return [{name: _text(said) for name, said in row.items()} for row in rows]
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error, pa.ArrowException) as exc:
        raise UnusableStock(f"{path}: neither CSV nor Parquet: {exc}") from exc


def _text(said: object) -> str | None:
    """Whole floats as their digits, as the sales' ids are: pandas writes whole numbers with a gap as floats, the gap
    as NaN."""
    if isinstance(said, float):
        if math.isnan(said):
            return None
        return str(int(said)) if said.is_integer() else str(said)
    return None if said is None else str(said)


def _units(said: dict[str, str | None], name: str, path: Path, line: int) -> int:
    text = (said[name] or "0").strip() or "0"
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not (number == int(number) if abs(number) <= UNITS_MAX else False) or number < 0:
        raise UnusableStock(f"{path}, line {line}: {name} is {text!r}, not a whole number of units")
    return int(number)
