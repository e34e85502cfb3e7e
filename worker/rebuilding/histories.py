"""Where does history lie, and how does it become pieces?

Files and folders of this machine, objects of S3, an export of a DynamoDB table, or the table itself. Each says what it
is, so that an unfinished rebuild of another history is not gone on with, and reads what is not read yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from handlers.errors import Misconfigured
from worker.aws.dynamodb import gather_bounded
from worker.aws.s3_files import S3Files
from worker.aws.s3_objects import S3Object, objects_under, s3_address
from worker.rebuilding.spreading import FilePiece, pieces_of, spread
from worker.rebuilding.work import Part, Work

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json", ".parquet", ".gz")
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a history is read with: where to, by which processes, until when, and whom to tell of rows read."""

    work: Work
    pool: Executor
    processes: int
    now: int
    stop: asyncio.Event
    told: Told

    async def off_loop(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.pool, call, *arguments)


class History(Protocol):
    def about(self) -> dict[str, Any]:
        """What tells this history, as it is now, from any other; fit for JSON."""
        ...

    def plan(self) -> str:
        """In a line for a person, what will be read."""
        ...

    async def read(self, reading: Reading) -> bool:
        """Writes what is not written yet as pieces. False if it was stopped."""
        ...


@dataclass(frozen=True, slots=True)
class FilesHistory:
    """Files of sales, wherever they lie. parts are those that were there when it was asked for; more may come until
    it is read, and those that come later are no part of it."""

    place: str
    parts: Sequence[Part]
    listed: Callable[[], Awaitable[Sequence[Part]]]

    def about(self) -> dict[str, Any]:
        return {"from": self.place}

    def plan(self) -> str:
        return f"{self.place}: {len(self.parts):,} files, {sum(p.size_bytes for p in self.parts) / 1e6:,.1f} MB"

    async def read(self, reading: Reading) -> bool:
        slots = asyncio.Semaphore(reading.processes)
        parts = reading.work.fixed(await self.listed())
        rows = await gather_bounded(partial(self._part, reading, slots), enumerate(parts), reading.processes)
        return None not in rows

    async def _part(self, reading: Reading, slots: asyncio.Semaphore, numbered: tuple[int, Part]) -> int | None:
        number, part = numbered
        name = f"f{number:06}"
        known = reading.work.read(name)
        if known is not None:
            reading.told(known["rows"])
            return int(known["rows"])
        if reading.stop.is_set():
            return None
        path = await part.fetched(reading.work.folder / "objects" / f"{name}{''.join(Path(part.name).suffixes[-2:])}")
        pieces = await reading.off_loop(pieces_of, path, name)
        done = await gather_bounded(partial(_spread, reading, slots), pieces, reading.processes)
        if None in done:
            return None
        if path.is_relative_to(reading.work.folder):
            path.unlink()
        reading.work.has_read(name, added([each for each in done if each is not None]))
        return sum(int(each["rows"]) for each in done if each is not None)


async def _spread(reading: Reading, slots: asyncio.Semaphore, piece: FilePiece) -> dict[str, Any] | None:
    async with slots:
        if reading.stop.is_set():
            return None
        folder, shards = reading.work.piece(piece.name), reading.work.shards
        said: dict[str, Any] = await reading.off_loop(spread, piece, folder, shards, reading.now)
    reading.told(said["rows"])
    return said


def added(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several pieces as those of one."""
    reasons: dict[str, int] = {}
    for each in figures:
        for reason, count in each["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    return {
        "rows": sum(each["rows"] for each in figures),
        "refused": sum(each["refused"] for each in figures),
        "reasons": reasons,
    }


async def files_history(place: str, s3: Any) -> FilesHistory:
    """The sales files under a path or an address of S3. Misconfigured if there are none."""

    async def listed() -> list[Part]:
        if place.startswith("s3://"):
            s3_address(place)
            return [_of_object(s3, each) async for each in objects_under(s3, place) if _is_sales(each.key)]
        return [_of_file(path) for path in _files(Path(place)) if _is_sales(path.name)]

    parts = await listed()
    if not parts:
        raise Misconfigured(f"{place}: no files of sales lie there ({', '.join(SUFFIXES)})")
    return FilesHistory(place, parts, listed)


def _is_sales(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _of_file(path: Path) -> Part:
    if not path.is_file():
        raise Misconfigured(f"{path}: there is no such file")
    about = path.stat()

    async def here(_: Path) -> Path:
        return path

    return Part(str(path), about.st_size, str(about.st_mtime_ns), here)


def _of_object(s3: Any, each: S3Object) -> Part:
    async def got(path: Path) -> Path:
        await S3Files(s3, each.bucket).get(each.key, path)
        return path

    return Part(each.name, each.size_bytes, each.etag, got)
