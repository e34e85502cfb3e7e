"""What does the life of an order need from the world, beside the state of its product?

None of it is needed for an order to be counted once: that is the state's alone. What is written here is written before
the commit it belongs to, so that a crash between the two leaves a note too many and never one too few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from domain.buying import RuleSet
from domain.events import ProductKey
from domain.joint_purchases import Purchase, WaitingLine
from domain.lead_times import LeadTimes
from handlers.errors import Misconfigured
from handlers.ports import OutboxEntry


class InvalidRules(Misconfigured):
    """The rules that were read are none, and say where: those that hold go on holding."""


class Reminder(NamedTuple):
    """Somebody must look at the product on that day (days since the epoch), whatever it sells."""

    product: ProductKey
    day: int


class Reminders(Protocol):
    async def add(self, reminders: Sequence[Reminder]) -> None: ...

    async def due(self, today: int, limit: int) -> list[Reminder]:
        """Those of today and of days before, the oldest of each part of the table first."""
        ...

    async def done(self, reminders: Sequence[Reminder]) -> None: ...


class Waiting(NamedTuple):
    """The orders of a supplier that wait for a review, and the purchases that were made and may not be through."""

    lines: tuple[WaitingLine, ...]
    purchases: tuple[Purchase, ...]


class Purchases(Protocol):
    async def wait(self, lines: Sequence[WaitingLine]) -> None:
        """These orders wait from now on; one that stands there twice stands there once."""
        ...

    async def of(self, supplier: str) -> Waiting: ...

    async def make(self, purchase: Purchase, entry: OutboxEntry) -> bool:
        """Makes the purchase durable, and the entry that tells of it. False if there is one of that id already, and
        then nothing was written."""
        ...

    async def gone(self, lines: Sequence[WaitingLine]) -> None:
        """These orders do not wait any more."""
        ...


class LeadTimeBook(Protocol):
    async def add(self, seen: Mapping[str, LeadTimes]) -> None:
        """Adds receipts to those of each supplier, whoever else adds some at the same time."""
        ...

    async def read(self, suppliers: Sequence[str]) -> dict[str, LeadTimes]:
        """What was seen of each within about a year; a supplier nobody has seen anything of is absent."""
        ...


class RulesSource(Protocol):
    async def read(self) -> RuleSet:
        """The rules as they are said now. InvalidRules if they are none, TransientFailure if they cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class OrderBooks:
    """Where the life of orders is written, beside the states."""

    reminders: Reminders
    purchases: Purchases
    lead_times: LeadTimeBook
