"""A shop whose states a real worker made, and the tables that a snapshot of it consists of."""

from __future__ import annotations

import asyncio
import json

import pyarrow.parquet as pq
from fakes.at_work import at_work
from fakes.clock import NOW, TODAY

from domain.accuracy import EVERYTHING, Promise, Score
from domain.drift import Standing
from domain.events import MS_PER_DAY, ProductKey
from handlers.announcements import iso_day
from handlers.ports import ScoredWeek
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.state import DynamoState
from worker.clock import SystemClock
from worker.settings import Settings
from worker.snapshots.places import FolderUpload
from worker.snapshots.reading import Reading
from worker.snapshots.run import Days, take_snapshot
from worker.snapshots.tables import FILE, PARTITION
from worker.wiring import build

SOLD_DAYS = 40
A_DAY = 3
TEA, SALT, OATS, COSTED = ProductKey("tea"), ProductKey("Grüße #1", "north"), ProductKey("oats"), ProductKey("costed")
PRICES = {TEA: "2.50", SALT: None, OATS: "1.00", COSTED: "4.00"}
STOCK = {TEA: 0, SALT: 0, OATS: 10_000, COSTED: 1}
RULES = {"products": {"costed": {"unit_cost": 1.5}}}


def last_closed(today):
    """The newest week that is over, and that late sales are no longer waited for."""
    return (today - 1) // 7 - 1


WEEK = last_closed(TODAY)


class Then(SystemClock):
    """A worker's clock that began at NOW."""

    def __init__(self) -> None:
        self._apart = super().now() - NOW

    def now(self):
        return super().now() - self._apart


async def worked(aws, tmp_path, clock=None):
    """A worker has counted SOLD_DAYS days of sales, decided and ordered; a week was promised and closed. It is TODAY,
    or whatever the clock says."""
    clock = clock or Then()
    today = clock.now() // MS_PER_DAY
    week = last_closed(today)
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(RULES))
    said = {"long_poll_s": 1, "decide_interval_s": 0.02, "bedrock_model": "", "watch_products": 0}
    settings = Settings(**{**aws.settings.model_dump(), **said, "rules": str(rules)})
    for key, level in STOCK.items():
        item = {"product_id": {"S": key.product_id}, "location_id": {"S": key.location_id or "-"}}
        item |= {"current_stock": {"N": str(level)}, "updated_at": {"N": str(clock.now() - 60_000)}}
        item |= {"category": {"S": "shelf"}, "supplier": {"S": "acme"}}
        await aws.clients.dynamodb.put_item(TableName=settings.inventory_table, Item=item)
    for key, price in PRICES.items():
        await aws.clients.sqs.send_message(QueueUrl=aws.queue_url, MessageBody=json.dumps(sales_of(key, price, today)))
    runner = await build(settings, aws.clients, clock)
    async with at_work(runner):
        await _decided(aws)
    book = DynamoAccuracyBook(aws.clients.dynamodb, settings.state_table, 10.0)
    await book.promise(week, [Promise(TEA, "hot", week * 7, 7, 20.0, 25, 0.5, 24.0)])
    board = {"hot": Score(1, 21, 20, 1, 3, 1), EVERYTHING: Score(1, 21, 20, 1, 3, 1)}
    assert await book.close(ScoredWeek(week, board, Standing(week, frozenset({"hot"}))), [])
    return settings


def sales_of(key, price, today):
    said = {"product_id": key.product_id, "quantity": A_DAY, "category": "hot"}
    said |= {"price": price} if price is not None else {}
    said |= {"location_id": key.location_id} if key.location_id is not None else {}
    return [{**said, "event_id": f"{key}-{day}", "date": iso_day(day)} for day in range(today - SOLD_DAYS, today)]


async def _decided(aws):
    truth = DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)
    async with asyncio.timeout(20):
        while True:
            states = await truth.load(list(PRICES))
            saved = await aws.clients.dynamodb.scan(TableName=aws.settings.forecasts_table)
            settled = all(not state.dirty and state.decisions for state in states.values())
            if settled and saved["Count"] == len(PRICES):
                return
            await asyncio.sleep(0.1)


async def snapshot(aws, settings, folder, today=TODAY, back=35):
    """Takes one into a folder; returns its counts."""
    reading = Reading(settings, aws.clients.dynamodb, Then())
    book = DynamoAccuracyBook(aws.clients.dynamodb, settings.state_table, 10.0)
    return await take_snapshot(reading, book, lambda name: FolderUpload(folder, name), Days(today, today - back))


def rows(folder, table, day=None):
    """The rows of a table's file, by column."""
    path = folder / table.key(iso_day(day) if day is not None else "")
    return pq.read_table(path, partitioning=None).to_pylist()


def days_of(folder, table):
    """The days that a table has files of."""
    files = (folder / table.name).glob(f"{PARTITION}=*/{FILE}")
    return sorted(path.parent.name.removeprefix(f"{PARTITION}=") for path in files)
