"""Which of many bodies are single sales, written just as docs/messages.md says, and what do they say?

Read together and checked column by column, which takes a third of the time of one by one. Whatever is otherwise in a
body, however little, leaves it to worker/decode.py. What both can read, both read alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from operator import itemgetter
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from domain.events import ProductKey
from domain.sales import SaleColumns
from worker.plain_sales import LABEL_CHARS_MAX, NOT_OF_A_SALE, revenue_of
from worker.sale_times import moments_of
from worker.schema import (
    CATEGORY_CHARS_MAX,
    FALLBACK_ID_CHARS_MAX,
    FUTURE_MS,
    ID_CHARS_MAX,
    MINOR_UNITS,
    PRICE_MAX,
    QUANTITY_MAX,
    REVENUE_MINOR_MAX,
    TIME_CHARS_MAX,
)

TOGETHER = 250  # bodies that are parsed at once; the more, the oftener one of them is odd
USUAL = ("product_id", "event_id", "occurred_at", "quantity", "unit_price", "promotion", "category")
TOO_MUCH = REVENUE_MINOR_MAX + 1

_usual_of = itemgetter(*USUAL)
_first, _last = itemgetter(0), itemgetter(-1)
# Half of what calling a named tuple's class costs.
_key_of = partial(tuple.__new__, ProductKey)


class Singles(NamedTuple):
    """rows: the places of the bodies that are plain sales, and those sales, in that order."""

    rows: Sequence[int]
    sales: SaleColumns


class _Columns(NamedTuple):
    """The values of objects by field, None where an object has none."""

    product_id: list[Any]
    event_id: list[Any]
    occurred_at: list[Any]
    quantity: list[Any]
    unit_price: list[Any]
    promotion: list[Any]
    category: list[Any]
    location_id: list[Any]

    def where(self, rows: Sequence[int]) -> _Columns:
        return _Columns(*([column[row] for row in rows] for column in self))


def plain_singles(bodies: Sequence[str], message_ids: Sequence[str], now: int) -> Singles:
    """now (ms) is what times are held against; a message's id serves where its sale has none."""
    columns, rows = _Columns([], [], [], [], [], [], [], []), []
    for at in range(0, len(bodies), TOGETHER):
        # Taken apart at once: as objects, a thousand sales are more than a core's cache holds.
        rows += [at + row for row in _gather(columns, bodies[at : at + TOGETHER])]
    odd = _odd(columns)
    if odd:
        kept = sorted({*range(len(rows))} - odd)
        columns, rows = columns.where(kept), [rows[row] for row in kept]
    return _checked(columns, rows, message_ids, now + FUTURE_MS) if rows else Singles((), SaleColumns.of(()))


def _gather(columns: _Columns, bodies: Sequence[str]) -> Sequence[int]:
    """Adds what single objects among the bodies say, and returns which these are; the others are found by halving."""
    said = _objects(bodies)
    if said is None:
        if len(bodies) <= 1:
            return ()
        half = len(bodies) // 2
        return [*_gather(columns, bodies[:half]), *(half + row for row in _gather(columns, bodies[half:]))]
    usual = {*map(len, said)} == {len(USUAL)}
    if usual:
        try:
            taken = [*zip(*map(_usual_of, said), strict=True), [None] * len(said)]
        except KeyError:  # as many fields, but others
            usual = False
    rows: Sequence[int] = range(len(said))
    if not usual:
        rows = [row for row, fields in enumerate(said) if _may_be_plain(fields)]
        taken = [[said[row].get(name) for row in rows] for name in _Columns._fields]
    for column, values in zip(columns, taken, strict=True):
        column += values
    return rows


def _objects(bodies: Sequence[str]) -> list[dict[str, Any]] | None:
    """The object that each body is; None if any of them is not one without others in it."""
    joined = ",".join(bodies)
    # One opening and one closing brace each, and nothing outside of them.
    if not joined.count("{") == joined.count("}") == len(bodies) or "" in bodies:
        return None
    if {*map(_first, bodies)} != {"{"} or {*map(_last, bodies)} != {"}"}:
        return None
    try:
        said: list[dict[str, Any]] = from_json(f"[{joined}]", allow_inf_nan=False, cache_strings="keys")
    except (ValueError, TypeError):  # TypeError: text with half a surrogate pair
        return None
    # As many as there are braces, so that each brace is one's own, and none stands inside of a text.
    return said if len(said) == len(bodies) else None


