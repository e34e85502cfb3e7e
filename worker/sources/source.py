"""What does the worker need of a place that sales come from?

A message is its receiver's from its receipt until it is acknowledged or handed back. Whatever the source, the same
sale may come again, and the ledger knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """A body, and what its source knows it by. receives counts its deliveries; source is the name of its source."""

    message_id: str
    receipt: str
    body: str
    receives: int = 1
    source: str = "sqs"


class Source(Protocol):
    """name stands in each of its messages. receive_max: messages that one receive may bring. in_flight_max: messages
    received and not yet settled. pollers: receive calls at a time, at most; steady_pollers: also when there is little
    to receive."""

    name: str
    receive_max: int
    in_flight_max: int
    pollers: int
    steady_pollers: int

    async def receive(self, wait_s: int) -> list[Message]:
        """Up to receive_max messages, waiting for the first one at most wait_s."""
        ...

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """These are settled for good. One that cannot be marked so comes again."""
        ...

    async def hand_back(self, messages: Sequence[Message]) -> None:
        """These could not be settled: they come again, later each time."""
        ...

    async def hand_over(self) -> None:
        """All that is still owned, for another worker, at once."""
        ...

    async def keep(self) -> None:
        """Keeps what is owned ours while we work on it, for ever."""
        ...
