"""What was said about a product, when it fell into a worse band?

The words that this worker published, as the bus accepted them, the newest of each product and of few products. They
are words of a language model: the page shows them as text and as whose they are."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from domain.events import ProductKey
from domain.product import product_label
from handlers.announcements import INSIGHT_PUBLISHED
from handlers.ports import EventBus, OutboxEntry

PRODUCTS_KEPT = 2_000
LISTS = ("factors", "recommendations", "risks", "inventory_suggestions")
SENTENCES_MAX = 10
CHARS_MAX = 500


class Insights:
    def __init__(self) -> None:
        self._said: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def of(self, label: str) -> dict[str, Any] | None:
        """The newest insight of a product, None if none is remembered."""
        return self._said.get(label)

    def heard(self, entry: OutboxEntry) -> None:
        """Remembers what an entry tells, if it is an insight."""
        if entry.detail_type != INSIGHT_PUBLISHED:
            return
        detail = json.loads(entry.detail)
        label = product_label(ProductKey(detail["product_id"], detail.get("location_id")))
        said: dict[str, Any] = {name: _sentences(detail.get(name)) for name in LISTS}
        said |= {name: str(detail.get(name) or "")[:CHARS_MAX] for name in ("summary", "source", "crossing")}
        self._said[label] = said | {"at": entry.created_at}
        self._said.move_to_end(label)
        while len(self._said) > PRODUCTS_KEPT:
            self._said.popitem(last=False)


def _sentences(said: Any) -> list[str]:
    return [str(each)[:CHARS_MAX] for each in said[:SENTENCES_MAX]] if isinstance(said, list) else []


class OverheardBus:
    """An event bus as it is, whose accepted insights are remembered."""

    def __init__(self, bus: EventBus, insights: Insights) -> None:
        self._bus = bus
        self._insights = insights

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[bool]:
        accepted = await self._bus.publish(entries)
        for entry, ok in zip(entries, accepted, strict=True):
            if ok:
                self._insights.heard(entry)
        return accepted
