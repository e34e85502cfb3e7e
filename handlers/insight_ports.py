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


class InsightLedger(Protocol):
    """What all workers together have asked, by the hour of the epoch."""

    async def take(self, hour: int, tokens: int, calls_max: int, tokens_max: int) -> bool:
        """Counts a call of at most so many tokens, if that hour's calls and tokens stay within both limits with it."""
        ...

    async def correct(self, hour: int, tokens: int) -> None:
        """Counts so many tokens more in that hour; less, if below zero."""
        ...
