"""What is known of a coming day before it comes?

Events, flags, prices and promotions of a calendar file: for all products, for one location, for one product, or for
one product at one location, the narrower saying before the wider. What the file does not say is not known: NaN."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.events import ProductKey
from domain.features import Floats, Ints

DATE_NAMES = ("date", "day", "ds", "timestamp")
KEY_NAMES = ("product_id", "location_id")
EVENT_SHARE_MAX = 0.5  # what is said of more days than that is an attribute of every day and no event
EVENTS_MAX = 200
PROMOTION = "promotion"
NO_EVENT = 0

Scope = tuple[str | None, str | None]
"""A product and a location, None for all of them."""


class UnreadableCalendar(ValueError):
    """The file is no calendar; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ScopeDays:
    """What is said for one scope. days: int64 (m,), rising. numbers: float64 (m,) a column. events: int64 (m,), the
    code of the day's first event, NO_EVENT for none."""

    days: Ints
    numbers: Mapping[str, Floats]
    events: Ints


Values = Callable[[ScopeDays], Floats]


@dataclass(frozen=True, slots=True)
class Calendar:
    """columns: names of the numbers. events: names, the code of each being its place plus one. regions: of columns
    that stand for one region each (`name_REGION`), the regions by name."""

    columns: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    scopes: Mapping[Scope, ScopeDays] = field(default_factory=dict)
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.scopes)

    def numbers(self, column: str, keys: Sequence[ProductKey], first_day: int, days: int) -> Floats:
        """The column's values of each product on `days` days from first_day on, float64 (n, days), NaN if unknown.

        A column of `regions` is answered by that of the region in which a product is."""
        if column in self.regions:
            lines = [self._regional(column, key, first_day, days) for key in keys]
            return np.stack(lines) if lines else np.zeros((0, days))
        return self._numbers(column, keys, first_day, days)

    def event_codes(self, keys: Sequence[ProductKey], first_day: int, days: int) -> Ints:
        """The code of the first event of each product on each day, NO_EVENT for none; int64 (n, days)."""
        codes = self._laid(keys, np.zeros(days), _events_of, first_day)
        return np.nan_to_num(codes).astype(np.int64)

    def _laid(self, keys: Sequence[ProductKey], whole: Floats, values: Values, first_day: int) -> Floats:
        _fill(whole, self.scopes.get((None, None)), values, first_day)
        if set(self.scopes) <= {(None, None)}:
            return np.asarray(np.broadcast_to(whole, (len(keys), len(whole))))
        laid = np.tile(whole, (len(keys), 1))
        for row, key in enumerate(keys):
            for scope in ((None, key.location_id), (key.product_id, None), (key.product_id, key.location_id)):
                if scope != (None, None):
                    _fill(laid[row], self.scopes.get(scope), values, first_day)
        return laid

    def _regional(self, column: str, key: ProductKey, first_day: int, days: int) -> Floats:
        for region in self.regions[column]:
            if _lies_in(key, region):
                return np.asarray(self._numbers(f"{column}_{region}", [key], first_day, days)[0])
        return np.full(days, np.nan)

    def _numbers(self, column: str, keys: Sequence[ProductKey], first_day: int, days: int) -> Floats:
        return self._laid(keys, np.full(days, np.nan), lambda said: said.numbers[column], first_day)


NO_CALENDAR = Calendar()


def _lies_in(key: ProductKey, region: str) -> bool:
    """Locations (without one, products) of a region begin with its name and a mark."""
    name = key.location_id or key.product_id
    return name.startswith(region) and not name[len(region) : len(region) + 1].isalnum()


def _events_of(said: ScopeDays) -> Floats:
    """Where nothing happens a narrower scope is silent, and the wider one holds."""
    return np.where(said.events == NO_EVENT, np.nan, said.events)


def _fill(row: Floats, said: ScopeDays | None, values: Values, first_day: int) -> None:
    if said is None:
        return
    low, high = np.searchsorted(said.days, (first_day, first_day + len(row)))
    found = values(said)[low:high]
    known = np.isfinite(found)
    row[said.days[low:high][known] - first_day] = found[known]


def read_calendar(path: Path) -> Calendar:
    """CSV, JSON Lines or Parquet (.gz too): a date, perhaps product_id and location_id, and any columns known ahead.

    A column of numbers is a flag or a price; a column of text names events, unless it has something to say of most
    days. Columns that only ever rise with the date are clocks and are left out."""
    try:
        return calendar_of(_read(path))
    except (OSError, EOFError) as exc:
        raise UnreadableCalendar(f"{path}: {exc}") from exc
    except (ValueError, KeyError) as exc:
        raise UnreadableCalendar(f"{path}: {str(exc) or type(exc).__name__}") from exc