def _may_be_plain(fields: dict[str, Any]) -> bool:
    if fields.get("type", "sale_recorded") != "sale_recorded" or fields.get("event_id", "") is None:
        return False
    return NOT_OF_A_SALE.isdisjoint(fields)


def _odd(columns: _Columns) -> set[int]:
    """The rows in which anything is not of its own JSON type or not within its limits."""
    text, number = partial(_odd_texts, least=1, most=ID_CHARS_MAX), _odd_numbers
    return {
        *text(columns.product_id, kinds={str}),
        *text(columns.event_id, kinds={str, NoneType}),
        *text(columns.location_id, kinds={str, NoneType}),
        *text(columns.occurred_at, kinds={str}, most=TIME_CHARS_MAX),
        *text(columns.category, kinds={str, NoneType}, least=0, most=CATEGORY_CHARS_MAX),
        *number(columns.quantity, kinds={int}, most=QUANTITY_MAX),
        *number(columns.unit_price, kinds={int, float, NoneType}, most=PRICE_MAX),
        *number(columns.promotion, kinds={bool, NoneType}, most=1),
    }


def _odd_texts(column: Sequence[Any], kinds: Collection[type], least: int, most: int) -> list[int]:
    found = {*map(type, column)}
    if found == {NoneType} and NoneType in kinds:
        return []
    if found == {str}:
        sizes = {*map(len, column)}
        if least <= min(sizes) and max(sizes) <= most:
            return []
    return [
        row
        for row, value in enumerate(column)
        if type(value) not in kinds or (value is not None and not least <= len(value) <= most)
    ]


def _odd_numbers(column: Sequence[Any], kinds: Collection[type], most: int) -> list[int]:
    found = {*map(type, column)}
    if NoneType not in found and found.issubset(kinds) and column and -most <= min(column) and max(column) <= most:
        return []
    return [
        row
        for row, value in enumerate(column)
        if type(value) not in kinds or (value is not None and not -most <= value <= most)
    ]


def _checked(columns: _Columns, rows: Sequence[int], message_ids: Sequence[str], latest: int) -> Singles:
    """latest (ms) is the last moment that is not in the future."""
    product_ids, event_ids, times, quantities, prices, promotions, categories, location_ids = columns
    occurred_at = moments_of(times)
    revenue = _revenues(quantities, prices)
    odd = (occurred_at < 0) | (occurred_at > latest) | (np.abs(revenue) > REVENUE_MINOR_MAX)
    letters = [*map(len, product_ids)]
    if any(location_ids):
        letters = [size + len(location or "") for size, location in zip(letters, location_ids, strict=True)]
    if max(letters) > LABEL_CHARS_MAX:
        odd |= np.array(letters) > LABEL_CHARS_MAX
    if None in event_ids:
        fallbacks = [f"{message_ids[row]}-0" for row in rows]
        named = [*zip(event_ids, fallbacks, strict=True)]
        odd |= [told is None and len(fallback) > FALLBACK_ID_CHARS_MAX for told, fallback in named]
        event_ids = [fallback if told is None else told for told, fallback in named]
    keys = [*map(_key_of, zip(product_ids, location_ids, strict=True))]
    promoted = np.array([promotion is True for promotion in promotions] if None in promotions else promotions)
    sales = SaleColumns(
        keys, event_ids, occurred_at, np.array(quantities, dtype=np.int64), revenue, promoted, categories
    )
    if odd.any():
        kept = np.flatnonzero(~odd).tolist()
        return Singles([rows[row] for row in kept], sales.take(kept))
    return Singles(rows, sales)


def _revenues(quantities: Sequence[int], prices: Sequence[float | None]) -> NDArray[np.int64]:
    """As revenue_of; of what is far too much only that it is too much."""
    price = np.array([price or 0.0 for price in prices] if None in prices else prices, dtype=np.float64)
    quantity = np.array(quantities, dtype=np.int64)
    cents = np.rint(price * MINOR_UNITS)
    revenue = quantity * cents.astype(np.int64)
    for row in np.flatnonzero(cents / MINOR_UNITS != price).tolist():
        revenue[row] = max(-TOO_MUCH, min(revenue_of(quantities[row], float(price[row])), TOO_MUCH))
    # Products in 64 bits are right up to far above what is still allowed, but not up to what a sender may write.
    revenue[np.abs(quantity * cents) > 2 * REVENUE_MINOR_MAX] = TOO_MUCH
    return revenue
