"""Is a line a valid event? Whatever is refused is refused with the field and the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from fakes.clock import NOW
from fakes.examples import ODD_KEYS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.events import (
    OrderApproved,
    OrderClosed,
    OrderConfirmed,
    OrderRejected,
    OrderShipped,
    ProductFrozen,
    ProductKey,
    ProductUnfrozen,
    QuantityOverridden,
)
from handlers.errors import InvalidEvent
from worker.schema import FUTURE_MS, PRICE_MAX, QUANTITY_MAX, REVENUE_MINOR_MAX, read_event

SALE = {"product_id": "A", "quantity": 2, "occurred_at": 1_727_740_800_000}


def read(**said):
    return read_event({**SALE, **said}, None, "fallback", NOW)


def refused(**said):
    with pytest.raises(InvalidEvent) as caught:
        read(**said)
    return caught.value.reason


def test_the_guides_field_names_are_read_as_ours():
    ours = read(event_id="e", location_id="n", unit_price=1.5)
    guide = {"product_id": "A", "location_id": "n", "sale_date": "2024-10-01", "quantity_sold": 2, "price": 1.5}
    assert read_event({**guide, "event_id": "e"}, None, "x", NOW) == ours


@pytest.mark.parametrize("key", ODD_KEYS, ids=repr)
def test_ids_are_kept_verbatim(key):
    if len(key.product_id.encode()) + len((key.location_id or "").encode()) > 700:
        pytest.skip("too long for a key")
    assert read(product_id=key.product_id, location_id=key.location_id).product == key
    assert read(event_id=key.product_id).event_id == key.product_id


@pytest.mark.parametrize(("said", "kept"), [(85123, "85123"), (0, "0"), (-1, "-1"), ("007", "007"), (" A ", " A ")])
def test_a_number_as_an_id_becomes_its_digits(said, kept):
    assert read(product_id=said).product.product_id == kept


@pytest.mark.parametrize("said", ["", None, True, 1.5, ["A"], {"S": "A"}, "x" * 257, "\ud800"])
def test_what_is_no_id_is_refused(said):
    assert refused(product_id=said).startswith("product_id: ")


def test_no_location_and_an_empty_one_are_the_same():
    assert read(location_id="").product == read(location_id=None).product == ProductKey("A")


@pytest.mark.parametrize("said", [None, ""])
def test_an_absent_event_id_is_given(said):
    assert read(event_id=said).event_id == "fallback"


def test_ids_too_long_for_a_key_are_refused():
    assert "900 bytes" in refused(product_id="ü" * 256, location_id="ü" * 256)
    assert "900 bytes" in refused(product_id="#" * 256, location_id="#" * 256)


@pytest.mark.parametrize(
    ("said", "kept"), [(0, 0), (-3, -3), (2.0, 2), ("7", 7), (QUANTITY_MAX, QUANTITY_MAX), (Decimal(3), 3)]
)
def test_a_whole_quantity_is_read(said, kept):
    assert read(quantity=said).quantity == kept


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "many",
        1.5,
        "1.5",
        True,
        False,
        float("nan"),
        float("inf"),
        1e30,
        10**30,
        QUANTITY_MAX + 1,
        [1],
        {},
        Decimal("0.5"),
        "9" * 5000,
    ],
    ids=lambda said: str(said)[:20],
)
def test_what_is_no_whole_quantity_is_refused(said):
    assert refused(quantity=said).startswith("quantity: ")


def test_a_missing_quantity_is_refused():
    with pytest.raises(InvalidEvent, match=r"^quantity: Field required$"):
        read_event({"product_id": "A", "occurred_at": 0}, None, "x", NOW)


@pytest.mark.parametrize(
    ("quantity", "price", "minor"),
    [
        (2, "1.50", 300),
        (1, 0, 0),
        (3, -2.5, -750),
        (-3, 2.5, -750),
        (1, "0.125", 12),
        (1, "0.135", 14),
        (1, 0.125, 12),
        (1, 1.005, 100),
        (1, "1.015", 102),
        (3, 0.1, 30),
        (2, None, 0),
        (QUANTITY_MAX, 1, QUANTITY_MAX * 100),
    ],
)
def test_revenue_is_in_whole_minor_units_rounded_half_even(quantity, price, minor):
    assert read(quantity=quantity, unit_price=price).revenue_minor == minor


@pytest.mark.parametrize("said", [True, "free", float("nan"), float("inf"), PRICE_MAX + 1, -PRICE_MAX - 1, [1]])
def test_what_is_no_price_is_refused(said):
    assert refused(unit_price=said).startswith("unit_price: ")


def test_more_revenue_than_can_be_counted_is_refused():
    assert refused(quantity=QUANTITY_MAX, unit_price=PRICE_MAX).startswith("revenue: ")
    most = Decimal(REVENUE_MINOR_MAX) / 100
    assert read(quantity=-QUANTITY_MAX, unit_price=most / QUANTITY_MAX).revenue_minor == -REVENUE_MINOR_MAX
    assert refused(quantity=1_000_000, unit_price=(most + Decimal("0.01")) / 1_000_000).startswith("revenue: ")


@pytest.mark.parametrize("zeros", [10, 20, 30, 34, 1_000])
def test_however_many_digits_a_price_has_it_is_rounded_once(zeros):
    """A hair above the half is no half: what is cut to 28 digits first would be one."""
    above = f"0.125{'0' * zeros}1"
    assert read(quantity=1, unit_price=above).revenue_minor == 13
    assert read(quantity=-1, unit_price=above).revenue_minor == -13
    assert read(quantity=1, unit_price=f"0.12{'4' * 3}{'9' * zeros}").revenue_minor == 12


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2024-10-01", 1_727_740_800_000),
        ("2024-10-01T00:00:00", 1_727_740_800_000),
        ("2024-10-01T00:00:00Z", 1_727_740_800_000),
        ("2024-10-01 02:00:00.250+02:00", 1_727_740_800_250),
        (" 2024-10-01 ", 1_727_740_800_000),
        (1_727_740_800, 1_727_740_800_000),
        (1_727_740_800.25, 1_727_740_800_250),
        (1_727_740_800_000, 1_727_740_800_000),
        (Decimal(1727740800), 1_727_740_800_000),
        ("1970-01-01", 0),
    ],
)
def test_a_time_is_read_in_milliseconds(said, at):
    assert read(occurred_at=said).occurred_at == at


@pytest.mark.parametrize(
    "said",
    [
        None,
        True,
        "",
        "yesterday",
        "2024-13-01",
        "1969-12-31",
        "0001-01-01T00:00:00+23:59",
        -5,
        float("nan"),
        1e30,
        10**400,
        -(10**400),
        "x" * 1000000,
        [2024],
        {},
    ],
    ids=lambda said: str(said)[:20],
)
def test_what_is_no_time_or_before_1970_is_refused(said):
    assert refused(occurred_at=said).startswith("occurred_at: ")


def test_the_future_begins_ten_minutes_from_now():
    assert read(occurred_at=NOW + FUTURE_MS).occurred_at == NOW + FUTURE_MS
    assert refused(occurred_at=NOW + FUTURE_MS + 1) == "occurred_at: in the future"
    assert refused(occurred_at="2099-01-01") == "occurred_at: in the future"
    assert refused(occurred_at="9999-12-31T23:59:59-23:59") == "occurred_at: in the future"


@pytest.mark.parametrize(
    ("said", "promoted"), [(True, True), ("yes", True), (1, True), (False, False), ("0", False), (None, False)]
)
def test_a_promotion_is_a_truth_value(said, promoted):
    assert read(promotion=said).promotion is promoted


def test_a_category_is_kept_and_bounded():
    assert read(category="Café").category == "Café"
    assert refused(category="x" * 257).startswith("category: ")


@pytest.mark.parametrize("said", [[], "text", None, 5, True])
def test_what_is_no_object_is_refused(said):
    with pytest.raises(InvalidEvent, match="not an object"):
        read_event(said, None, "x", NOW)


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        ("promotion_planned", {"starts_on": "2024-10-02", "ends_on": "2024-10-01"}, "ends_on: "),
        ("promotion_planned", {"starts_on": "2024-10-02", "ends_on": "2026-10-01"}, "ends_on: "),
        ("promotion_planned", {"starts_on": 5, "ends_on": "2024-10-01"}, "starts_on: "),
        ("promotion_planned", {"starts_on": "1969-10-02", "ends_on": "1969-10-03"}, "starts_on: "),
        ("shipment_received", {"reorder_id": "A:1", "quantity": 0}, "quantity: "),
        ("shipment_received", {"reorder_id": "A:1", "quantity": True}, "quantity: "),
        ("shipment_received", {"quantity": 1}, "reorder_id: "),
        ("reorder_cancelled", {"reorder_id": ""}, "reorder_id: "),
        ("stock_changed", {"level": 1.5}, "level: "),
        ("stock_changed", {"level": True}, "level: "),
        ("sale_deleted", {}, "type: unknown kind of event 'sale_deleted'"),
    ],
)
def test_other_events_are_refused_with_the_field(kind, said, reason):
    assert refused(type=kind, **said).startswith(reason)


def test_a_refusal_does_not_repeat_what_was_sent():
    assert "secret" not in refused(quantity="secret")
    assert len(refused(type="x" * 10_000)) < 200


def test_unknown_fields_are_passed_over():
    assert read(cashier="B", nested={"a": [1]}) == read()


@given(
    quantity=st.integers(-(10**6), 10**6),
    price=st.decimals(-(10**6), 10**6, allow_nan=False, places=6),
    as_text=st.booleans(),
)
@settings(max_examples=300)
def test_revenue_is_exact(quantity, price, as_text):
    event = read(quantity=quantity, unit_price=str(price) if as_text else price)
    assert event.revenue_minor == int((quantity * price * 100).quantize(Decimal(1), ROUND_HALF_EVEN))


@given(at=st.integers(0, NOW))
@example(at=NOW + 1)
@settings(max_examples=500)
def test_any_time_is_read_to_the_millisecond(at):
    """The same sale by another way must carry the same payload, or it would be a conflict."""
    iso = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).isoformat()
    assert read(occurred_at=iso).occurred_at == at
    assert read(occurred_at=at / 1000).occurred_at == at


def test_a_day_ends_with_its_last_microsecond():
    assert read(occurred_at="2024-10-01T23:59:59.999999").occurred_at == 1_727_827_199_999


ORDER = {"product_id": "A", "reorder_id": "A:1", "occurred_at": "2024-01-02", "event_id": "e"}
PLAN = {"product_id": "A", "occurred_at": "2024-01-02", "event_id": "e"}
IT = (ProductKey("A"), "e", 19_724 * 86_400_000)


@pytest.mark.parametrize(
    ("kind", "said", "event"),
    [
        ("order_confirmed", {**ORDER, "quantity": 5, "due_on": "2024-01-09"}, OrderConfirmed(*IT, "A:1", 5, 19_731)),
        ("order_confirmed", {**ORDER, "quantity": 0}, OrderConfirmed(*IT, "A:1", 0)),
        ("order_shipped", {**ORDER, "quantity": 5}, OrderShipped(*IT, "A:1", 5)),
        ("order_approved", {**ORDER, "quantity": 9, "by": "Ann"}, OrderApproved(*IT, "A:1", 9, "Ann")),
        ("order_approved", ORDER, OrderApproved(*IT, "A:1")),
        ("order_rejected", ORDER, OrderRejected(*IT, "A:1")),
        ("order_closed", ORDER, OrderClosed(*IT, "A:1")),
        ("product_frozen", {**PLAN, "until_on": "2024-01-09"}, ProductFrozen(*IT, 19_731)),
        ("product_unfrozen", PLAN, ProductUnfrozen(*IT)),
        ("quantity_overridden", {**PLAN, "quantity": 7, "by": "Ann"}, QuantityOverridden(*IT, 7, None, "Ann")),
    ],
)
def test_the_words_of_suppliers_and_planners_are_events(kind, said, event):
    assert read_event({**said, "type": kind}, None, "x", NOW) == event
    assert read_event(said, kind, "x", NOW) == event


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("order_shipped", {**ORDER, "quantity": 0}),
        ("order_confirmed", {**ORDER, "quantity": -1}),
        ("order_confirmed", {**ORDER, "quantity": 1, "due_on": "soon"}),
        ("order_approved", {**ORDER, "quantity": 0}),
        ("order_rejected", PLAN),
        ("quantity_overridden", {**PLAN, "quantity": 0}),
        ("product_frozen", {**PLAN, "by": "x" * 101}),
        ("order_released", {**ORDER, "proposal_id": "acme:2024-01-02"}),
    ],
)
def test_what_they_may_not_say_is_refused(kind, said):
    with pytest.raises(InvalidEvent):
        read_event(said, kind, "x", NOW)