def _read(path: Path) -> pd.DataFrame:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    if name.endswith((".jsonl", ".ndjson", ".json")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return pd.DataFrame([json.loads(line) for line in content.splitlines() if line.strip()])
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def calendar_of(table: pd.DataFrame) -> Calendar:
    """A calendar from its table; ValueError when there is no date in it."""
    dated = next((name for name in DATE_NAMES if name in table), None)
    if dated is None:
        raise ValueError(f"lacks a column {' or '.join(DATE_NAMES)}")
    dates = pd.to_datetime(table[dated], errors="coerce", utc=True, format="ISO8601")
    if dates.isna().any():
        raise ValueError(f"{int(dates.isna().sum())} rows have no date in column {dated}")
    day: Ints = np.asarray((dates - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(days=1), dtype=np.int64)
    others = [name for name in table.columns if name not in (dated, *KEY_NAMES)]
    texts = {name: _texts(table[name]) for name in others}
    numbers = {name: said for name in others if (said := _numbers(texts[name])) is not None}
    kept = {name: said for name, said in numbers.items() if not _is_clock(day, said)}
    eventful = [name for name in others if name not in numbers and _is_event(texts[name])]
    names = sorted({said for name in eventful for said in texts[name].dropna()})[:EVENTS_MAX]
    codes = _first_codes([texts[name] for name in eventful], names, len(table))
    keys = [_texts(table[name]) if name in table else pd.Series([None] * len(table)) for name in KEY_NAMES]
    return _calendar(day, keys, kept, names, codes)


def _calendar(day: Ints, keys: list[pd.Series], numbers: dict[str, Floats], names: list[str], codes: Ints) -> Calendar:
    products, locations = (
        np.array([None if pd.isna(said) else str(said) for said in column], dtype=object) for column in keys
    )
    rows: dict[Scope, list[int]] = {}
    for row, scope in enumerate(zip(products, locations, strict=True)):
        rows.setdefault(scope, []).append(row)
    scopes = {}
    for scope, its in rows.items():
        index = np.array(its)[np.argsort(day[its], kind="stable")]
        said = {name: values[index] for name, values in numbers.items()}
        scopes[scope] = ScopeDays(day[index], said, codes[index])
    regions = _regions(tuple(numbers))
    regional = {f"{name}_{region}" for name, of in regions.items() for region in of}
    columns = (*(name for name in numbers if name not in regional), *regions)
    return Calendar(columns, tuple(names), scopes, regions)


def _regions(columns: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Columns `name_A`, `name_B` … say the same thing for one region each."""
    found: dict[str, list[str]] = {}
    for column in columns:
        name, mark, region = column.rpartition("_")
        if mark and name and region.isupper():
            found.setdefault(name, []).append(region)
    return {name: tuple(of) for name, of in found.items() if len(of) > 1 and name not in columns}


def _texts(column: pd.Series) -> pd.Series:
    """As text, null where blank; whole numbers as their digits, as the sales have their ids."""
    said = column.astype(object).map(_text)
    return said.mask(said.isin(("", "nan", "None", "NaN")), None).reset_index(drop=True)


def _text(value: Any) -> str | None:
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _numbers(texts: pd.Series) -> Floats | None:
    """The numbers of a column, None when it holds anything else (or nothing)."""
    flags = texts.replace({"True": "1", "False": "0", "true": "1", "false": "0"})
    said = pd.to_numeric(flags, errors="coerce").to_numpy(np.float64)
    blank = texts.isna().to_numpy()
    return None if blank.all() or not np.isfinite(said[~blank]).all() else said


def _is_clock(day: Ints, values: NDArray[np.float64]) -> bool:
    known = np.isfinite(values)
    in_time = values[known][np.argsort(day[known], kind="stable")]
    distinct = len(np.unique(in_time))
    return distinct < 2 or (distinct > 2 and bool((np.diff(in_time) >= 0).all()))


def _is_event(texts: pd.Series) -> bool:
    return 0 < texts.notna().mean() <= EVENT_SHARE_MAX


def _first_codes(columns: list[pd.Series], names: list[str], rows: int) -> Ints:
    code = {name: place + 1 for place, name in enumerate(names)}
    codes = np.zeros(rows, dtype=np.int64)
    for column in columns:
        said = column.map(code).to_numpy(np.float64, na_value=0.0).astype(np.int64)
        codes = np.where(codes == NO_EVENT, said, codes)
    return codes


def save_calendar(calendar: Calendar, path: Path) -> None:
    """As JSON; load_calendar reads it."""
    scopes = [
        {
            "product_id": product_id,
            "location_id": location_id,
            "days": said.days.tolist(),
            "events": said.events.tolist(),
            "numbers": {name: _or_null(values) for name, values in said.numbers.items()},
        }
        for (product_id, location_id), said in calendar.scopes.items()
    ]
    body = {"columns": calendar.columns, "events": calendar.events, "regions": calendar.regions, "scopes": scopes}
    path.write_text(json.dumps(body, separators=(",", ":"), allow_nan=False), encoding="utf-8")


def _or_null(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def load_calendar(path: Path) -> Calendar:
    said = json.loads(path.read_text(encoding="utf-8"))
    scopes = {
        (of["product_id"], of["location_id"]): ScopeDays(
            np.array(of["days"], dtype=np.int64),
            {name: np.array(values, dtype=np.float64) for name, values in of["numbers"].items()},
            np.array(of["events"], dtype=np.int64),
        )
        for of in said["scopes"]
    }
    regions = {name: tuple(of) for name, of in said["regions"].items()}
    return Calendar(tuple(said["columns"]), tuple(said["events"]), scopes, regions)
