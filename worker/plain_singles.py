"""Which of many bodies are single sales, written just as docs/messages.md says, and what do they say?

Checked column by column, which takes a third of the time of one by one. Whatever is otherwise in a body, however
little, leaves it to worker/decode.py. What both can read, both read alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from types import NoneType
from typing import Any, Generic, NamedTuple, TypeVar

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

Each = TypeVar("Each")

TOGETHER = 250  # bodies that are taken apart at once: as objects, a thousand sales are more than a core's cache holds
USUAL = ("product_id", "event_id", "occurred_at", "quantity", "unit_price", "promotion", "category")
TOO_MUCH = REVENUE_MINOR_MAX + 1

_usual_of = itemgetter(*USUAL)
# Half of what calling a named tuple's class costs.
_key_of = partial(tuple.__new__, ProductKey)


class Singles(NamedTuple):
    """rows: the places of the bodies that are plain sales, and those sales, in that order."""

    rows: Sequence[int]
    sales: SaleColumns


class _Columns(NamedTuple, Generic[Each]):
    """Something of many objects by field, such as their values: None where an object has none."""

    product_id: Each
    event_id: Each
    occurred_at: Each
    quantity: Each
    unit_price: Each
    promotion: Each
    category: Each
    location_id: Each


_Values = _Columns[list[Any]]
_Kinds = _Columns[set[type]]


def plain_singles(bodies: Sequence[str], message_ids: Sequence[str], now: int) -> Singles:
    """now (ms) is what times are held against; a message's id serves where its sale has none."""
    columns: _Values = _Columns([], [], [], [], [], [], [], [])
    rows: list[int] = []
    for at in range(0, len(bodies), TOGETHER):
        rows += [at + row for row in _gather(columns, bodies[at : at + TOGETHER])]
    kinds: _Kinds = _Columns(*({*map(type, column)} for column in columns))
    for row in sorted(_odd(columns, kinds), reverse=True):
        del rows[row]
        for column in columns:
            del column[row]
    return _checked(columns, kinds, rows, message_ids, now + FUTURE_MS) if rows else Singles((), SaleColumns.of(()))


def _gather(columns: _Values, bodies: Sequence[str]) -> Sequence[int]:
    """Adds what objects among the bodies say that may be plain sales, and returns which these are."""
    said = _parsed(bodies)
    rows: Sequence[int] = range(len(said))
    try:
        usual = {*map(len, said)} == {len(USUAL)}
        taken = [*zip(*map(_usual_of, said), strict=True), [None] * len(said)] if usual else []
    except (KeyError, TypeError):  # as many fields, but others; or what has none
        usual = False
    if not usual:
        told = [*map(_values_of, said)]
        rows = [row for row, values in enumerate(told) if values is not None]
        taken = [*zip(*[values for values in told if values is not None], strict=True)]
    for column, values in zip(columns, taken, strict=False):  # none are taken of no rows
        column += values
    return rows


def _values_of(said: Any) -> tuple[Any, ...] | None:
    """The values of an object by field, None of what is no plain sale."""
    if type(said) is not dict:
        return None
    if len(said) == len(USUAL):
        try:
            return (*_usual_of(said), None)
        except KeyError:  # as many fields, but others
            pass
    return tuple([said.get(name) for name in _Columns._fields]) if _may_be_plain(said) else None


def _parsed(bodies: Sequence[str]) -> list[Any]:
    """What each body says; None of what is no JSON."""
    said: list[Any] = []
    for body in bodies:
        try:
            said.append(from_json(body, allow_inf_nan=False, cache_strings="keys"))
        except (ValueError, TypeError):  # TypeError: text with half a surrogate pair
            said.append(None)
    return said


def _may_be_plain(fields: dict[str, Any]) -> bool:
    if fields.get("type", "sale_recorded") != "sale_recorded" or fields.get("event_id", "") is None:
        return False
    return NOT_OF_A_SALE.isdisjoint(fields)


