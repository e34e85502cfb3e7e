"""What does an insight need from the world, beside the bus?

A book in which the words about a product stand beside its decisions, for whoever shows the product. A failure to write
it down loses nothing but the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from domain.events import InsightPublished, ProductKey


class InsightBook(Protocol):
    async def keep(self, insights: Sequence[InsightPublished]) -> None:
        """Writes each beside the decision that it is about; a product's newest of a day is the one of that day."""
        ...

    async def of(self, product: ProductKey) -> Sequence[Mapping[str, Any]]:
        """A product's insights as they were published, the newest day first."""
        ...
