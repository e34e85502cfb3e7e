"""Why was so much ordered, in words that a planner can check?

Each sentence says one thing that the decision was made from, with its numbers; nothing is said that the record does not
hold."""

from __future__ import annotations

from datetime import date, timedelta

from domain.lifecycle import FOR_EVER
from domain.orders import APPROVAL, REVIEW
from domain.policy import SupplyTerms
from domain.ruling import (
    ENOUGH,
    FROZEN,
    FULL,
    NO_STOCK,
    OPEN_ORDERS_MAX,
    ORDERED,
    TOO_MANY,
    DecisionRecord,
    Known,
    Ruling,
    lost_units,
    value_minor,
)

EPOCH = date(1970, 1, 1)
HASH_CHARS = 12


def explain_decision(record: DecisionRecord) -> list[str]:
    """The decision and its reasons, a sentence each."""
    known, ruling = record
    said = [_forecast(known), _thresholds(known, ruling), _position(known, ruling), _outcome(known, ruling)]
    if ruling.hold == APPROVAL:
        said.append(_approval(known, ruling))
    elif ruling.hold == REVIEW:
        said.append(f"It waits for the next review of supplier {known.buying.supplier}.")
    if known.buying.rules:
        said.append(f"The rules were those with the hash {known.buying.rules[:HASH_CHARS]}.")
    return said


def _forecast(known: Known) -> str:
    days, mean = known.terms.protection_days, known.protection[0]
    source = "the model" if known.forecast_source == "model" else "the baseline, as the model did not answer"
    return f"On {_day(known.as_of)} {mean:.1f} units were expected to sell in {days} days, by {source}."


def _thresholds(known: Known, ruling: Ruling) -> str:
    terms, lost = known.terms, round(lost_units(known))
    missed = f", without {lost} that will be asked for before an order can arrive and be lost" if lost else ""
    return (
        f"For {_target(terms)} over {terms.lead_time_days} days of lead time and {terms.review_days} of review the "
        f"reorder point is {ruling.reorder_point}, the target {ruling.target}{missed}."
    )


def _target(terms: SupplyTerms) -> str:
    if terms.fill_rate is not None:
        return f"a fill rate of {terms.fill_rate:.1%}"
    if terms.shortage_cost is not None and terms.holding_cost is not None:
        return f"a unit missing that costs {terms.shortage_cost:g} against {terms.holding_cost:g} a day for one held"
    return f"a service level of {terms.service_level:.1%}"


def _position(known: Known, ruling: Ruling) -> str:
    if known.stock is None:
        return "The shop has no record of its stock, so that nothing can be said of a need."
    compared = "at or below" if known.position <= ruling.reorder_point else "above"
    return (
        f"{known.stock[0]} on hand and {known.on_order} on order make a position of {known.position}, {compared} the "
        "reorder point."
    )


def _outcome(known: Known, ruling: Ruling) -> str:
    terms, maximum = known.terms, known.buying.maximum_stock
    match ruling.why:
        case w if w in (ENOUGH, NO_STOCK):
            return "Nothing was ordered."
        case w if w == FROZEN:
            return f"{ruling.needed} were needed, and nothing was ordered: the product is frozen {_frozen(known)}."
        case w if w == FULL:
            return (
                f"{ruling.needed} were needed, and nothing was ordered: no order that the supplier takes fits below "
                f"the maximum stock of {maximum}."
            )
        case w if w == TOO_MANY:
            return f"{ruling.needed} were needed, and nothing was ordered: {OPEN_ORDERS_MAX} orders are open."
        case w if w == ORDERED and ruling.quantity < ruling.needed:
            cut = f"{ruling.quantity} were ordered, cut to the maximum stock of {maximum}"
            return f"{cut}; what is missing to the target comes to {ruling.needed}."
        case w if w == ORDERED:
            return (
                f"{ruling.quantity} were ordered: what is missing to the target, at least "
                f"{terms.minimum_order_quantity}, in packs of {terms.pack_size}."
            )
    by = f" ({known.override.by})" if known.override is not None and known.override.by else ""
    return f"{ruling.quantity} were ordered as a planner{by} said; the policy asked for {ruling.needed}."


def _frozen(known: Known) -> str:
    if known.frozen_until is None:
        return "by a rule"
    until = "" if known.frozen_until >= FOR_EVER else f" until {_day(known.frozen_until)}"
    return f"by a planner{until}"


def _approval(known: Known, ruling: Ruling) -> str:
    value, limit = value_minor(known, ruling.quantity), known.buying.approval_above_minor or 0
    worth = "of unknown value" if value is None else f"worth {value / 100:.2f}"
    return f"It is {worth} and waits for a planner, who approves what is above {limit / 100:.2f}."


def _day(day: int) -> str:
    return str(EPOCH + timedelta(days=day))
