"""How does a product come to the state that its history says, while sales go on?

Product by product: its live state is read, held against history, and replaced under the condition that it is still the
one that was read. Whoever was faster wins, and the product is judged again. The products are on the agenda before they
are written, held back until the end: they are decided once, on what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from domain.buckets import NO_SALES, Bucket
from domain.events import ProductKey
from domain.product import ProductState, product_label, product_of
from handlers.errors import TransientFailure
from handlers.ports import Change, Clock, Committed
from worker.aws.dynamodb import batch_write, chunks, gather_bounded, query, text
from worker.aws.state import DynamoState
from worker.rebuild_verify import Difference
from worker.rebuilding.before import NOTHING_BEFORE, Before
from worker.rebuilding.intents import Intents
from worker.rebuilding.shadow import Shadow, SoldRows
from worker.rebuilding.verdict import Judged, Verdict, first_after, is_swapped, judged, swapped
from worker.replay.held_agenda import HeldAgenda

PRODUCTS_TOGETHER = 50
ROUNDS_MAX = 50
PAUSE_S = 0.05

Found = Callable[[Difference], None]


@dataclass(slots=True)
class Swapping:
    """write: replace what differs, or only tell. found is told each difference of a product that is, or would be,
    replaced."""

    dynamodb: Any
    table: str
    state: DynamoState
    agenda: HeldAgenda
    clock: Clock
    found: Found
    intents: Intents
    write: bool
    include_late: bool
    drop_extra: bool
    counts: Counter[str] = field(default_factory=Counter)

    async def shard(self, shadow: Shadow, before: Mapping[str, Before], stop: asyncio.Event) -> bool:
        """Every product of a shard. False if it was stopped on the way."""
        self.counts.update(rows=len(shadow.packed), duplicates=shadow.duplicates, conflicts=shadow.conflicts)
        known = set()
        waiting: list[SoldRows] = []
        for sold in shadow.products():
            known.add(sold.label)
            waiting.append(sold)
            if len(waiting) >= PRODUCTS_TOGETHER:
                if stop.is_set():
                    return False
                await self._settle(waiting, before)
                waiting = []
        await self._settle(waiting, before)
        without = [label for label, was in before.items() if label not in known and was.sales]
        self.counts.update(without_history=len(without))
        return True

    async def _settle(self, waiting: Sequence[SoldRows], before: Mapping[str, Before]) -> None:
        """Judges these products, and replaces what differs, until each is as it should be or is left alone."""
        left = {product_of(sold.label): sold for sold in waiting}
        for _ in range(ROUNDS_MAX):
            if not left:
                return
            left = await self._round(left, before)
            if left:
                await self.clock.sleep(PAUSE_S)
        raise TransientFailure(f"{product_label(next(iter(left)))} changed again and again while it was replaced")

    async def _round(
        self, left: Mapping[ProductKey, SoldRows], before: Mapping[str, Before]
    ) -> dict[ProductKey, SoldRows]:
        """Returns the products that somebody else changed in between."""
        live = await self.state.load(list(left))
        self.counts.update(products=len(left) - len(live), refused=len(left) - len(live))
        differing: dict[ProductKey, Judged] = {}
        for key, state in live.items():
            begun = self.intents.of_product(product_label(key))
            if begun is not None and is_swapped(state, begun):
                self.counts.update(products=1, swap=1, swapped=1)  # by the run that was killed
                continue
            verdict = self._judged(state, before.get(product_label(key), NOTHING_BEFORE), left[key])
            if verdict.verdict is Verdict.SWAP:
                differing[key] = verdict
            else:
                self._count(state, verdict)
        if not differing:
            return {}
        again = await self._without_newly_late(live, before, left, differing)
        return {key: left[key] for key in await self._replaced(live, again)}

    def _judged(self, state: ProductState, before: Before, sold: SoldRows) -> Judged:
        return judged(state, before, sold, include_late=self.include_late, drop_extra=self.drop_extra)

    async def _without_newly_late(
        self,
        live: Mapping[ProductKey, ProductState],
        before: Mapping[str, Before],
        left: Mapping[ProductKey, SoldRows],
        differing: Mapping[ProductKey, Judged],
    ) -> dict[ProductKey, Judged]:
        """Some may have come too late since the beginning: the same once more with all that are kept aside by now."""
        labels = [product_label(key) for key in differing]
        found = await gather_bounded(self._late_ids, labels, 16)
        again = {}
        for key, late in zip(differing, found, strict=True):
            was = before.get(product_label(key), NOTHING_BEFORE)
            verdict = self._judged(live[key], replace(was, late=was.late | late), left[key])
            if verdict.verdict is Verdict.SWAP:
                again[key] = verdict
            else:
                self._count(live[key], verdict)
        return again

    async def _late_ids(self, label: str) -> frozenset[bytes]:
        items = await query(
            self.dynamodb,
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": text(f"L#{label}")},
            ProjectionExpression="sk, kind",
            ConsistentRead=True,
        )
        return frozenset(bytes.fromhex(item["sk"]["S"]) for item in items if "kind" not in item)

    async def _replaced(
        self, live: Mapping[ProductKey, ProductState], differing: Mapping[ProductKey, Judged]
    ) -> list[ProductKey]:
        """Commits; returns the products whose commit lost."""
        changes: dict[ProductKey, Change] = {}
        for key, verdict in differing.items():
            change = swapped(live[key], verdict, self.clock.now())
            if change is None:
                self._count(live[key], replace(verdict, verdict=Verdict.TOO_LARGE))
            elif not self.write:
                self._count(live[key], verdict)
            else:
                changes[key] = change
        if not changes:
            return []
        self.intents.begin({product_label(key): first_after(live[key]) for key in changes})
        entries = await self.agenda.add(list(changes))
        done: list[ProductKey] = []
        try:
            results = await self.state.commit(list(changes.values()))
            done = [key for key, result in zip(changes, results, strict=True) if result is Committed.YES]
        finally:
            await self.agenda.committed(entries, list(changes))
        for key in done:
            self._count(live[key], differing[key])
            self.counts["swapped"] += 1
        if self.include_late:
            await self._forget_late({key: differing[key] for key in done})
        return [key for key in changes if key not in done]

    async def _forget_late(self, merged: Mapping[ProductKey, Judged]) -> None:
        """What is counted now is kept aside no longer."""
        keys = [
            {"pk": text(f"L#{product_label(key)}"), "sk": text(each.hex())}
            for key, verdict in merged.items()
            if verdict.late
            for each in verdict.rows.ids()
        ]
        for some in chunks(keys, 1_000):
            await batch_write(self.dynamodb, self.table, [{"DeleteRequest": {"Key": key}} for key in some])

    def _count(self, live: ProductState, verdict: Judged) -> None:
        kind = verdict.verdict
        self.counts.update(products=1, late=verdict.late, extra_sales=verdict.extra)
        self.counts[kind.name.lower()] += 1
        if kind is not Verdict.EQUAL:
            for difference in differences_of(live, verdict):
                self.counts["differences"] += 1
                self.found(difference)


def differences_of(live: ProductState, verdict: Judged) -> list[Difference]:
    """Where a product's live state says other than it should, day by day, and for all days its number of sales."""
    found = []
    for day in sorted({*verdict.days, *live.buckets}):
        there, here = verdict.days.get(day, NO_SALES), live.buckets.get(day, NO_SALES)
        for figure, should, counted in zip(Bucket._fields, there, here, strict=True):
            if should != counted:
                found.append(Difference(live.key, day, figure, should, counted))
    if verdict.sales != live.sales:
        found.append(Difference(live.key, None, "sales", verdict.sales, live.sales))
    return found
