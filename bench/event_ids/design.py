"""How does a worker count sales, whatever its way of keeping ids?

It folds, commits what changed and decides again after a lost commit, as RecordSales does. Its cache holds what it
wrote: hot after settle, cold when the worker is new, stale when another one wrote since."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from bench.event_ids.metering import TABLE
from domain.events import ProductKey, SaleRecorded
from domain.folding import Folded, fold
from domain.product import Outcome, ProductState
from handlers.ports import Change, Committed
from worker.aws.dynamodb import Item
from worker.aws.state import DynamoState

DEADLINE_S = 60.0
SEED = "seed"  # the token of headers that no commit wrote

Sales = Sequence[SaleRecorded]


class Design(ABC):
    """A worker with one way of keeping ids. warm: another of the same way, whose cache it begins with."""

    name: ClassVar[str]
    sales_per_commit_max: ClassVar[int] = 1_000_000_000

    def __init__(self, client: Any, table: str = TABLE, warm: Design | None = None) -> None:
        self.store: DynamoState = self._open(client, table)
        self.states: dict[ProductKey, ProductState] = dict(warm.states) if warm is not None else {}
        self.commits_lost = 0

    async def settle(self, batch: Sales, now: int) -> Counter[Outcome]:
        """Counts what was not counted before."""
        outcomes: Counter[Outcome] = Counter()
        waiting = by_product(batch)
        while waiting:
            taken = {key: sales[: self.sales_per_commit_max] for key, sales in waiting.items()}
            await self.fetch(taken)
            folds = {key: self._fold(key, sales, now) for key, sales in taken.items()}
            lost = await self._commit(folds, taken)
            for key, sales in taken.items():
                if key in lost:
                    await self._lose(key, sales)
                    continue
                outcomes.update(folds[key].outcomes)
                waiting[key] = waiting[key][len(sales) :]
                if not waiting[key]:
                    del waiting[key]
        return outcomes

    async def _commit(self, folds: Mapping[ProductKey, Folded], taken: Mapping[ProductKey, Sales]) -> set[ProductKey]:
        """Commits the folds that changed something; returns the products whose commit was lost."""
        changed = [key for key, folded in folds.items() if folded.written or Outcome.APPLIED in folded.outcomes]
        changes = [self._change(folds[key], taken[key]) for key in changed]
        results = await self.store.commit(changes) if changes else []
        lost = {key for key, result in zip(changed, results, strict=True) if result is Committed.NO}
        self.commits_lost += len(lost)
        for change in changes:
            if change.state.key not in lost:
                self._keep(change)
        return lost

    def headers(self, keys: Iterable[ProductKey]) -> list[Item]:
        """The stored headers of these products as this worker knows them."""
        return [self._header(self._change(Folded(self._before(key, ()), ()), ())) for key in keys]

    @abstractmethod
    async def fetch(self, wanted: Mapping[ProductKey, Sales]) -> None:
        """Reads what the fold of these sales needs and the cache lacks."""

    @abstractmethod
    def _open(self, client: Any, table: str) -> DynamoState:
        """The store of this design."""

    def _fold(self, key: ProductKey, sales: Sales, now: int) -> Folded:
        return fold(self._before(key, sales), sales, now)

    def _before(self, key: ProductKey, _sales: Sales) -> ProductState:
        return self.states[key]

    @abstractmethod
    def _header(self, change: Change) -> Item:
        """The header of this change as it is stored."""

    @abstractmethod
    def _change(self, folded: Folded, sales: Sales) -> Change:
        """What is committed of a fold."""

    def _keep(self, change: Change) -> None:
        self.states[change.state.key] = change.state

    async def _lose(self, key: ProductKey, _sales: Sales) -> None:
        self.states.pop(key, None)


def by_product(sales: Iterable[SaleRecorded]) -> dict[ProductKey, list[SaleRecorded]]:
    grouped: dict[ProductKey, list[SaleRecorded]] = {}
    for sale in sales:
        grouped.setdefault(sale.product, []).append(sale)
    return grouped
