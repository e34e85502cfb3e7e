"""How did the products stand before any of the history was read?

Whatever a live state has counted since then has arrived meanwhile, and is not lost: so this is read first, and kept
with the work. Of each product: its sums, and the ids it remembers. Late sales that are kept aside are noted too:
history has them, and the live state has not."""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from domain.buckets import Bucket
from domain.ledger import ID_BYTES
from domain.product import ProductState, product_label, product_of
from worker.aws.dynamodb import chunks, gather_bounded, text
from worker.aws.state import DynamoState
from worker.aws.state_codec import HEADER
from worker.rebuilding.rows import shard_of
from worker.rebuilding.work import Work
from worker.table_scan import scan_pages

SEGMENTS = 4
PRODUCTS_A_LOAD = 100


@dataclass(frozen=True, slots=True)
class Before:
    """A product as it stood. ids are of everything it had counted and remembered; late those kept aside."""

    newest_day: int | None = None
    sales: int = 0
    units: int = 0
    days: dict[int, Bucket] = field(default_factory=dict)
    ids: frozenset[bytes] = frozenset()
    late: frozenset[bytes] = frozenset()


NOTHING_BEFORE = Before()


def before_of(state: ProductState, late: Iterable[bytes] = ()) -> Before:
    ids = frozenset(state.ledger.digests())
    return Before(state.newest_day, state.sales, state.units, dict(state.buckets), ids, frozenset(late))


async def note_before(client: Any, table: str, state: DynamoState, work: Work, stop: asyncio.Event) -> bool:
    """Writes down every product, in a file a shard, if that has not been done. False if it was stopped."""
    if work.before.exists():
        return True
    partly = work.before.with_name("before.part")
    shutil.rmtree(partly, ignore_errors=True)
    partly.mkdir(parents=True)
    late: dict[str, set[bytes]] = defaultdict(set)
    labels: set[str] = set()
    await gather_bounded(partial(_scan, client, table, labels, late), range(SEGMENTS))
    with ExitStack() as opened:
        files = [
            opened.enter_context((partly / f"{shard}.jsonl").open("w", encoding="utf-8"))
            for shard in range(work.shards)
        ]
        for some in chunks(sorted(labels | late.keys()), PRODUCTS_A_LOAD):
            if stop.is_set():
                return False
            for key, found in (await state.load([product_of(label) for label in some])).items():
                label = product_label(key)
                line = _line(label, before_of(found, late.get(label, ())))
                files[shard_of(label, work.shards)].write(line + "\n")
    partly.rename(work.before)
    return True


async def _scan(client: Any, table: str, labels: set[str], late: dict[str, set[bytes]], segment: int) -> None:
    found = scan_pages(
        client,
        TableName=table,
        Segment=segment,
        TotalSegments=SEGMENTS,
        FilterExpression="sk = :header OR begins_with(pk, :late)",
        ProjectionExpression="pk, sk, kind",
        ExpressionAttributeValues={":header": text(HEADER), ":late": text("L#")},
        ConsistentRead=True,
    )
    async for items in found:
        for item in items:
            kind, _, label = item["pk"]["S"].partition("#")
            if kind == "P":
                labels.add(label)
            elif "kind" not in item:  # a late correction is no sale of history
                late[label].add(bytes.fromhex(item["sk"]["S"]))


def read_before(work: Work, shard: int) -> dict[str, Before]:
    """The products of a shard by label."""
    path: Path = work.before / f"{shard}.jsonl"
    with path.open(encoding="utf-8") as stream:
        return dict(_read(line) for line in stream)


def _line(label: str, before: Before) -> str:
    days = [[day, *bucket] for day, bucket in before.days.items()]
    said = [label, before.newest_day, before.sales, before.units, days, _joined(before.ids), _joined(before.late)]
    return json.dumps(said, ensure_ascii=True)


def _read(line: str) -> tuple[str, Before]:
    label, newest_day, sales, units, days, ids, late = json.loads(line)
    kept = {day: Bucket(*parts) for day, *parts in days}
    return label, Before(newest_day, sales, units, kept, _split(ids), _split(late))


def _joined(ids: Iterable[bytes]) -> str:
    return b64encode(b"".join(sorted(ids))).decode()


def _split(said: str) -> frozenset[bytes]:
    whole = b64decode(said)
    return frozenset(whole[at : at + ID_BYTES] for at in range(0, len(whole), ID_BYTES))