def _odd(columns: _Values, kinds: _Kinds) -> set[int]:
    """The rows in which anything is not of its own JSON type or not within its limits."""
    said, found = columns, kinds
    return {
        *_odd_texts(said.product_id, found.product_id, {str}),
        *_odd_texts(said.event_id, found.event_id, {str, NoneType}),
        *_odd_texts(said.location_id, found.location_id, {str, NoneType}),
        *_odd_texts(said.occurred_at, found.occurred_at, {str}, most=TIME_CHARS_MAX),
        *_odd_texts(said.category, found.category, {str, NoneType}, least=0, most=CATEGORY_CHARS_MAX),
        *_odd_numbers(said.quantity, found.quantity, {int}, most=QUANTITY_MAX),
        *_odd_numbers(said.unit_price, found.unit_price, {int, float, NoneType}, most=PRICE_MAX),
        *_odd_numbers(said.promotion, found.promotion, {bool, NoneType}, most=1),
    }


def _odd_texts(
    column: Sequence[Any], found: set[type], kinds: set[type], least: int = 1, most: int = ID_CHARS_MAX
) -> list[int]:
    """found: the types that there are; kinds: those that may be."""
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


def _odd_numbers(column: Sequence[Any], found: set[type], kinds: set[type], most: int) -> list[int]:
    if found == {bool} and bool in kinds:
        return []
    if NoneType not in found and found.issubset(kinds) and column and -most <= min(column) and max(column) <= most:
        return []
    return [
        row
        for row, value in enumerate(column)
        if type(value) not in kinds or (value is not None and not -most <= value <= most)
    ]


def _checked(columns: _Values, kinds: _Kinds, rows: Sequence[int], message_ids: Sequence[str], latest: int) -> Singles:
    """latest (ms) is the last moment that is not in the future."""
    product_ids, event_ids, times, quantities, prices, promotions, categories, location_ids = columns
    occurred_at = moments_of(times)
    quantity = np.array(quantities, dtype=np.int64)
    revenue = _revenues(quantity, [price or 0.0 for price in prices] if NoneType in kinds.unit_price else prices)
    odd = (occurred_at < 0) | (occurred_at > latest) | (np.abs(revenue) > REVENUE_MINOR_MAX)
    keys, longest = _keys(product_ids, location_ids)
    if longest > LABEL_CHARS_MAX:
        odd |= np.array([*map(_letters, keys)]) > LABEL_CHARS_MAX
    if NoneType in kinds.event_id:
        fallbacks = [f"{message_ids[row]}-0" for row in rows]
        named = [*zip(event_ids, fallbacks, strict=True)]
        odd |= [told is None and len(fallback) > FALLBACK_ID_CHARS_MAX for told, fallback in named]
        event_ids = [fallback if told is None else told for told, fallback in named]
    promoted = np.array([said is True for said in promotions] if NoneType in kinds.promotion else promotions)
    sales = SaleColumns(keys, event_ids, occurred_at, quantity, revenue, promoted, categories)
    if odd.any():
        kept = np.flatnonzero(~odd).tolist()
        return Singles([rows[row] for row in kept], sales.take(kept))
    return Singles(rows, sales)


def _keys(product_ids: Sequence[str], location_ids: Sequence[str | None]) -> tuple[list[ProductKey], int]:
    """The products, and the letters of the longest at most. One object a product, if it has no location: it is found
    again faster than its equals."""
    if any(location_ids):
        longest = max(map(len, product_ids)) + max([len(location) for location in location_ids if location])
        return [*map(_key_of, zip(product_ids, location_ids, strict=True))], longest
    key_of = {product_id: _key_of((product_id, None)) for product_id in {*product_ids}}
    return [*map(key_of.__getitem__, product_ids)], max(map(len, key_of))


def _letters(key: ProductKey) -> int:
    return len(key.product_id) + len(key.location_id or "")


def _revenues(quantity: NDArray[np.int64], prices: Sequence[float]) -> NDArray[np.int64]:
    """As revenue_of; of what is far too much only that it is too much."""
    price = np.array(prices, dtype=np.float64)
    cents = np.rint(price * MINOR_UNITS)
    revenue = quantity * cents.astype(np.int64)
    for row in np.flatnonzero(cents / MINOR_UNITS != price).tolist():
        revenue[row] = max(-TOO_MUCH, min(revenue_of(int(quantity[row]), float(price[row])), TOO_MUCH))
    # Products in 64 bits are right up to far above what is still allowed, but not up to what a sender may write.
    revenue[np.abs(quantity * cents) > 2 * REVENUE_MINOR_MAX] = TOO_MUCH
    return revenue
