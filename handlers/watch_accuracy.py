"""Does what we forecast hold against what sells, and who is told when it does not?

Once a week each worker promises the totals of the week for a sample of its products: the model's forecast and the
baseline's, before the window begins. When the week is over whoever comes first compares the promises of all workers
with what sold, judges the last four weeks, and commits scores, verdict and announcement together: a week is closed
once, however many workers there are, and `Retrain Suggested` is published at most once a week. No sale waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import structlog

from domain.accuracy import (
    EVERYTHING,
    Promise,
    Score,
    Scoreboard,
    distinct,
    merged,
    promise,
    score_of,
    scoreboard,
    sold_over,
)
from domain.drift import DAYS_A_WEEK, WEEKS_JUDGED, Standing, Verdict, judge
from domain.events import ProductKey
from domain.features import series_of
from domain.forecast import baseline_totals
from domain.product import ProductState
from handlers.announcements import announce_retraining
from handlers.metrics import Metric
from handlers.ports import AccuracyBook, Clock, Forecaster, Metrics, ScoredWeek, StateStore
from handlers.relay_outbox import RelayOutbox
from handlers.watched_products import WatchedProducts

log = structlog.get_logger()

LATEST_START_DAYS = 3  # a promise made later in its week would be for a few days only
HISTORY_DAYS = 28  # of a younger product neither the model nor the baseline can know the level
GRACE_DAYS = 1  # for sales that arrive late
LOOKED_BACK_WEEKS = 4
LOADED_AT_ONCE = 200
SCORED_MAX = 5_000
OUT_OF_STOCK = "out"  # what is not there cannot sell: such a total says nothing of demand


class WatchAccuracy:
    def __init__(
        self,
        book: AccuracyBook,
        store: StateStore,
        model: Forecaster,
        relay: RelayOutbox,
        first_day: Callable[[], int],
        clock: Clock,
        metrics: Metrics,
        sample_max: int,
    ) -> None:
        self._book = book
        self._store = store
        self._model = model
        self._relay = relay
        self._first_day = first_day
        self._clock = clock
        self._metrics = metrics
        self._products = WatchedProducts(sample_max)
        self._watching = sample_max > 0
        self._promised_week = -1
        self._unpromised: set[int] = set()
        self._standing = Standing(-1)

    @property
    def on_baseline(self) -> frozenset[str]:
        """The categories that the baseline serves."""
        return self._standing.on_baseline

    def note(self, products: Iterable[ProductKey]) -> None:
        """These were decided: from tomorrow on they may be drawn into the sample."""
        if self._watching:
            self._products.note(products, self._first_day())

    async def __call__(self) -> None:
        """Makes this week's promises if they are not made, and closes the weeks that are over. TransientFailure and
        Misconfigured leave the rest to the next time."""
        if not self._watching:
            return
        today = self._first_day()
        week = today // DAYS_A_WEEK
        await self._close_weeks(today)
        self._metrics.observe(Metric.CATEGORIES_ON_BASELINE, len(self.on_baseline))
        if week != self._promised_week and today - week * DAYS_A_WEEK <= LATEST_START_DAYS:
            await self._promise(week, today)

    async def _promise(self, week: int, today: int) -> None:
        products = self._products.before(today)
        promises: list[Promise] = []
        for at in range(0, len(products), LOADED_AT_ONCE):
            states = await self._store.load(products[at : at + LOADED_AT_ONCE])
            able = [state for state in states.values() if _may_be_measured(state, today)]
            if able:
                promises += await self._promises(able, today, (week + 1) * DAYS_A_WEEK - today)
        if promises:
            await self._book.promise(week, promises)
            self._promised_week = week
            self._metrics.count(Metric.ACCURACY_PROMISES, len(promises))
            log.info("accuracy.promised", week=week, products=len(promises))

    async def _promises(self, states: Sequence[ProductState], today: int, days: int) -> list[Promise]:
        series, keys = series_of(states, today), [state.key for state in states]
        cover = np.full((len(states), 1), days, dtype=np.int64)
        answered = await self._model.forecast(keys, series, cover)
        baseline = baseline_totals(series, [cover[:, 0]])
        return [
            promise(state.key, state.category, today, answered[state.key][0], totals[0])
            for state, totals in zip(states, baseline, strict=True)
            if state.key in answered
        ]

    async def _close_weeks(self, today: int) -> None:
        closed = {each.week: each for each in await self._book.closed(WEEKS_JUDGED + LOOKED_BACK_WEEKS)}
        if closed:
            self._standing = closed[max(closed)].standing
        last = (today - GRACE_DAYS) // DAYS_A_WEEK - 1
        first = max(last - LOOKED_BACK_WEEKS + 1, self._standing.week + 1)
        for week in range(first, last + 1):
            if week not in self._unpromised and not await self._close(week, closed):
                return
        self._unpromised &= set(range(first, last + 1))

    async def _close(self, week: int, closed: dict[int, ScoredWeek]) -> bool:
        """False if another worker has closed it meanwhile: what that concluded is read the next time."""
        promises = distinct(await self._book.promised(week), SCORED_MAX)
        if not promises:
            self._unpromised.add(week)  # nobody was there to promise anything
            return True
        board = scoreboard(await self._scores(promises))
        boards = {each.week: each.board for each in closed.values()} | {week: board}
        verdict = judge(boards, week, self._standing, await self._book.backtest())
        judged = merged(boards[each] for each in boards if week - WEEKS_JUDGED < each <= week)
        now = self._clock.now()
        entries = [announce_retraining(verdict, judged, now)] if verdict.announced else []
        scored = ScoredWeek(week, board, verdict.standing)
        if not await self._book.close(scored, entries):
            return False
        self._tell(week, judged, verdict)
        self._standing, closed[week] = verdict.standing, scored
        await self._relay(entries)
        return True

    async def _scores(self, promises: Sequence[Promise]) -> list[tuple[str, Score]]:
        scores = []
        for at in range(0, len(promises), LOADED_AT_ONCE):
            part = promises[at : at + LOADED_AT_ONCE]
            states = await self._store.load([each.product for each in part])
            scores += [(each.category, score_of(each, sold)) for each, sold in _sold(part, states)]
        return scores

    def _tell(self, week: int, judged: Scoreboard, verdict: Verdict) -> None:
        whole = judged[EVERYTHING]
        self._metrics.observe(Metric.FORECAST_WAPE, 100 * whole.wape)
        self._metrics.observe(Metric.BASELINE_WAPE, 100 * whole.baseline_wape)
        self._metrics.observe(Metric.FORECAST_BIAS, 100 * whole.bias)
        self._metrics.observe(Metric.FORECAST_COVERAGE, 100 * whole.coverage)
        self._metrics.observe(Metric.ACCURACY_WINDOWS, whole.windows)
        self._metrics.count(Metric.RETRAINS_SUGGESTED, int(bool(verdict.announced)))
        for category, score in judged.items():
            log.info("accuracy.scored", week=week, category=category, **figures_of(score))
        for changed in self._standing.on_baseline ^ verdict.standing.on_baseline:
            served_by = "baseline" if changed in verdict.standing.on_baseline else "model"
            log.warning("accuracy.category_changed", category=changed, served_by=served_by)


def _sold(promises: Sequence[Promise], states: Mapping[ProductKey, ProductState]) -> Iterable[tuple[Promise, int]]:
    for each in promises:
        state = states.get(each.product)
        if state is not None and state.band != OUT_OF_STOCK:
            yield each, sold_over(state.buckets, each.as_of, each.days)


def _may_be_measured(state: ProductState, today: int) -> bool:
    oldest = next(iter(state.buckets), today)
    return oldest <= today - HISTORY_DAYS and state.band != OUT_OF_STOCK


def figures_of(score: Score) -> dict[str, float]:
    """A score as people read it."""
    return {
        "windows": int(score.windows),
        "wape": round(score.wape, 4),
        "baseline_wape": round(score.baseline_wape, 4),
        "bias": round(score.bias, 4),
        "p90_coverage": round(score.coverage, 4),
    }
