"""Watching: what was promised of a week is compared with what sold, once, and told once."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import pytest_asyncio
from fakes.accuracy import InMemoryAccuracyBook
from fakes.bus import InMemoryBus
from fakes.clock import FakeClock
from fakes.examples import sale
from fakes.faults import Fault, Faults
from fakes.metrics import RecordedMetrics
from fakes.state import InMemoryState

from domain.accuracy import EVERYTHING, UNNAMED
from domain.drift import DAYS_A_WEEK
from domain.events import ProductKey
from domain.folding import fold
from domain.forecast import TotalDemand, baseline_totals
from domain.product import ProductState
from handlers.baseline_categories import UnlessBaselineIsBetter
from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.ports import Change
from handlers.products import Products
from handlers.relay_outbox import RelayOutbox
from handlers.watch_accuracy import SCORED_MAX, WatchAccuracy
from handlers.watched_products import WatchedProducts

START = 2_858 * DAYS_A_WEEK
TEA = [ProductKey(f"tea-{n}") for n in range(30)]
SALT = [ProductKey(f"salt-{n}") for n in range(30)]


class Skewed:
    """A model that answers the baseline times a factor, which a test sets by the product's name."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.factor = {"tea": 1.0, "salt": 1.0}
        self.asked: list[int] = []

    async def forecast(self, items, series, cover_days):
        async with self.faults.around("forecast"):
            totals = baseline_totals(series, [cover_days[:, 0]])
        self.asked.append(len(items))
        return {
            key: (TotalDemand(total.cover_days, total.mean * self.factor[key.product_id.split("-")[0]], 0.1),)
            for key, (total,) in zip(items, totals, strict=True)
        }


class Shop:
    """Products that sell three units a day, and workers that watch them."""

    def __init__(self) -> None:
        self.clock, self.metrics, self.faults = FakeClock(), RecordedMetrics(), Faults()
        self.store = InMemoryState(self.faults)
        self.book = InMemoryAccuracyBook(self.store, self.faults)
        self.bus, self.model = InMemoryBus(self.faults), Skewed(self.faults)
        self.relay = RelayOutbox(self.store, self.bus, self.metrics)
        self.today = START - 1
        self.states = {
            key: ProductState(key, category=kind) for kind, keys in (("tea", TEA), ("salt", SALT)) for key in keys
        }

    def worker(self, sample_max: int = 1_000) -> WatchAccuracy:
        return WatchAccuracy(
            self.book, self.store, self.model, self.relay, lambda: self.today, self.clock, self.metrics, sample_max
        )

    async def day(self, units: int = 3, days: int = 1) -> None:
        """Everything sells, and the day ends; days: on as many of the days up to this one."""
        for key, state in self.states.items():
            past = range(self.today - days + 1, self.today + 1)
            events = [sale(key, f"{key}-{day}", units, day) for day in past]
            folded = fold(state, events, self.clock.now())
            assert "YES" in (await self.store.commit([Change(folded.state, folded.written, folded.dropped)]))[0].name
            self.states[key] = folded.state
        self.today += 1

    async def weeks(self, count: int, *workers: WatchAccuracy, units: int = 3) -> None:
        for _ in range(count * DAYS_A_WEEK):
            for worker in workers:
                await worker()
                worker.note(self.states)
            await self.day(units)

    @property
    def told(self) -> list[dict]:
        return [json.loads(entry.detail) for entry in self.bus.published]


@pytest_asyncio.fixture
async def shop() -> Shop:
    """Six weeks old, on the first day of a week."""
    shop = Shop()
    await shop.day(days=42)
    return shop


