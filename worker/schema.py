"""Is this line a valid event, and which?

The guide's field names are accepted beside ours. Quantities are whole, money becomes whole minor units rounded
half-even, times must not lie in the future. Whatever is refused is refused with the field and the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import MAX_PREC, ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any, NoReturn

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from domain.events import (
    Event,
    OrderApproved,
    OrderClosed,
    OrderConfirmed,
    OrderRejected,
    OrderShipped,
    ProductFrozen,
    ProductKey,
    ProductUnfrozen,
    PromotionPlanned,
    QuantityOverridden,
    ReorderCancelled,
    SaleRecorded,
    ShipmentReceived,
    StockChanged,
)
from domain.product import product_label
from handlers.errors import InvalidEvent

QUANTITY_MAX = 10**8
PRICE_MAX = 10**9
REVENUE_MINOR_MAX = 10**15
MINOR_UNITS = 100
FUTURE_MS = 10 * 60_000
LABEL_BYTES_MAX = 900  # an order id, which holds the label, is a DynamoDB sort key of at most 1,024 bytes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FALLBACK_ID_CHARS_MAX = 300  # an order's id and the line's place in it, or an item's keys
EPOCH_MS_ABOVE = 10**11
ID_CHARS_MAX = 256
CATEGORY_CHARS_MAX = 256
WHO_CHARS_MAX = 100
TIME_CHARS_MAX = 40
EXACT = Context(prec=MAX_PREC)  # a product has no more digits than its factors: nothing is rounded before the end


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    return value


def _time(value: Any) -> int:
    """Milliseconds since the epoch of an ISO 8601 date or time (UTC if it names no zone) or an epoch number."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        if not -(10**15) < value < 10**15:
            raise ValueError("no time")
        seconds = float(value)
        # A float is a hair off: without the rounding every hundredth time would be a millisecond early.
        return int(seconds if abs(seconds) > EPOCH_MS_ABOVE else round(seconds * 1000, 3))
    if not isinstance(value, str) or len(value) > TIME_CHARS_MAX:
        raise ValueError("expected an ISO 8601 date or time")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError as exc:
        raise ValueError("expected an ISO 8601 date or time") from exc
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _day(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("expected an ISO 8601 date")
    try:
        return (date.fromisoformat(value[:10]) - date(1970, 1, 1)).days
    except ValueError as exc:
        raise ValueError("expected an ISO 8601 date") from exc


def _utf8(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as exc:
            raise ValueError("not valid Unicode") from exc
    if isinstance(value, float):
        raise ValueError("a fraction is no id")
    return _no_bool(value)


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARS_MAX), BeforeValidator(_utf8)]
Time = Annotated[int, Field(ge=0), BeforeValidator(_time)]
Day = Annotated[int, Field(ge=0), BeforeValidator(_day)]
Units = Annotated[int, Field(ge=-QUANTITY_MAX, le=QUANTITY_MAX), BeforeValidator(_no_bool)]
Ordered = Annotated[int, Field(ge=1, le=QUANTITY_MAX), BeforeValidator(_no_bool)]
Who = Annotated[str, StringConstraints(min_length=1, max_length=WHO_CHARS_MAX)] | None
Price = Annotated[Decimal, Field(ge=-PRICE_MAX, le=PRICE_MAX, allow_inf_nan=False), BeforeValidator(_no_bool)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    product_id: Id
    location_id: Id | None = None
    event_id: Id | None = None
    occurred_at: Time = Field(validation_alias=AliasChoices("occurred_at", "sale_date", "date"))

    @property
    def product(self) -> ProductKey:
        return ProductKey(self.product_id, self.location_id)


class _Sale(_Message):
    quantity: Units = Field(validation_alias=AliasChoices("quantity", "quantity_sold"))
    unit_price: Price | None = Field(None, validation_alias=AliasChoices("unit_price", "price"))
    promotion: bool | None = None
    category: Annotated[str, StringConstraints(max_length=CATEGORY_CHARS_MAX)] | None = None

    def event(self, event_id: str) -> Event:
        minor = 0 if self.unit_price is None else revenue_minor(self.quantity, self.unit_price)
        if abs(minor) > REVENUE_MINOR_MAX:
            raise InvalidEvent(f"revenue: more than {REVENUE_MINOR_MAX} minor units")
        return SaleRecorded(
            self.product,
            event_id,
            self.occurred_at,
            self.quantity,
            minor,
            bool(self.promotion),
            self.category,
        )


def revenue_minor(quantity: int, unit_price: Decimal) -> int:
    """What a sale brings in whole minor units, rounded half-even once, however many digits the price has."""
    return int(EXACT.multiply(quantity * MINOR_UNITS, unit_price).to_integral_value(ROUND_HALF_EVEN))


class _Stock(_Message):
    level: Units = Field(validation_alias=AliasChoices("level", "current_stock"))

    def event(self, event_id: str) -> Event:
        return StockChanged(self.product, event_id, self.occurred_at, self.level)


class _Promotion(_Message):
    starts_on: Day
    ends_on: Day

    def event(self, event_id: str) -> Event:
        if self.ends_on < self.starts_on or self.ends_on - self.starts_on > 366:
            raise InvalidEvent("ends_on: before starts_on, or more than a year after it")
        return PromotionPlanned(self.product, event_id, self.occurred_at, self.starts_on, self.ends_on)


class _OfOrder(_Message):
    reorder_id: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class _Shipment(_OfOrder):
    quantity: Ordered

    def event(self, event_id: str) -> Event:
        return ShipmentReceived(self.product, event_id, self.occurred_at, self.reorder_id, self.quantity)


class _Consignment(_OfOrder):
    quantity: Ordered

    def event(self, event_id: str) -> Event:
        return OrderShipped(self.product, event_id, self.occurred_at, self.reorder_id, self.quantity)


class _Confirmation(_OfOrder):
    quantity: Annotated[int, Field(ge=0, le=QUANTITY_MAX), BeforeValidator(_no_bool)]
    due_on: Day | None = None

    def event(self, event_id: str) -> Event:
        return OrderConfirmed(self.product, event_id, self.occurred_at, self.reorder_id, self.quantity, self.due_on)


class _Cancellation(_OfOrder):
    def event(self, event_id: str) -> Event:
        return ReorderCancelled(self.product, event_id, self.occurred_at, self.reorder_id)


class _Approval(_OfOrder):
    quantity: Ordered | None = None
    by: Who = None

    def event(self, event_id: str) -> Event:
        return OrderApproved(self.product, event_id, self.occurred_at, self.reorder_id, self.quantity, self.by)


class _Rejection(_OfOrder):
    def event(self, event_id: str) -> Event:
        return OrderRejected(self.product, event_id, self.occurred_at, self.reorder_id)


class _Closing(_OfOrder):
    def event(self, event_id: str) -> Event:
        return OrderClosed(self.product, event_id, self.occurred_at, self.reorder_id)


class _Freeze(_Message):
    until_on: Day | None = None
    by: Who = None

    def event(self, event_id: str) -> Event:
        return ProductFrozen(self.product, event_id, self.occurred_at, self.until_on, self.by)


class _Unfreeze(_Message):
    def event(self, event_id: str) -> Event:
        return ProductUnfrozen(self.product, event_id, self.occurred_at)


class _Override(_Message):
    quantity: Ordered
    until_on: Day | None = None
    by: Who = None

    def event(self, event_id: str) -> Event:
        return QuantityOverridden(self.product, event_id, self.occurred_at, self.quantity, self.until_on, self.by)


# OrderReleased is none that anybody may send: the worker makes it of a purchase.
KINDS: dict[str, Any] = {
    "sale_recorded": _Sale,
    "stock_changed": _Stock,
    "promotion_planned": _Promotion,
    "shipment_received": _Shipment,
    "reorder_cancelled": _Cancellation,
    "order_confirmed": _Confirmation,
    "order_shipped": _Consignment,
    "order_approved": _Approval,
    "order_rejected": _Rejection,
    "order_closed": _Closing,
    "product_frozen": _Freeze,
    "product_unfrozen": _Unfreeze,
    "quantity_overridden": _Override,
}


def read_event(fields: Any, kind: str | None, event_id: str, now: int) -> Event:
    """The event of one line; InvalidEvent says what is wrong with it. event_id serves where the line has none."""
    if not isinstance(fields, dict):
        raise InvalidEvent(f"not an object but {type(fields).__name__}")
    named = kind if kind is not None else fields.get("type", "sale_recorded")
    model = KINDS.get(named) if isinstance(named, str) else None
    if model is None:
        raise InvalidEvent(f"type: unknown kind of event {str(named)[:60]!r}")
    if fields.get("location_id") == "":
        fields = {**fields, "location_id": None}
    if fields.get("event_id") == "":
        fields = {**fields, "event_id": None}
    try:
        message = model.model_validate(fields)
    except ValidationError as exc:
        _refuse(exc)
    if message.occurred_at > now + FUTURE_MS:
        raise InvalidEvent("occurred_at: in the future")
    if message.event_id is None and len(event_id) > FALLBACK_ID_CHARS_MAX:
        raise InvalidEvent(f"event_id: more than {FALLBACK_ID_CHARS_MAX} characters in what stands for it")
    if len(product_label(message.product).encode()) > LABEL_BYTES_MAX:
        raise InvalidEvent(f"product_id and location_id: more than {LABEL_BYTES_MAX} bytes")
    event: Event = message.event(message.event_id if message.event_id is not None else event_id)
    return event


def _refuse(exc: ValidationError) -> NoReturn:
    first = exc.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "event"
    raise InvalidEvent(f"{field}: {first['msg']}") from exc
