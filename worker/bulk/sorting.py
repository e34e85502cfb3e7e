"""How do sales of a million products get to their shards in flat memory?

The files are read a chunk at a time. The usable rows of a chunk are appended to a file a shard, chosen by the hash of
the product; later each of these is small enough to be held as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from forecaster.sales import NAMES, UnreadableSales, is_sales_file, read_sales

CHUNK_ROWS = 200_000
CHUNK_BYTES = 8 << 20
SECONDS_PER_DAY = 86_400
ROWS_A_GROUP = 20_000  # of one shard, before it is written


@dataclass(slots=True)
class Sorted:
    """What was read: rows used and not, the newest day sold, and a file of rows for each shard that has any."""

    rows: int = 0
    skipped: int = 0
    newest: int = -1
    files: tuple[Path | None, ...] = ()


def sales_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files among these paths, and the sales files in the folders among them."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and is_sales_file(file))
        else:
            yield path


def sort_sales(
    paths: Iterable[Path], shards: int, work: Path, until: int | None, told: Callable[[int], None]
) -> Sorted:
    """Sorts the sales of days before `until` (all of them when None) into shards. told is called with the number of
    rows read so far."""
    found = Sorted()
    work.mkdir(parents=True, exist_ok=True)
    spills = [Spill(work / f"spill-{number:05}.parquet") for number in range(shards)]
    with ExitStack() as opened:
        for spill in spills:
            opened.callback(spill.close)
        for rows, skipped in _chunks(paths, work):
            if until is not None:
                rows = rows[rows["day"] < until]
            found.rows, found.skipped = found.rows + len(rows), found.skipped + skipped
            if len(rows):
                found.newest = max(found.newest, int(rows["day"].max()))
                _spread(rows, spills)
            told(found.rows)
    found.files = tuple(spill.path if spill.rows else None for spill in spills)
    return found


class Spill:
    """The file of one shard. Rows wait until they are a row group's worth."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= ROWS_A_GROUP:
            self._write()

    def close(self) -> None:
        self._write()
        if self._writer is not None:
            self._writer.close()

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="lz4")
        self._writer.write_table(table)
        self._waiting, self._waiting_rows = [], 0


SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("location_id", pa.string()),
        ("day", pa.int64()),
        ("quantity", pa.int64()),
        ("revenue_minor", pa.int64()),
        ("promotion", pa.bool_()),
        ("category", pa.string()),
        ("in_stock", pa.bool_()),
    ]
)


def _spread(rows: pd.DataFrame, spills: list[Spill]) -> None:
    codes, names = pd.factorize(rows["product_id"])
    shard = np.array([shard_of(str(name), len(spills)) for name in names])[codes]
    order = np.argsort(shard, kind="stable")
    table = pa.Table.from_pandas(rows[SCHEMA.names].iloc[order], schema=SCHEMA, preserve_index=False)
    ends = np.searchsorted(shard[order], np.arange(len(spills) + 1))
    for number, spill in enumerate(spills):
        if ends[number] < ends[number + 1]:
            spill.add(table.slice(ends[number], ends[number + 1] - ends[number]))


def shard_of(product_id: str, shards: int) -> int:
    """All locations of a product are in one shard."""
    return crc32(product_id.encode("utf-8", "surrogatepass")) % shards


def _chunks(paths: Iterable[Path], work: Path) -> Iterator[tuple[pd.DataFrame, int]]:
    """The usable rows, and how many were not, chunk by chunk: each is given to the reader of sales as a small file."""
    today = int(time.time()) // SECONDS_PER_DAY
    for path in paths:
        broken = [0]
        try:
            for chunk in _small_files(path, work, broken):
                rows, skipped = read_sales([chunk], today)
                yield rows, skipped + broken[0]
                broken[0] = 0
        except UnreadableSales as exc:
            raise UnreadableSales(f"{path}: {str(exc).partition(': ')[2]}") from exc
        except (pa.ArrowException, ValueError) as exc:
            raise UnreadableSales(f"{path}: {exc}") from exc


def _small_files(path: Path, work: Path, broken: list[int]) -> Iterator[Path]:
    """broken[0] grows by the lines that were not even rows."""
    name = path.name.lower()
    if name.endswith(".parquet"):
        file = pq.ParquetFile(path)
        columns = [column for column in file.schema_arrow.names if column in NAMES]
        for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
            yield _as_file(pa.Table.from_batches([batch]), work)
    elif name.endswith(".csv"):
        for batch in _csv_batches(path, broken):
            yield _as_file(pa.Table.from_batches([batch]), work)
    elif name.endswith((".jsonl", ".ndjson", ".json")):
        yield from _lines(path, work)
    else:
        yield path  # compressed: read as a whole


def _csv_batches(path: Path, broken: list[int]) -> Iterator[pa.RecordBatch]:
    def skip(_: object) -> str:
        broken[0] += 1
        return "skip"

    blocks = pyarrow.csv.ReadOptions(use_threads=False, block_size=CHUNK_BYTES)
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
    with pyarrow.csv.open_csv(path, blocks, parsing) as header:
        kept = [column for column in header.schema.names if column in NAMES]
    broken[0] = 0
    # Of other columns nobody knows whether they hold the same kind of value all the way down.
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(kept, pa.string()), strings_can_be_null=False, include_columns=kept
    )
    with pyarrow.csv.open_csv(path, blocks, parsing, options) as reader:
        yield from reader


def _as_file(table: pa.Table, work: Path) -> Path:
    path = work / "chunk.parquet"
    pq.write_table(table, path, compression="none")
    return path


def _lines(path: Path, work: Path) -> Iterator[Path]:
    chunk = work / "chunk.jsonl"
    with path.open("rb") as stream:
        while lines := stream.readlines(CHUNK_BYTES):
            chunk.write_bytes(b"".join(lines))
            yield chunk