async def test_what_was_promised_before_a_week_is_compared_with_what_sold_in_it(shop):
    worker = shop.worker()
    worker.note(shop.states)
    await shop.day()
    await shop.weeks(1, worker)
    assert shop.metrics[Metric.ACCURACY_PROMISES] == 120
    promised = shop.book.promises[START // 7 + 1]
    assert {each.as_of for each in promised} == {START + 7}
    shop.model.factor["salt"] = 3.0  # what it says afterwards does not count
    await shop.weeks(1, worker)
    await worker()
    scored = shop.book.weeks[START // 7 + 1]
    assert scored.board["tea"].windows == scored.board["salt"].windows == 30
    assert scored.board[EVERYTHING].sold == 60 * 7 * 3
    assert scored.board["salt"].wape == pytest.approx(scored.board["tea"].wape)


async def test_a_product_known_since_today_is_not_promised_for(shop):
    """It is known because it sells today: its day would be one of those on which it sells more than usual."""
    worker = shop.worker()
    await shop.day()
    worker.note(shop.states)
    await worker()
    assert not shop.book.promises
    shop.today += 1
    await worker()
    assert len(shop.book.promises[shop.today // 7]) == 60


async def test_a_week_is_not_promised_when_half_of_it_is_over(shop):
    worker = shop.worker()
    await shop.day()
    worker.note(shop.states)
    shop.today = START + 4
    await worker()
    assert not shop.book.promises


async def test_a_week_is_closed_once_however_many_workers_there_are(shop):
    workers = [shop.worker(), shop.worker(), shop.worker()]
    await shop.weeks(4, *workers)
    closed = shop.book.weeks[START // 7 + 1]
    assert closed.board[EVERYTHING].windows == 60, "three promises for a product count as one"
    assert len(shop.metrics.observed[Metric.FORECAST_WAPE]) == len(shop.book.weeks)


async def test_the_worker_that_lost_the_race_reads_what_the_other_concluded(shop):
    worker = shop.worker()
    await shop.weeks(2, worker)
    assert list(shop.book.weeks) == [START // 7]
    shop.faults.plan("close", Fault.LOSE)
    await shop.day()
    await worker()
    assert list(shop.book.weeks) == [START // 7]
    assert len(shop.metrics.observed[Metric.FORECAST_WAPE]) == 1


async def test_a_model_that_is_no_better_is_announced_once_and_its_category_goes_to_the_baseline_and_back(shop):
    worker, other = shop.worker(), shop.worker()
    shop.model.factor = {"tea": 0.9, "salt": 2.0}
    await shop.weeks(2, worker, other)
    await shop.weeks(6, worker, other, units=2)  # less than before: whoever says 0.9 of the past is nearer
    assert "salt" in worker.on_baseline
    assert worker.on_baseline == other.on_baseline
    ids = [entry.entry_id for entry in shop.bus.published]
    assert len(ids) == len(set(ids)) >= 1
    first = shop.told[0]
    assert "salt: WAPE" in first["reason"]
    rules = [(each["rule"], each["category"]) for told in shop.told for each in told["findings"]]
    assert len(rules) == len(set(rules)), "nothing is told twice within its cool-down"
    assert not shop.store.entries, "what was published has left the outbox"
    shop.model.factor["salt"] = 1.0
    await shop.weeks(1, worker, other, units=2)
    assert "salt" in worker.on_baseline, "not at the first better week"


async def test_what_is_announced_waits_in_the_outbox_while_the_bus_is_away(shop):
    worker = shop.worker()
    shop.model.factor = {"tea": 2.0, "salt": 2.0}
    shop.faults.plan("publish", *[Fault.BEFORE] * 50)
    await shop.weeks(8, worker)
    assert not shop.bus.published
    waiting = list(shop.store.entries.values())
    assert [each.detail_type for each in waiting] == ["Retrain Suggested"] * len(waiting)
    assert waiting


async def test_while_the_endpoint_is_away_nothing_is_promised_and_the_next_look_tries_again(shop):
    worker = shop.worker()
    await shop.day()
    worker.note(shop.states)
    shop.today += 1
    shop.faults.plan("forecast", Fault.BEFORE)
    with pytest.raises(TransientFailure):
        await worker()
    assert not shop.book.promises
    await worker()
    assert len(shop.book.promises[shop.today // 7]) == 60


async def test_what_is_out_of_stock_says_nothing_of_demand(shop):
    worker = shop.worker()
    await shop.weeks(2, worker)
    await shop.day()
    gone = TEA[0]
    shop.store.headers[gone] = shop.store.headers[gone]._replace(band="out")
    await worker()
    assert shop.book.weeks[START // 7 + 1].board["tea"].windows == 29


async def test_a_restarted_worker_knows_what_was_concluded(shop):
    worker = shop.worker()
    shop.model.factor = {"tea": 0.9, "salt": 2.0}
    await shop.weeks(2, worker)
    await shop.weeks(6, worker, units=2)
    restarted = shop.worker()
    assert restarted.on_baseline == frozenset()
    await restarted()
    assert restarted.on_baseline == worker.on_baseline != frozenset()


async def test_turned_off_it_asks_nobody(shop):
    worker = shop.worker(sample_max=0)
    await shop.weeks(3, worker)
    assert not shop.model.asked
    assert "closed" not in shop.faults.calls


def test_the_sample_is_bounded_and_the_same_in_whatever_order_products_come():
    keys = [ProductKey(f"p{n}") for n in range(500)]
    one, other = WatchedProducts(50), WatchedProducts(50)
    one.note(keys, 1)
    for key in reversed(keys):
        other.note([key, key], 1)
    assert set(one.before(2)) == set(other.before(2))
    assert len(one.before(2)) == 50
    assert one.before(1) == []
    assert SCORED_MAX >= 50


class Asked:
    def __init__(self) -> None:
        self.keys: Sequence[ProductKey] = ()

    async def forecast(self, items, series, cover_days):
        self.keys = items
        asked = zip(items, cover_days.tolist(), strict=True)
        return {key: tuple(TotalDemand(days, 1.0, 0.0) for days in covers) for key, covers in asked}


async def test_a_category_on_the_baseline_is_left_out_of_what_the_model_is_asked(deciding):
    tea, plain = ProductKey("tea-1"), ProductKey("plain")
    await deciding.sold(sale(tea, "e1", 3, category="tea"), sale(plain, "e2", 3))
    model, fallen = Asked(), {"tea"}
    deciding.reforecast._forecaster = UnlessBaselineIsBetter(
        model, Products(deciding.store, 10, 10**9), lambda: frozenset(fallen), deciding.metrics
    )
    assessments = await deciding.assessed(tea, plain)
    assert {each.snapshot.key: each.forecast.source for each in assessments} == {tea: "fallback", plain: "model"}
    assert list(model.keys) == [plain]
    assert deciding.metrics[Metric.FORECASTS_ON_BASELINE] == 1
    fallen.add(UNNAMED)
    model.keys = ()
    await deciding.assessed(tea)
    assert list(model.keys) == []
