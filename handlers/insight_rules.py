"""What would a planner be told about this product, without any language model?

The same facts give the same answer, and the answer says that rules wrote it. Every number in it stands in the
facts: nothing is computed here that a planner could mistake for a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from domain.orders import APPROVAL, REVIEW
from handlers.insight_check import is_plain_id
from handlers.insight_text import LINE_CHARS_MAX, LINES_MAX, InsightText, plain_text

RULES: Final = "rules"
RULE_BASED: Final = "rule-based explainer"
RISING: Final = 1.25
FALLING: Final = 0.8
WAITS_FOR: Final = {APPROVAL: "a planner to approve it", REVIEW: "the next review of its supplier"}


class _Facts(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True)


class TotalFacts(_Facts):
    mean: float | None = None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None


class OrderFacts(_Facts):
    reorder_id: str = ""
    outstanding: float | None = None
    due_on: str | None = None


class OrderedFacts(_Facts):
    reorder_id: str = ""
    quantity: float | None = None
    waits_for: str | None = None


class Facts(_Facts):
    """The facts that the rules understand; whatever is absent or null is not mentioned.

    Dates are ISO dates, so they compare as text; rolling_7 and rolling_30 are units a day."""

    product_id: str | None = None
    level: str | None = None
    crossing: str | None = None
    on_hand: float | None = None
    on_order: float | None = None
    inventory_position: float | None = None
    reorder_point: float | None = None
    target: float | None = None
    days_of_cover: float | None = None
    lead_time_days: float | None = None
    projected_stockout_on: str | None = None
    demand_28_days: TotalFacts | None = None
    rolling_7: float | None = None
    rolling_30: float | None = None
    promotion_planned: bool | None = None
    forecast_source: str | None = None
    order_refused: str | None = None
    open_orders: tuple[OrderFacts, ...] | None = None
    ordered_now: OrderedFacts | None = None


def explained(facts: Mapping[str, Any]) -> InsightText:
    """The insight of rules on a product's facts."""
    said = {name: tuple(lines) for name, lines in explain(Facts.model_validate(facts)).items()}
    return InsightText(
        factors=said["factors"],
        recommendations=said["recommendations"],
        risks=said["risks"],
        inventory_suggestions=said["inventory_suggestions"],
        source=RULES,
    )


def headline(level: str | None, crossing: str | None) -> str:
    """The step in a sentence, without the name of a product. Empty if there was none."""
    before, arrow, after = (crossing or "").partition("->")
    if not arrow:
        return ""
    match level:
        case "demand":
            return f"Demand has {after}."
        case "forecast":
            return f"The forecast is {after.removesuffix(' sales')} what was sold of late."
        case "accuracy":
            return "The baseline forecasts this product in the place of the model."
        case "rule":
            return "An order that was needed has been refused by a rule."
        case _:
            return f"Stock went from {before} to {after}."


def explain(facts: Facts) -> dict[str, list[str]]:
    """Short lines under the four keys that planners are promised."""
    return {
        "factors": _bounded(_factors(facts)),
        "recommendations": _bounded(_recommendations(facts)),
        "risks": _bounded(_risks(facts)),
        "inventory_suggestions": _bounded(_suggestions(facts)),
    }


def explain_together(products: Sequence[Facts]) -> dict[str, list[str]]:
    """Of one product all that can be said; of several a line each."""
    said = [explain(facts) for facts in products]
    if len(said) == 1:
        return said[0]
    named = [(f"Product {facts.product_id}: ", one) for facts, one in zip(products, said, strict=True)]
    return {
        name: _bounded(f"{product}{one[name][0]}" for product, one in named if one[name]) for name in explain(Facts())
    }


def _bounded(lines: Iterator[str]) -> list[str]:
    return [plain_text(line)[:LINE_CHARS_MAX] for line in lines][:LINES_MAX]


def _factors(facts: Facts) -> Iterator[str]:
    step = headline(facts.level, facts.crossing)
    yield f"Written by a {RULE_BASED}, not by a language model. {step}".strip()
    if facts.inventory_position is not None and facts.reorder_point is not None:
        yield (
            f"On hand {_units(facts.on_hand)}, on order {_units(facts.on_order)}: the inventory position is "
            f"{_units(facts.inventory_position)} against a reorder point of {_units(facts.reorder_point)}."
        )
    if facts.days_of_cover is not None and facts.lead_time_days is not None:
        cover, lead = _units(facts.days_of_cover), _units(facts.lead_time_days)
        yield f"Stock covers {cover} days; the lead time is {lead} days."
    if trend := _trend(facts):
        week, month = _units(facts.rolling_7), _units(facts.rolling_30)
        yield f"Demand is {trend}: {week} a day over the last 7 days, {month} over 30."
    total = facts.demand_28_days or TotalFacts()
    if total.mean is not None and total.p10 is not None and total.p90 is not None:
        low, high = _units(total.p10), _units(total.p90)
        yield f"The next 28 days should sell {_units(total.mean)}, most likely between {low} and {high}."


