"""Where does the worker's work become part of a trace?

Around four of its parts, and only in a worker that traces: without, each of them is what it always was. Nothing here
decides anything, and nothing is done that the part itself would not do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import time_ns
from typing import Any, cast

from domain.decision import Assessment
from domain.events import ProductKey
from domain.product import product_of
from handlers.announcements import REORDER_REQUIRED, in_trace
from handlers.place_reorders import Placed, PlaceReorders
from handlers.ports import OutboxEntry
from handlers.reforecast import Reforecast
from handlers.relay_outbox import RelayOutbox
from worker.intake import Batch, Intake, Settled
from worker.observability.tracing import FIELDS, Tracing, fields_of
from worker.parts import Parts
from worker.sources.source import Message


class TracedQueue:
    """An SQS client whose receives ask for a message's trace as well."""

    def __init__(self, client: Any, tracing: Tracing) -> None:
        self._client = client
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def receive_message(self, **said: Any) -> Any:
        answer = await self._client.receive_message(MessageAttributeNames=list(FIELDS), **said)
        for message in answer.get("Messages", ()):
            if "MessageAttributes" in message:
                self._tracing.received(message["ReceiptHandle"], message["MessageAttributes"])
        return answer


class _TracedIntake:
    def __init__(self, intake: Intake, tracing: Tracing) -> None:
        self._intake = intake
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._intake, name)

    async def settle(self, batch: Batch) -> Settled:
        started = time_ns()
        settled = await self._intake.settle(batch)
        traced = set(self._tracing.messages.among(message.receipt for message in settled.done))
        if traced:
            for message, products in _brought(batch, traced):
                self._tracing.settled(message.receipt, message.message_id, products & settled.dirty, started)
        return settled


class _TracedDecisions:
    """Reforecast and PlaceReorders, one after the other: a product's decision is from the beginning of the first."""

    def __init__(self, parts: Parts, tracing: Tracing) -> None:
        self._reforecast, self._place_reorders = parts.reforecast, parts.place_reorders
        self._tracing = tracing
        self._started = 0

    async def reforecast(self, keys: Sequence[ProductKey]) -> Any:
        self._started = time_ns()
        return await self._reforecast(keys)

    async def place_reorders(self, assessments: Sequence[Assessment]) -> Placed:
        started = self._started
        placed = await self._place_reorders(assessments)
        keys = [assessment.snapshot.key for assessment in assessments]
        traced = [key for key in self._tracing.products.among(keys) if key in placed.decided]
        if traced:
            ordered = {_product_of(entry): entry.entry_id for entry in placed.outbox}
            for key in traced:
                self._tracing.decided(key, started, ordered.get(key))
        return placed


class _TracedRelay:
    def __init__(self, relay: RelayOutbox, tracing: Tracing) -> None:
        self._relay = relay
        self._tracing = tracing

    async def __call__(self, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        orders = (entry.entry_id for entry in entries if entry.detail_type == REORDER_REQUIRED)
        traced = self._tracing.orders.among(orders)
        if not traced:
            return await self._relay(entries)
        spans = {order: self._tracing.publishing(order) for order in traced}
        told = [in_trace(e, fields_of(spans[e.entry_id])) if e.entry_id in spans else e for e in entries]
        left = set(traced)  # for all we know, until the relay has answered
        try:
            left = {entry.entry_id for entry in await self._relay(told)}
        finally:
            for order, span in spans.items():
                self._tracing.published(order, span, accepted=order not in left)
        return [entry for entry in entries if entry.entry_id in left]


def traced(parts: Parts, tracing: Tracing) -> Parts:
    """The same parts, whose work is traced."""
    decisions = _TracedDecisions(parts, tracing)
    return replace(
        parts,
        # They are called like those that they stand for, which have no interface of their own.
        intake=cast(Intake, _TracedIntake(parts.intake, tracing)),
        reforecast=cast(Reforecast, decisions.reforecast),
        place_reorders=cast(PlaceReorders, decisions.place_reorders),
        relay_outbox=cast(RelayOutbox, _TracedRelay(parts.relay_outbox, tracing)),
    )


def _brought(batch: Batch, receipts: set[str]) -> list[tuple[Message, set[ProductKey]]]:
    """The messages of these receipts, each with the products of the events that it brought."""
    found = [message.receipt in receipts for message in batch.messages]
    products: list[set[ProductKey]] = [set() for _ in batch.messages]
    for position, product in zip(batch.owners, batch.events.products, strict=True):
        if found[position]:
            products[position].add(product)
    return [(m, brought) for m, brought, is_one in zip(batch.messages, products, found, strict=True) if is_one]


def _product_of(entry: OutboxEntry) -> ProductKey:
    """The product of an order's entry, whose id is the product's label and its cycle."""
    return product_of(entry.entry_id.rpartition(":")[0])
