"""What must a format know, so that the worker can ask an endpoint that speaks it?

A format turns n products and the lengths to cover into the body of one InvokeEndpoint call, and its answer into the
distribution of each total, or into why a product has none. It never reads a clock, a network or another product's
answer: a product that the endpoint could not forecast fails alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np

from domain.features import DailySeries, Floats, Ints
from domain.forecast import MEAN_FLOOR, TotalDemand, dispersion_from
from forecaster.formats import ItemFailed, MalformedPayload

BODY_BYTES_MAX = 6 * 1024 * 1024  # InvokeEndpoint's limit, each way

Answer = tuple[TotalDemand, ...] | ItemFailed


@dataclass(frozen=True, slots=True)
class Asked:
    """n products in one call. items: what each is called in logs and, where a format has ids, on the wire;
    cover_days int64 (n, h)."""

    items: tuple[str, ...]
    series: DailySeries
    cover_days: Ints

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Sequence[int]) -> Asked:
        """Some of the products, in this order."""
        index = np.asarray(rows, dtype=np.int64)
        return Asked(tuple(self.items[row] for row in rows), self.series.take(rows), self.cover_days[index])

    @property
    def days(self) -> int:
        """How many days of history there are."""
        return int(self.series.net.shape[1])

    @property
    def demand(self) -> Ints:
        """Units a day before as_of, int64 (n, days); a day of net returns is no demand."""
        return np.maximum(self.series.net, 0)

    @property
    def past_dispersions(self) -> Floats:
        """How much the units of a day stray from their mean in each history, as a negative binomial's dispersion."""
        demand = self.demand.astype(np.float64)
        return dispersion_from(np.maximum(demand.mean(axis=1), MEAN_FLOOR), demand.var(axis=1, ddof=1))

    @property
    def start(self) -> str:
        """The date of the first day of the history."""
        return iso(self.series.as_of - self.days)


class Form(Protocol):
    """content_type and accept are the call's headers; calls_at_once: how many calls may be under way."""

    content_type: str
    accept: str
    calls_at_once: int

    def products_a_call(self, cover_days: Ints) -> int:
        """How many products fit into a call, so that the answer too stays below BODY_BYTES_MAX."""
        ...

    def encode(self, asked: Asked) -> bytes: ...

    def decode(self, asked: Asked, body: bytes) -> list[Answer]:
        """An answer a product, in the order asked; MalformedPayload if the body as a whole cannot be read."""
        ...


def iso(day: int) -> str:
    """The ISO date of a day since the epoch."""
    return str(np.datetime64(day, "D"))


def encoded(body: object) -> bytes:
    return msgspec.json.encode(body)


def read_json(body: bytes, form: str) -> dict[str, Any]:
    """The body as a JSON object; MalformedPayload if it is none."""
    try:
        said = _json(body)
    except (ValueError, RecursionError) as exc:
        raise MalformedPayload(f"not a {form} answer: {exc}") from exc
    if not isinstance(said, dict):
        raise MalformedPayload(f"not a {form} answer: no JSON object")
    return said


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        # Python's own json writes NaN and Infinity bare, and many containers answer by it.
        return json.loads(body)


def listed(said: dict[str, Any], name: str, form: str, count: int | None = None) -> list[Any]:
    """A list of the answer, of `count` members where that is known; MalformedPayload otherwise."""
    found = said.get(name)
    if not isinstance(found, list):
        raise MalformedPayload(f"not a {form} answer: no list {name!r}")
    if count is not None and len(found) != count:
        raise MalformedPayload(f"not a {form} answer: {len(found)} {name} for {count} products")
    return found


def numbers(said: object, days: int) -> Floats | None:
    """The first `days` of a list of finite numbers, float64 (days,); None if it is anything else, or shorter."""
    try:
        read = np.array(said[:days] if isinstance(said, list) else None, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return read if read.shape == (days,) and np.isfinite(read).all() else None


def table(said: list[Any], days: int) -> Floats | None:
    """The first `days` of each of many such lists, float64 (lists, days); None if any of them is no such list."""
    try:
        read = np.array([row[:days] for row in said], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return read if read.shape == (len(said), days) and np.isfinite(read).all() else None