def _recommendations(facts: Facts) -> Iterator[str]:
    if facts.order_refused:
        yield f"Look at the rule that refused the order: {facts.order_refused}."
    elif facts.ordered_now is not None:
        yield _ordered(facts, facts.ordered_now)
    elif facts.inventory_position is None:
        yield "The stock is not known: enter it, for nothing is ordered until then."
    elif _order_is_due(facts):
        yield (
            f"The position {_units(facts.inventory_position)} has reached the reorder point "
            f"{_units(facts.reorder_point)}: let the order towards the target {_units(facts.target)} go out."
        )
    else:
        yield "No order is due at this position: watch it until the next review."
    for order in _late_orders(facts):
        named = f"{_called(order.reorder_id)} ({_units(order.outstanding)} units, due {order.due_on})"
        yield f"Speed up {named}: stock may run out on {facts.projected_stockout_on}."


def _ordered(facts: Facts, order: OrderedFacts) -> str:
    """The order that goes out with this decision, or that waits to."""
    said = f"{_called(order.reorder_id)} of {_units(order.quantity)} units "
    said += f"waits for {WAITS_FOR.get(order.waits_for, 'a planner')}" if order.waits_for else "goes out"
    if not _order_is_due(facts):
        return f"{said[0].upper()}{said[1:]}."
    reached = f"The position {_units(facts.inventory_position)} has reached the reorder point "
    return f"{reached}{_units(facts.reorder_point)}: {said}."


def _called(reorder_id: str) -> str:
    """An order by its id, where that can be named in a sentence."""
    return f"order {reorder_id}" if is_plain_id(reorder_id) else "an order"


def _risks(facts: Facts) -> Iterator[str]:
    if facts.projected_stockout_on is not None:
        yield f"Stock is projected to run out on {facts.projected_stockout_on}."
    if _cover_is_short(facts):
        lead = _units(facts.lead_time_days)
        yield f"The stock may be gone before an order placed now arrives: the lead time is {lead} days."
    p90, position = (facts.demand_28_days or TotalFacts()).p90, facts.inventory_position
    if p90 is not None and position is not None and p90 > position:
        yield f"A strong month (p90, {_units(p90)}) would need more than the position of {_units(position)}."
    if facts.forecast_source == "fallback":
        yield "The forecast is the baseline, because the model did not answer: expect a wider error."


def _suggestions(facts: Facts) -> Iterator[str]:
    if facts.on_hand is not None and facts.on_hand < 0:
        yield f"On hand is {_units(facts.on_hand)}: count the shelf, or book what is owed to customers."
    if facts.promotion_planned:
        yield "A promotion is planned: check that the supplier can deliver before it starts."
    if _trend(facts) == "rising" and _order_is_due(facts):
        yield "Demand is rising: review the service level and the order cycle of this product."
    if _trend(facts) == "falling":
        yield "Demand is falling: review minimum order and pack size before more stock is tied up."
    if _cover_is_short(facts):
        lead = _units(facts.lead_time_days)
        yield f"Check that the lead time of {lead} days is still what the supplier keeps."


def _order_is_due(facts: Facts) -> bool:
    position, point = facts.inventory_position, facts.reorder_point
    return position is not None and point is not None and position <= point


def _cover_is_short(facts: Facts) -> bool:
    cover, lead = facts.days_of_cover, facts.lead_time_days
    return cover is not None and lead is not None and cover < lead


def _late_orders(facts: Facts) -> Iterator[OrderFacts]:
    gone = facts.projected_stockout_on
    return (order for order in facts.open_orders or () if gone and order.due_on and order.due_on > gone)


def _trend(facts: Facts) -> str | None:
    week, month = facts.rolling_7, facts.rolling_30
    if week is None or month is None or month <= 0:
        return None
    if week >= RISING * month:
        return "rising"
    return "falling" if week <= FALLING * month else None


def _units(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
