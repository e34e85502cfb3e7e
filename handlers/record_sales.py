"""How does a batch of events become durable, each counted once?

Group by product, fold, one conditional commit a product. After a commit that lost or whose fate is not known, the
state is read again and the fold decided anew: the ledger in it says what was counted. An event without an outcome is
one the caller must not acknowledge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from domain.events import Event, ProductKey, SaleCorrected, SaleRecorded
from domain.folding import OpenProduct
from domain.product import Outcome
from domain.sales import EventBatch
from domain.taking import close_all, take_all
from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.ports import Change, Clock, Committed, LateSale, Metrics, Parking, Quarantined
from handlers.products import Products
from handlers.watermark import Watermark

log = structlog.get_logger()

# About eight minutes: while the store is away messages are held, not handed back, or they would end as dead letters.
ATTEMPTS_MAX = 100
RETRY_STEP_S = 0.05
RETRY_WAIT_MAX_S = 5.0
EVENTS_PER_COMMIT_MAX = 20_000  # of one product: 400 KB of ids, far within a transaction
REASONS: Mapping[Outcome | None, str] = {
    Outcome.CONFLICT: "event_id was counted before with another payload",
    Outcome.EXCESSIVE: "the sums of its day would leave 64 bits",
}
PARKED: frozenset[Outcome | None] = frozenset({Outcome.LATE, *REASONS})


LineOf = Callable[[int], tuple[str, str]]
"""The id and text of the line that an event was read from, by its place in the batch. Few are ever asked for."""


class RecordSales:
    def __init__(
        self, products: Products, parking: Parking, clock: Clock, metrics: Metrics, watermark: Watermark
    ) -> None:
        self._products = products
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._watermark = watermark

    async def __call__(self, events: Sequence[Event], line_of: LineOf) -> tuple[list[Outcome | None], set[ProductKey]]:
        """Returns each event's outcome, None where it could not be settled, and the products now dirty."""
        events = EventBatch.of(events)
        outcomes: list[Outcome | None] = [None] * len(events)
        waiting = events.by_product()
        dirty: set[ProductKey] = set()
        async with self._products.hold(waiting):
            failures = 0
            while waiting and failures < ATTEMPTS_MAX:
                if await self._settled(events, waiting, outcomes, dirty):
                    continue
                failures += 1
                await self._clock.sleep(min(RETRY_WAIT_MAX_S, RETRY_STEP_S * 2 ** min(failures, 10)))
        await self._park(events, line_of, outcomes)
        return outcomes, dirty

    async def _settled(
        self,
        events: EventBatch,
        waiting: dict[ProductKey, list[int]],
        outcomes: list[Outcome | None],
        dirty: set[ProductKey],
    ) -> bool:
        """Tries once for every waiting product and takes what is settled off the list; False if something was lost."""
        try:
            opened = await self._products.opened(list(waiting))
            for refused in waiting.keys() - opened.keys():
                del waiting[refused]
            lost = await self._commit(events, waiting, opened, outcomes, dirty)
        except TransientFailure as exc:
            log.warning("commit.failed", products=len(waiting), reason=str(exc))
            lost = len(waiting)
        self._metrics.count(Metric.COMMIT_RETRIES, lost)
        return lost == 0

    async def _commit(
        self,
        events: EventBatch,
        waiting: dict[ProductKey, list[int]],
        opened: dict[ProductKey, OpenProduct],
        outcomes: list[Outcome | None],
        dirty: set[ProductKey],
    ) -> int:
        """Returns how many products lost their commit."""
        now = self._clock.now()
        taken = {key: waiting[key][:EVENTS_PER_COMMIT_MAX] for key in opened}
        products = list(opened.values())
        said = dict(zip(opened, take_all(products, events, list(taken.values()), self._products.table), strict=True))
        changed = [key for key, product in opened.items() if product.fresh]
        closed = close_all([opened[key] for key in changed], now)
        changes = [Change(folded.state, folded.written, folded.dropped) for folded in closed]
        results = await self._products.commit(changes) if changes else []
        lost = {key for key, result in zip(changed, results, strict=True) if result is Committed.NO}
        for key in [key for key in opened if key not in lost]:
            for row, outcome in zip(taken[key], said[key], strict=True):
                outcomes[row] = outcome
            self._settle(key, opened[key], waiting, dirty)
        return len(lost)

    def _settle(
        self,
        key: ProductKey,
        product: OpenProduct,
        waiting: dict[ProductKey, list[int]],
        dirty: set[ProductKey],
    ) -> None:
        left = waiting.pop(key)[EVENTS_PER_COMMIT_MAX:]
        if left:
            waiting[key] = left
        self._products.stay_open(product)
        if product.state.newest_day is not None:
            self._watermark.reach(product.state.newest_day)
        if product.state.dirty:
            dirty.add(key)

    async def _park(self, events: Sequence[Event], line_of: LineOf, outcomes: list[Outcome | None]) -> None:
        """Keeps aside what is late and what cannot be counted; what could not be kept loses its outcome."""
        if not PARKED.intersection(outcomes):
            return
        now = self._clock.now()
        refused = [(row, REASONS[outcome]) for row, outcome in enumerate(outcomes) if outcome in REASONS]
        late = [row for row, outcome in enumerate(outcomes) if outcome is Outcome.LATE]
        try:
            if refused:
                lines = [(*line_of(row), reason) for row, reason in refused]
                await self._parking.quarantine([Quarantined(id_, reason, text, now) for id_, text, reason in lines])
            lates = (events[row] for row in late)
            sales = [LateSale(e, now) for e in lates if isinstance(e, (SaleRecorded, SaleCorrected))]
            if sales:
                await self._parking.late(sales)
        except (TransientFailure, Misconfigured) as exc:
            log.error("events.not_parked", late=len(late), refused=len(refused), reason=str(exc))
            for row in (*(row for row, _ in refused), *late):
                outcomes[row] = None
