"""How does a batch of events become durable, each counted once?

Group by product, fold, one conditional commit a product. After a commit that lost or whose fate is not known, the
state is read again and the fold decided anew: the ledger in it says what was counted. An event without an outcome is
one the caller must not acknowledge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain.events import Event, ProductKey, SaleRecorded
from domain.product import Folded, Outcome, fold
from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.ports import Change, Clock, Committed, LateSale, Metrics, Parking, Quarantined
from handlers.products import Products

ATTEMPTS_MAX = 8
RETRY_STEP_S = 0.05
CONFLICT_REASON = "event_id was counted before with another payload"


class Incoming(NamedTuple):
    """An event to record, and the line it was read from, which is asked for only if it has to be quarantined."""

    event: Event
    line_id: str
    line: Callable[[], str]


class Watermark:
    """The newest day on which any product sold, as far as this worker has seen."""

    def __init__(self) -> None:
        self.day = 0

    def reach(self, day: int) -> None:
        self.day = max(self.day, day)


class RecordSales:
    def __init__(
        self, products: Products, parking: Parking, clock: Clock, metrics: Metrics, watermark: Watermark
    ) -> None:
        self._products = products
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._watermark = watermark

    async def __call__(self, batch: Sequence[Incoming]) -> tuple[list[Outcome | None], set[ProductKey]]:
        """Returns each event's outcome, None where it could not be settled, and the products now dirty."""
        outcomes: list[Outcome | None] = [None] * len(batch)
        waiting: dict[ProductKey, list[int]] = {}
        for index, incoming in enumerate(batch):
            waiting.setdefault(incoming.event.product, []).append(index)
        dirty: set[ProductKey] = set()
        async with self._products.hold(waiting):
            for attempt in range(ATTEMPTS_MAX):
                try:
                    await self._settle(batch, waiting, outcomes, dirty)
                except TransientFailure:
                    self._metrics.count(Metric.COMMIT_RETRIES, len(waiting))
                if not waiting:
                    break
                await self._clock.sleep(RETRY_STEP_S * 2**attempt)
        await self._park(batch, outcomes)
        return outcomes, dirty

    async def _settle(
        self,
        batch: Sequence[Incoming],
        waiting: dict[ProductKey, list[int]],
        outcomes: list[Outcome | None],
        dirty: set[ProductKey],
    ) -> None:
        """Tries once for every waiting product and takes those that are settled off the list."""
        states = await self._products.get(list(waiting))
        now = self._clock.now()
        folds = {key: fold(states[key], [batch[i].event for i in rows], now) for key, rows in waiting.items()}
        changed = [key for key, folded in folds.items() if folded.state is not states[key]]
        changes = [Change(folds[key].state, folds[key].written, folds[key].dropped) for key in changed]
        results = await self._products.commit(changes) if changes else []
        lost = {key for key, result in zip(changed, results, strict=True) if result is Committed.NO}
        if lost:
            self._metrics.count(Metric.COMMIT_RETRIES, len(lost))
        for key in [key for key in waiting if key not in lost]:
            rows = waiting.pop(key)
            self._note(folds[key], rows, outcomes)
            if folds[key].state.dirty:
                dirty.add(key)

    def _note(self, folded: Folded, rows: list[int], outcomes: list[Outcome | None]) -> None:
        for row, outcome in zip(rows, folded.outcomes, strict=True):
            outcomes[row] = outcome
        if folded.state.newest_day is not None:
            self._watermark.reach(folded.state.newest_day)

    async def _park(self, batch: Sequence[Incoming], outcomes: list[Outcome | None]) -> None:
        """Keeps late and conflicting events aside; those that could not be kept lose their outcome."""
        now = self._clock.now()
        conflicts = [row for row, outcome in enumerate(outcomes) if outcome is Outcome.CONFLICT]
        late = [row for row, outcome in enumerate(outcomes) if outcome is Outcome.LATE]
        try:
            if conflicts:
                await self._parking.quarantine(
                    [Quarantined(batch[row].line_id, CONFLICT_REASON, batch[row].line(), now) for row in conflicts]
                )
            sales = [LateSale(e, now) for e in (batch[row].event for row in late) if isinstance(e, SaleRecorded)]
            if sales:
                await self._parking.late(sales)
        except TransientFailure:
            for row in (*conflicts, *late):
                outcomes[row] = None
