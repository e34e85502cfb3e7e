"""Which sales does a body carry that is written just as docs/messages.md says?

The short way that nearly every message takes: the fields of a sale under our own names, each of its own JSON type, one
sale or an array of them, bare. Whatever is otherwise, however little, is left to worker/decode.py, which reads
everything and says what is wrong. What both can read, both read alike."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, FailFast, Field, StringConstraints, TypeAdapter, with_config
from typing_extensions import TypedDict

from domain.events import ProductKey, SaleRecorded
from worker.order_lines import LINES_MAX
from worker.sale_times import moment_of
from worker.schema import (
    CATEGORY_CHARS_MAX,
    FALLBACK_ID_CHARS_MAX,
    FUTURE_MS,
    ID_CHARS_MAX,
    LABEL_BYTES_MAX,
    MINOR_UNITS,
    PRICE_MAX,
    QUANTITY_MAX,
    REVENUE_MINOR_MAX,
    TIME_CHARS_MAX,
    revenue_minor,
)

# Another name of ours, and what makes an object an order, a stream record, or something that wraps the sale.
NOT_OF_A_SALE = {"price", "lines", "items", "line_items", "dynamodb", "detail", "Records", "Type"}
LABEL_CHARS_MAX = LABEL_BYTES_MAX // 12  # a character is at most four bytes, and each may be escaped to three

Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARS_MAX)]
Absent = Annotated[int, Field(gt=1, lt=0)]  # no value is: whoever has such a field is no bare sale


@with_config(ConfigDict(strict=True))
class _Sale(TypedDict):
    product_id: Id
    event_id: NotRequired[Id]
    occurred_at: Annotated[str, StringConstraints(max_length=TIME_CHARS_MAX)]
    quantity: Annotated[int, Field(ge=-QUANTITY_MAX, le=QUANTITY_MAX)]
    unit_price: NotRequired[Annotated[float, Field(ge=-PRICE_MAX, le=PRICE_MAX, allow_inf_nan=False)] | None]
    promotion: NotRequired[bool | None]
    category: NotRequired[Annotated[str, StringConstraints(max_length=CATEGORY_CHARS_MAX)] | None]
    location_id: NotRequired[Id | None]
    type: NotRequired[Literal["sale_recorded"]]
    # NOT_OF_A_SALE
    price: NotRequired[Absent]
    lines: NotRequired[Absent]
    items: NotRequired[Absent]
    line_items: NotRequired[Absent]
    dynamodb: NotRequired[Absent]
    detail: NotRequired[Absent]
    Records: NotRequired[Absent]
    Type: NotRequired[Absent]


_one = TypeAdapter(_Sale).validator.validate_json
_many = TypeAdapter(Annotated[list[_Sale], FailFast()]).validator.validate_json
# Half of what calling a named tuple's class costs, and there is one of each for every sale.
_made = tuple.__new__


def plain_sales(body: str, message_id: str, now: int) -> list[SaleRecorded] | None:
    """The sales of a body, None if any of it is not as plain as that. now (ms) is what their times are held against."""
    if '"occurred_at"' not in body:  # such as the guide's form: no need to try
        return None
    try:
        said = _many(body) if body.startswith("[") else (_one(body),)
        if len(said) > LINES_MAX:
            return None
        return _sales(said, [f"{message_id}-{index}" for index in range(len(said))], now + FUTURE_MS) or None
    except ValueError:  # pydantic's ValidationError is one
        return None


def _sales(said: Sequence[_Sale], ids: Sequence[str], latest: int) -> list[SaleRecorded] | None:
    sales = []
    for index, fields in enumerate(said):
        product_id, location_id = fields["product_id"], fields.get("location_id")
        event_id = fields.get("event_id")
        if event_id is None:
            event_id = ids[index]
            if len(event_id) > FALLBACK_ID_CHARS_MAX:
                return None
        occurred_at = moment_of(fields["occurred_at"])
        quantity, price = fields["quantity"], fields.get("unit_price")
        minor = 0 if price is None else revenue_of(quantity, price)
        letters = len(product_id) if location_id is None else len(product_id) + len(location_id)
        known_label = letters <= LABEL_CHARS_MAX
        if not known_label or not 0 <= occurred_at <= latest or not -REVENUE_MINOR_MAX <= minor <= REVENUE_MINOR_MAX:
            return None
        key = _made(ProductKey, (product_id, location_id))
        promotion = fields.get("promotion") is True
        sales.append(
            _made(SaleRecorded, (key, event_id, occurred_at, quantity, minor, promotion, fields.get("category")))
        )
    return sales


def revenue_of(quantity: int, price: float) -> int:
    """As revenue_minor, which works with the decimal digits of the price: of two of them at most, these are exact."""
    cents = round(price * MINOR_UNITS)
    if cents / MINOR_UNITS == price:
        return quantity * cents
    return revenue_minor(quantity, Decimal(str(price)))
