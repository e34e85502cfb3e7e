"""How does a table become a Parquet file without ever being in memory as a whole?

Rows are packed into columns by the hundred, written as row groups, and handed on as bytes as soon as they are there.
What waits is bounded, whatever the length of the table."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from worker.snapshots.places import Upload
from worker.snapshots.tables import DATE, MOMENT, REAL, STRING, WHOLE, Table

ROWS_A_BATCH = 500  # as rows of Python objects; afterwards they are columns, a tenth as large
BATCHES_A_GROUP = 20
ARROW = {
    STRING: pa.string(),
    WHOLE: pa.int64(),
    REAL: pa.float64(),
    DATE: pa.date32(),  # days since 1970-01-01, which is how ours are counted
    MOMENT: pa.timestamp("ms"),  # milliseconds since then, UTC; Athena's timestamps have no zone
}

Row = Sequence[Any]


def schema_of(table: Table) -> pa.Schema:
    """The table's columns in Arrow's types, without the partition."""
    return pa.schema([pa.field(column.name, ARROW[column.kind]) for column in table.columns])


class _Written(io.RawIOBase):
    """Takes what the Parquet writer writes, until it is taken from here."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._waiting += part
        self._at += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


class TableFile:
    """One file of a table. It appears when it is closed, and not at all if it is abandoned."""

    def __init__(self, table: Table, upload: Upload) -> None:
        self.rows = 0
        self._schema = schema_of(table)
        self._upload = upload
        self._written = _Written()
        self._writer = pq.ParquetWriter(self._written, self._schema, compression="zstd")
        self._waiting: list[Row] = []
        self._batches: list[Any] = []

    async def add(self, row: Row) -> None:
        """A row in the order of the table's columns."""
        self._waiting.append(row)
        self.rows += 1
        if len(self._waiting) >= ROWS_A_BATCH:
            self._pack()
            if len(self._batches) >= BATCHES_A_GROUP:
                await self._write_group()

    async def close(self) -> None:
        self._pack()
        await self._write_group()
        self._writer.close()
        await self._upload.write(self._written.take())
        await self._upload.finish()

    async def abandon(self) -> None:
        await self._upload.abandon()

    def _pack(self) -> None:
        if not self._waiting:
            return
        columns = zip(*self._waiting, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=self._schema))
        self._waiting.clear()

    async def _write_group(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches))
            self._batches.clear()
            await self._upload.write(self._written.take())
