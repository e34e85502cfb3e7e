"""How are the sales of files counted once, whoever counted some of them before?

Each row keeps its own event id, or is known by its file and its place in it, just as when the file was first sent. The
rows go in the order of their time, so that none is late which was not late then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from worker.producer import pack
from worker.replay.counting import Counting
from worker.replay.marks import Mark
from worker.replay.progress import Progress
from worker.sources.files import SalesFile, open_sales
from worker.sources.source import Message

ROWS_A_MESSAGE = 100
MESSAGES_TOGETHER = 10


def opened(paths: Sequence[Path]) -> list[tuple[Path, SalesFile]]:
    """The files, each read once. UnreadableSales for one that is none."""
    return [(path, open_sales(path)) for path in paths]


async def replay_file(
    path: Path, sales: SalesFile, counting: Counting, mark: Mark, stop: asyncio.Event, progress: Progress, before: int
) -> bool:
    """Counts the rows that no earlier run has counted. before: rows of other files. Returns whether all are done."""
    done = 0
    skipped = mark.read()
    for messages in _messages(sales):
        rows = sum(count for _, count in messages)
        done += rows
        if done <= skipped:
            continue
        if stop.is_set():
            return False
        unsettled = await counting.take([message for message, _ in messages])
        if unsettled:
            return False
        mark.write(done)
        progress.reach(before + done, path.name)
    return True


def _messages(sales: SalesFile) -> Iterator[list[tuple[Message, int]]]:
    """The rows packed as a shop would send them; the same messages whenever the file is read."""
    packed = enumerate(pack(sales.rows, fifo_groups=None, sales_per_message=ROWS_A_MESSAGE))
    while some := list(islice(packed, MESSAGES_TOGETHER)):
        yield [
            (Message(f"{sales.digest}-m{place}", str(place), each.body, source="file"), each.sales)
            for place, each in some
        ]
