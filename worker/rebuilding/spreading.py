"""How does a file of history become pieces?

In a process of its own, so that several are read side by side: a Parquet file by runs of its row groups, any other file
of sales as a whole. What a process is told and what it answers is plain data."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from domain.events import SaleRecorded
from handlers.errors import InvalidEvent
from worker.rebuilding.rows import Rows, joined, rows_of, write_piece
from worker.schema import read_event

PIECE_ROWS = 1_000_000
ROWS_TOGETHER = 50_000
READ_BYTES = 1 << 20
REASONS_MAX = 20


class FilePiece(NamedTuple):
    """Some row groups of a Parquet file, or with none named a whole file of another kind."""

    name: str
    path: Path
    digest: str = ""
    groups: tuple[int, ...] = ()
    first_row: int = 0


def pieces_of(path: Path, name: str) -> list[FilePiece]:
    """A file in pieces of about PIECE_ROWS rows."""
    if path.suffix.lower() != ".parquet":
        return [FilePiece(name, path)]
    import pyarrow.parquet as pq

    digest = digest_of(path)
    with pq.ParquetFile(path) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    pieces: list[FilePiece] = []
    groups: list[int] = []
    first = at = 0
    for group, rows in enumerate(counts):
        groups.append(group)
        at += rows
        if at - first >= PIECE_ROWS or group == len(counts) - 1:
            pieces.append(FilePiece(f"{name}-{len(pieces)}", path, digest, tuple(groups), first))
            groups, first = [], at
    return pieces


def digest_of(path: Path) -> str:
    """What rows without an id are known by, as for any reader of files of sales."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def spread(piece: FilePiece, folder: Path, shards: int, now: int) -> dict[str, Any]:
    """Reads a piece and writes it by shards; returns its figures."""
    refused: Counter[str] = Counter()
    parts = list(_of_parquet(piece, now, refused) if piece.groups else _of_any(piece.path, now, refused))
    rows = joined(parts)
    write_piece(folder, rows, shards)
    return figures(len(rows), refused)


def figures(rows: int, refused: Counter[str]) -> dict[str, Any]:
    return {"rows": rows, "refused": refused.total(), "reasons": dict(refused.most_common(REASONS_MAX))}


def _of_parquet(piece: FilePiece, now: int, refused: Counter[str]) -> Iterator[Rows]:
    from worker.rebuilding.parquet_rows import parquet_rows

    yield from parquet_rows(piece.path, piece.groups, piece.first_row, piece.digest, now, refused)


def _of_any(path: Path, now: int, refused: Counter[str]) -> Iterator[Rows]:
    from worker.sources.files import open_sales

    rows = iter(open_sales(path).rows)
    while some := list(islice(rows, ROWS_TOGETHER)):
        yield rows_of(list(_sales(some, now, refused)))


def _sales(rows: list[Any], now: int, refused: Counter[str]) -> Iterator[SaleRecorded]:
    for row in rows:
        try:
            if isinstance(row, str):
                raise InvalidEvent("a line that cannot be split into fields")
            event = read_event(dict(row), None, str(row["event_id"]), now)
        except InvalidEvent as exc:
            refused[exc.reason] += 1
        else:
            if isinstance(event, SaleRecorded):
                yield event
