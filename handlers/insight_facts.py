"""What is a model of words told about products that crossed a level?

Numbers, dates and ids that we have computed ourselves, as data: what the decision was made from, and beside it what was
decided. What the shop has written, a category or an id, is text of somebody else: it is cut, it goes nowhere but into
the data, and nothing is read back from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

from domain.buckets import WINDOW_DAYS
from domain.decision import Decision
from domain.features import DailySeries, rolling_features, series_of
from domain.orders import OpenOrder
from domain.policy import FORECAST_DAYS
from domain.product import ProductState, product_label, reorder_id
from domain.triggers import REFUSALS
from handlers.announcements import iso_day
from handlers.insight_check import is_plain_id
from handlers.insight_text import facts_as_json
from handlers.place_reorders import Crossed

HASH_CHARS = 16
FOR_EVER_DAYS = 10_000
TOGETHER_MAX = 3  # with five sentences a list there is one for each at least


class Question(NamedTuple):
    """Products of one category that crossed the same level together, and the facts about each."""

    crossed: tuple[Crossed, ...]
    facts: dict[str, object]

    @property
    def facts_hash(self) -> str:
        """Names the very facts that were asked about."""
        return sha256(facts_as_json(self.facts).encode()).hexdigest()[:HASH_CHARS]


def questions_of(crossed: Sequence[Crossed]) -> Iterator[Question]:
    """As few questions as can be: one for the products of a category, up to TOGETHER_MAX of them. A product without a
    category, or without an id that a sentence can name, is a question of its own."""

    def alike(each: Crossed) -> tuple[str, ...]:
        state, crossing = each.decision.state, each.decision.crossing
        step = (crossing.level, crossing.after) if crossing is not None else ("", "")
        shared = state.category and is_plain_id(state.key.product_id)
        return (*step, state.category or "", "" if shared else product_label(state.key))

    for _, group in groupby(sorted(crossed, key=alike), key=alike):
        for together in _apart(group):
            yield Question(together, _question(together))


def _apart(group: Iterable[Crossed]) -> Iterator[tuple[Crossed, ...]]:
    """The group in questions; a product at two locations stands in two, for its id is what a sentence names."""
    left = list(group)
    while left:
        asked: dict[str, Crossed] = {}
        for each in left:
            if len(asked) < TOGETHER_MAX:
                asked.setdefault(each.decision.state.key.product_id, each)
        yield tuple(asked.values())
        left = [each for each in left if asked.get(each.decision.state.key.product_id) is not each]


def _question(together: Sequence[Crossed]) -> dict[str, object]:
    return {
        "category": together[0].decision.state.category,
        "products": [facts_of(crossed) for crossed in together],
    }


def crossing_text(crossed: Crossed) -> str:
    """The crossing in a word: `covered->low`."""
    crossing = crossed.decision.crossing
    return f"{crossing.before}->{crossing.after}" if crossing is not None else ""


def facts_of(crossed: Crossed) -> dict[str, object]:
    """The facts about one product."""
    assessment, decision = crossed.assessment, crossed.decision
    state, forecast, crossing = decision.state, assessment.forecast, decision.crossing
    return {
        "product_id": state.key.product_id,
        "location_id": state.key.location_id,
        "level": crossing.level if crossing is not None else "",
        "crossing": crossing_text(crossed),
        **_position(decision, forecast.as_of),
        "reorder_point": assessment.reorder_point,
        "target": assessment.target,
        "lead_time_days": assessment.terms.lead_time_days,
        "demand_28_days": {
            "mean": round(forecast.over(FORECAST_DAYS).mean, 2),
            **dict(zip(("p10", "p50", "p90"), assessment.demand_quantiles, strict=True)),
        },
        "forecast_source": forecast.source,
        **_history(state, forecast.as_of),
        **_promotion(state, forecast.as_of),
        "open_orders": [_order(state, order) for order in _open_before(decision)],
        "ordered_now": _ordered_now(decision),
        "order_refused": decision.record.ruling.why if decision.record.ruling.why in REFUSALS else None,
    }


def _position(decision: Decision, as_of: int) -> dict[str, object]:
    """As it was decided from: the state after the decision counts the order that was just decided."""
    known, cover = decision.record.known, decision.cover_days
    lasts = known.stock is not None and cover < FOR_EVER_DAYS
    return {
        "on_hand": known.stock[0] if known.stock is not None else None,
        "on_order": known.on_order,
        "inventory_position": known.position if known.stock is not None else None,
        "days_of_cover": round(cover, 1) if lasts else None,
        "projected_stockout_on": iso_day(as_of + int(cover)) if lasts else None,
    }


def _ordered_now(decision: Decision) -> dict[str, object] | None:
    """The order that this very decision opened, None if it opened none. waits_for: what it is not sent before."""
    order, ruling = decision.order, decision.record.ruling
    if order is None:
        return None
    return {"reorder_id": order.reorder_id, "quantity": ruling.quantity, "waits_for": ruling.hold or None}


def _open_before(decision: Decision) -> tuple[OpenOrder, ...]:
    orders = decision.state.open_orders
    return orders if decision.order is None else orders[:-1]


def _history(state: ProductState, as_of: int) -> dict[str, object]:
    series: DailySeries = series_of([state], as_of)
    features, net = rolling_features(series), series.net[0]
    sold = net[-FORECAST_DAYS:]
    return {
        "rolling_7": round(float(features["rolling_7"][0]), 3),
        "rolling_30": round(float(features["rolling_30"][0]), 3),
        "sold_28_days": int(sold.sum()),
        "sold_28_days_before": int(net[WINDOW_DAYS - 2 * FORECAST_DAYS : -FORECAST_DAYS].sum()),
        "selling_days_of_28": int((sold > 0).sum()),
        "last_sold_on": iso_day(state.newest_day),
    }


def _promotion(state: ProductState, as_of: int) -> dict[str, object]:
    coming = sorted((first, last) for first, last in state.promotions if last >= as_of)
    first, last = coming[0] if coming else (None, None)
    return {
        "promotion_planned": bool(coming),
        "promotion_starts_on": iso_day(first),
        "promotion_ends_on": iso_day(last),
    }


def _order(state: ProductState, order: OpenOrder) -> dict[str, object]:
    return {
        "reorder_id": reorder_id(state.key, order.cycle),
        "status": order.status,
        "outstanding": order.outstanding,
        "due_on": iso_day(order.expected_on),
    }
