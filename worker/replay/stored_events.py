"""How are events counted that somebody keeps in S3, as Firehose writes them?

An object holds JSON values, one after the other, with or without a line between them: bare sales, or events as
EventBridge wrapped them. Each is a message of its own, known by its object and place if it has no id. Those of another
time are passed by."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from handlers.errors import Misconfigured
from worker.aws.s3_files import S3Files
from worker.aws.s3_objects import S3Object
from worker.replay.counting import Counting
from worker.replay.marks import Mark
from worker.replay.progress import Progress
from worker.sources.source import Message

TOGETHER = 500
TIMES = ("time", "occurred_at", "sale_date", "date")

_decoder = json.JSONDecoder()


async def replay_objects(
    s3: Any,
    objects: Sequence[S3Object],
    span: tuple[int, int],
    counting: Counting,
    work: Path,
    stop: asyncio.Event,
    progress: Progress,
) -> bool:
    """Counts the events of these objects whose time lies in the span (ms, its end not included). Returns whether all
    are done; those that are done are not read again by the next run."""
    path = work / "object"
    for number, each in enumerate(objects):
        mark = Mark(work, sha256(f"{each.name} {each.etag} {span}".encode()).hexdigest()[:24])
        if not mark.read():
            await S3Files(s3, each.bucket).get(each.key, path)
            if not await _counted(each, path, span, counting, stop):
                return False
            mark.write(1)
        progress.reach(number + 1, f"{counting.lines:,} lines")
    return True


async def _counted(each: S3Object, path: Path, span: tuple[int, int], counting: Counting, stop: asyncio.Event) -> bool:
    known_as = sha256(each.name.encode()).hexdigest()[:20]
    waiting: list[Message] = []
    for place, text in enumerate(_values(each, path)):
        if in_span(text, span):
            waiting.append(Message(f"{known_as}-v{place}", str(place), text, source="archive"))
        if len(waiting) >= TOGETHER:
            if stop.is_set() or await counting.take(waiting):
                return False
            waiting = []
    return not stop.is_set() and not (waiting and await counting.take(waiting))


def _values(each: S3Object, path: Path) -> Iterator[str]:
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as exc:
            raise Misconfigured(f"{each.name}: cannot be read: {exc}") from exc
    yield from json_values(content.decode("utf-8", "replace"))


def json_values(text: str) -> Iterator[str]:
    """The JSON values of a text, as they stand there; what is none comes as the line that it is."""
    at, end = 0, len(text)
    while at < end:
        if text[at].isspace():
            at += 1
            continue
        try:
            _, after = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            after = text.find("\n", at)
            after = end if after == -1 else after
        yield text[at:after]
        at = after


def in_span(text: str, span: tuple[int, int]) -> bool:
    """Whether an event is of this time; one whose time cannot be read is, so that it is not lost unseen."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return True
    at = _time_of(said) if isinstance(said, dict) else None
    return at is None or span[0] <= at < span[1]


def _time_of(said: dict[str, Any]) -> int | None:
    for name in TIMES:
        value = said.get(name)
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                continue
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1000)
    return None
