"""How is a DynamoDB table history, by itself or by an export of it?

Each item is read as the insertion that its stream carried, so that its sales have the ids under which they were
counted. A table is scanned in segments side by side; an export costs it nothing."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from domain.events import ProductKey, SaleRecorded
from handlers.errors import Misconfigured
from worker.aws.dynamodb import gather_bounded
from worker.decode import decode
from worker.rebuilding.histories import Reading, files_history
from worker.rebuilding.rows import Rows, joined, rows_of, write_piece
from worker.rebuilding.spreading import figures
from worker.rebuilding.work import Part
from worker.sources.source import Message
from worker.table_scan import TableScan

TABLE = "table"
ITEMS_TOGETHER = 20_000
ROWS_A_PIECE = 500_000


def sales_of(message: Message, table_fields: Mapping[str, str], now: int, refused: Counter[str]) -> list[SaleRecorded]:
    """What the intake would count of an item: of lines with one id only the first."""
    events, rejected = decode(message.body, message.message_id, now, table_fields)
    refused.update(line.reason for line in rejected)
    sales: dict[tuple[ProductKey, str], SaleRecorded] = {}
    for decoded in events:
        if isinstance(decoded.event, SaleRecorded):
            sales.setdefault((decoded.event.product, decoded.event.event_id), decoded.event)
    return list(sales.values())


@dataclass(frozen=True, slots=True)
class TableHistory:
    """The table itself. about_items is what DynamoDB last counted, hours ago perhaps."""

    scan: TableScan
    table_fields: Mapping[str, str]
    segments: int
    page_items: int
    about_items: int

    def about(self) -> dict[str, Any]:
        return {"from_table": self.scan.stream, "fields": dict(self.table_fields)}

    def plan(self) -> str:
        return f"table {self.scan.table}: about {self.about_items:,} items, in {self.segments} segments"

    async def read(self, reading: Reading) -> bool:
        if (known := reading.work.read(TABLE)) is not None:
            reading.told(known["rows"])
            return True
        shutil.rmtree(reading.work.pieces, ignore_errors=True)  # of a scan that was cut short
        taking = _Taking(self, reading)
        if not await self.scan.read(self.segments, self.page_items, reading.stop, taking.take):
            return False
        taking.write()
        reading.work.has_read(TABLE, figures(taking.rows, taking.refused))
        return True


@dataclass(slots=True)
class _Taking:
    history: TableHistory
    reading: Reading
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    _waiting: list[Rows] = field(default_factory=list)
    _pieces: int = 0

    async def take(self, page: list[Message]) -> None:
        fields, now = self.history.table_fields, self.reading.now
        sales = [sale for message in page for sale in sales_of(message, fields, now, self.refused)]
        self._waiting.append(rows_of(sales))
        self.rows += len(sales)
        self.reading.told(len(sales))
        if sum(map(len, self._waiting)) >= ROWS_A_PIECE:
            self.write()

    def write(self) -> None:
        rows, self._waiting = joined(self._waiting), []
        write_piece(self.reading.work.piece(f"t{self._pieces:06}"), rows, self.reading.work.shards)
        self._pieces += 1


async def table_history(
    dynamodb: Any, table: str, table_fields: Mapping[str, str], segments: int, page_items: int
) -> TableHistory:
    scan = await TableScan.of(dynamodb, table)
    about = (await dynamodb.describe_table(TableName=table))["Table"]
    return TableHistory(scan, table_fields, segments, page_items, int(about.get("ItemCount", 0)))


@dataclass(frozen=True, slots=True)
class ExportHistory:
    """A full export in DynamoDB JSON: its data files, each of them an item a line."""

    place: str
    parts: Sequence[Part]
    table: str
    keys: tuple[str, ...]
    table_fields: Mapping[str, str]

    def about(self) -> dict[str, Any]:
        parts = [[part.name, part.size_bytes, part.version] for part in self.parts]
        return {"from_export": self.place, "parts": parts, "keys": list(self.keys), "fields": dict(self.table_fields)}

    def plan(self) -> str:
        return f"{self.place}: an export of {self.table} in {len(self.parts):,} files"

    async def read(self, reading: Reading) -> bool:
        done = await gather_bounded(partial(self._part, reading), enumerate(self.parts), reading.processes)
        return all(done)

    async def _part(self, reading: Reading, numbered: tuple[int, Part]) -> bool:
        number, part = numbered
        name = f"x{number:06}"
        said = reading.work.read(name)
        if said is None:
            if reading.stop.is_set():
                return False
            path = await part.fetched(reading.work.folder / "objects" / f"{name}.json.gz")
            items = _Items(path, self.table, self.keys, dict(self.table_fields))
            piece, shards = reading.work.piece(name), reading.work.shards
            said = await reading.off_loop(spread_items, items, piece, shards, reading.now)
            if path.is_relative_to(reading.work.folder):
                path.unlink()
            reading.work.has_read(name, said)
        reading.told(said["rows"])
        return True


@dataclass(frozen=True, slots=True)
class _Items:
    """A data file of an export, and what is known of its table."""

    path: Path
    table: str
    keys: tuple[str, ...]
    table_fields: dict[str, str]


def spread_items(items: _Items, folder: Path, shards: int, now: int) -> dict[str, Any]:
    """Reads a data file, in a process of its own, and writes it by shards."""
    scan, refused = TableScan(None, items.table, items.keys, items.table), Counter[str]()
    parts = []
    lines = _lines(items.path)
    while some := list(islice(lines, ITEMS_TOGETHER)):
        messages = (scan.message(json.loads(line)["Item"]) for line in some)
        parts.append(rows_of([sale for m in messages for sale in sales_of(m, items.table_fields, now, refused)]))
    rows = joined(parts)
    write_piece(folder, rows, shards)
    return figures(len(rows), refused)


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as stream:
        yield from (line for line in stream if line.strip())


async def export_history(place: str, s3: Any, dynamodb: Any, table_fields: Mapping[str, str]) -> ExportHistory:
    """An export in a folder or under an address of S3: the one that has its manifest-summary.json there. The table it
    is of says what its keys are."""
    files = await files_history(place, s3)
    summaries = [part for part in files.parts if part.name.endswith("manifest-summary.json")]
    if len(summaries) != 1:
        raise Misconfigured(f"{place}: {len(summaries)} exports lie there (manifest-summary.json); name one")
    path = await summaries[0].fetched(Path(".restock") / "manifest-summary.json")
    said = json.loads(path.read_text(encoding="utf-8"))
    if said.get("outputFormat") != "DYNAMODB_JSON" or said.get("exportType", "FULL_EXPORT") != "FULL_EXPORT":
        raise Misconfigured(f"{place}: only a full export in DYNAMODB_JSON is read")
    table = str(said["tableArn"]).rpartition("/")[2]
    scan = await TableScan.of(dynamodb, table)
    parts = [part for part in files.parts if part.name.endswith(".json.gz") and "/data/" in part.name]
    return ExportHistory(place, parts, table, scan.keys, table_fields)
