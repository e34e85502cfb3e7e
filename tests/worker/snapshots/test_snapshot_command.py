"""`restock snapshot` as it is run, and how much memory it takes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tracemalloc

import pyarrow.parquet as pq
import pytest
from fakes.accuracy import InMemoryAccuracyBook
from fakes.clock import TODAY
from fakes.examples import state_after
from fakes.faults import Faults
from fakes.state import InMemoryState
from snapshot_shop import PRICES, Then, snapshot, worked

from domain.events import MS_PER_DAY, ProductKey
from domain.product import ForecastNote
from handlers.announcements import iso_day
from handlers.errors import Misconfigured
from worker.aws.state_codec import encode_header
from worker.cli import main
from worker.clock import SystemClock
from worker.local.processes import restock
from worker.settings import Settings
from worker.snapshots.places import FolderUpload
from worker.snapshots.reading import Reading
from worker.snapshots.run import Days, take_snapshot
from worker.snapshots.tables import INVENTORY, TABLES

PAGE_ITEMS = 250
BUCKET = "retail-analytics"


async def object_keys(s3):
    said = await s3.list_objects_v2(Bucket=BUCKET)
    return {found["Key"] for found in said["Contents"]}


@pytest.mark.asyncio(loop_scope="session")
async def test_the_command_writes_to_the_bucket_what_a_snapshot_into_a_folder_says(aws, tmp_path):
    settings = await worked(aws, tmp_path, SystemClock())
    await aws.clients.s3.create_bucket(Bucket=BUCKET)
    today = SystemClock().now() // MS_PER_DAY
    day = iso_day(today)
    process = await asyncio.create_subprocess_exec(
        *restock("snapshot", "--day", day, "--report", str(tmp_path / "report")),
        env={**os.environ, "RESTOCK_ENDPOINT_URL": aws.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert (process.returncode, complained) == (0, b"")
    counted = await snapshot(aws, settings, tmp_path, today)
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert {table.name: summary[table.name] for table in TABLES} == counted
    assert f"s3://{BUCKET}/snapshots, {day}: inventory {len(PRICES)}, " in said.decode()
    written = {f"snapshots/{path.relative_to(tmp_path)}" for path in tmp_path.rglob("*.parquet")}
    assert await object_keys(aws.clients.s3) == written
    answer = await aws.clients.s3.get_object(Bucket=BUCKET, Key=f"snapshots/{INVENTORY.key(day)}")
    async with answer["Body"] as body:
        table = pq.read_table(io.BytesIO(await body.read()))
    assert table == pq.read_table(tmp_path / INVENTORY.key(day), partitioning=None)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_a_failed_snapshot_began_is_taken_away(aws, tmp_path):
    settings = await worked(aws, tmp_path)
    await aws.clients.dynamodb.delete_table(TableName=settings.forecasts_table)
    with pytest.raises(Misconfigured, match="BatchGetItem: ResourceNotFoundException"):
        await snapshot(aws, settings, tmp_path / "place")
    assert [path for path in (tmp_path / "place").rglob("*") if path.is_file()] == []


def test_a_place_that_is_no_address_is_one_clear_line(capsys, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    assert main(["snapshot", "--out", "s3:/oops"]) == 1
    assert capsys.readouterr().err == "restock: 's3:/oops' is no address such as s3://bucket/prefix\n"


def test_days_that_the_states_have_forgotten_are_not_written_again():
    assert Days.of(TODAY, 35, TODAY).since == TODAY - 35
    assert Days.of(TODAY, 84, TODAY).since == TODAY - 84
    long_ago = Days.of(TODAY - 70, 35, TODAY)
    assert long_ago.since == TODAY - 84
    assert long_ago.weeks.start * 7 >= TODAY - 84
    assert not Days.of(TODAY - 200, 35, TODAY).weeks


class ManyHeaders:
    """A state table of so many products, as DynamoDB pages it; the shop and the forecasts know none of them."""

    def __init__(self, products) -> None:
        self._products = products
        self._state = state_after(ProductKey("p"), *range(1, 60))
        note = ForecastNote(TODAY, 1, "model", ((1, 2.0, 0.1), (8, 16.0, 0.1), (28, 56.0, 0.1)))
        self._state = self._state._replace(forecast=note)

    async def describe_table(self, **_):
        return {"Table": {"KeySchema": [{"AttributeName": "product_id"}]}}

    async def batch_get_item(self, **_):
        return {"Responses": {}}

    async def scan(self, ExclusiveStartKey=0, **_):  # noqa: N803 - DynamoDB's name
        until = min(self._products, ExclusiveStartKey + PAGE_ITEMS)
        items = [self._header(number) for number in range(ExclusiveStartKey, until)]
        return {"Items": items} | ({"LastEvaluatedKey": until} if until < self._products else {})

    def _header(self, number):
        return encode_header(self._state._replace(key=ProductKey(f"product-{number:07}")), "token")


async def peak_bytes(products, folder):
    faults = Faults()
    store = InMemoryState(faults)
    reading = Reading(Settings(), ManyHeaders(products), Then())
    tracemalloc.start()
    book = InMemoryAccuracyBook(store, faults)
    counted = await take_snapshot(reading, book, lambda name: FolderUpload(folder, name), Days(TODAY, TODAY - 35))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counted["inventory"] == products
    return peak


async def test_memory_does_not_grow_with_the_number_of_products(tmp_path):
    """Of Python's objects; what Arrow holds outside of them are twenty batches a file."""
    few, many = await peak_bytes(750, tmp_path / "few"), await peak_bytes(3_000, tmp_path / "many")
    assert many < 1.3 * few
