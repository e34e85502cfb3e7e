"""Does a rebuild come bit for bit to what the worker counted, on a whole file of sales and while they go on?

`make drill-file SALES=…`. A real worker on the embedded AWS (an emulator, not AWS) counts nine tenths of the file, some
of it too late to be counted. Then every third product's state is taken away, and while the last tenth is sold the
rebuild is killed with -9 again and again until one run comes to its end. Late sales must be listed apart, and be merged
when that is asked for. In the end each state is held against the worker's own fold of all sales in order of time."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from domain.buckets import HORIZON_DAYS
from domain.events import MS_PER_DAY, ProductKey
from domain.folding import OpenProduct
from domain.product import Outcome, ProductState
from drill.day import Day, opened, say
from worker.aws.dynamodb import chunks
from worker.aws.state import DynamoState
from worker.local.embedded_aws import emulator
from worker.local.processes import child, restock
from worker.schema import read_event
from worker.sources.files import open_sales

Row = dict[str, Any]
Figures = tuple[dict[int, tuple[int, ...]], int, int, int]

SHARE_BEFORE, SHARE_LATE, LOST_EVERY = 0.9, 0.002, 3
LATE_AFTER = 0.3  # of the file: in a file of a year, far more than the 35 days after which a sale is late
KILLS = 5
SETTLED_WITHIN_S = 3_600.0
LAG_S = 3.0
PACE_S = 1.0
NOW = int(time.time() * 1000)
NO_DAY = -(10**6)


async def play(day: Day, rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """The whole drill; AssertionError says what is not exact."""
    chance = Random(seed)
    arriving, lake_only = _delayed(rows, chance)
    cut = int(len(arriving) * SHARE_BEFORE)
    day.lake.mkdir()
    _keep(day, "before", [row for row, _ in arriving[:cut]])
    began = time.monotonic()
    async with day.worker(restock("run"), "first"):
        for some in chunks([row for row, _ in arriving[:cut]], 20_000):
            await day.sell_only(some)
            await day.settled(SETTLED_WITHIN_S)
    say(f"{cut:,} of {len(arriving):,} sales counted in {time.monotonic() - began:.0f} s")
    products = sorted({row["product_id"] for row, _ in arriving[:cut]})
    late_products = {row["product_id"] for row, late in arriving if late}
    lost = [name for name in products if name not in late_products][::LOST_EVERY]
    await _take_away(day, lost)
    say(f"the states of {len(lost):,} of {len(products):,} products are taken away; {lake_only:,} sales came late")
    async with day.worker(restock("run"), "second"), asyncio.TaskGroup() as tasks:
        live = tasks.create_task(_sell_the_rest(day, [row for row, _ in arriving[cut:]]))
        kills = await _killed_rebuilds(day, chance)
        meanwhile = not live.done()
        await day.command("rebuild", "rebuild", "--from", str(day.lake), "--lag", str(LAG_S), "--yes")
        meanwhile = meanwhile and not live.done()
        await live
        await day.settled(SETTLED_WITHIN_S)
        await day.command("verify", "rebuild", "--from", str(day.lake), "--verify")
        await day.command("merge", "rebuild", "--from", str(day.lake), "--include-late", "--yes")
    assert day.figures["verify"].get("late", 0) == lake_only, (day.figures["verify"], lake_only)
    differing = await _differing(day, rows)
    assert not differing, differing[:5]
    return {**day.figures, "sales": len(rows), "products": len(products), "kills": kills, "sold_meanwhile": meanwhile}


def _delayed(rows: Sequence[Row], chance: Random) -> tuple[list[tuple[Row, bool]], int]:
    """The rows as they arrive, and whether each is one that came too late; and how many did.

    A product's newest day must be known to be newer by then, so only products that sell on are delayed."""
    moved, kept = defaultdict(list), []
    shift = int(len(rows) * LATE_AFTER)
    for place, row in enumerate(rows):
        if chance.random() < SHARE_LATE and place + shift < len(rows) * SHARE_BEFORE:
            moved[place + shift].append(row)
        else:
            kept.append((place, row))
    arriving: list[tuple[Row, bool]] = []
    newest: dict[str, int] = {}
    late = 0
    for place, row in kept:
        for delayed in moved.pop(place, ()):
            too_late = _day(delayed) < newest.get(delayed["product_id"], NO_DAY) - HORIZON_DAYS
            late += too_late
            arriving.append((delayed, too_late))
        arriving.append((row, False))
        newest[row["product_id"]] = max(newest.get(row["product_id"], NO_DAY), _day(row))
    arriving += [(row, False) for rest in moved.values() for row in rest]
    return arriving, late


def _day(row: Row) -> int:
    return read_event(dict(row), None, "row", NOW).occurred_at // MS_PER_DAY


def _keep(day: Day, name: str, rows: Sequence[Row]) -> None:
    """What the shop's data lake has of them."""
    partly = day.lake / f"{name}.part"
    partly.write_text("".join(json.dumps(row) + "\n" for row in rows))
    partly.replace(day.lake / f"{name}.jsonl")


async def _sell_the_rest(day: Day, rows: Sequence[Row]) -> None:
    for number, some in enumerate(chunks(rows, 200)):
        await day.sell_only(some)
        _keep(day, f"live-{number:05}", some)
        await asyncio.sleep(PACE_S)


async def _take_away(day: Day, products: Sequence[str]) -> None:
    """Every item of their states, as if a table had been restored without them."""
    dynamodb, table = day.clients.dynamodb, day.settings.state_table
    gone = {f"P#{name}" for name in products}
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
    keys = [item async for page in pages for item in page["Items"] if item["pk"]["S"] in gone]
    for some in chunks(keys, 25):
        await dynamodb.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key}} for key in some]})


async def _killed_rebuilds(day: Day, chance: Random) -> int:
    """How many runs of the rebuild were killed before one would have ended."""
    command = restock(
        "rebuild", "--from", str(day.lake), "--lag", str(LAG_S), "--yes", "--work", str(day.folder / "work")
    )
    for number in range(KILLS):
        async with child(f"rebuild {number}", command, day.environment, day.folder / f"killed-{number}.log") as run:
            try:
                await asyncio.wait_for(run.process.wait(), 3 + chance.random() * 20)
            except TimeoutError:
                run.kill()
                await run.process.wait()
                continue
            assert run.process.returncode == 0, run.log.read_text()
            return number
    return KILLS


async def _differing(day: Day, rows: Sequence[Row]) -> list[str]:
    """Products whose state is not that of the worker's own fold of all sales, in the order of time."""
    sold = defaultdict(list)
    for row in rows:
        event = read_event(dict(row), None, "row", NOW)
        sold[event.product].append(event)
    store, found = DynamoState(day.clients.dynamodb, day.settings.state_table, 30.0), []
    for some in chunks(sorted(sold), 100):
        for key, state in (await store.load(list(some))).items():
            if _figures(state) != _figures(_folded(key, sold[key])):
                found.append(key.product_id)
    return found


def _folded(key: ProductKey, events: Sequence[Any]) -> ProductState:
    product = OpenProduct(ProductState(key))
    outcomes = product.take(events)
    assert Outcome.LATE not in outcomes
    return product.closed(NOW).state


def _figures(state: ProductState) -> Figures:
    days = {day: tuple(bucket) for day, bucket in state.buckets.items()}
    return days, state.newest_day, state.sales, state.units


def main() -> int:
    for name in [name for name in os.environ if name.startswith("RESTOCK_")]:
        del os.environ[name]
    parser = argparse.ArgumentParser(prog="python -m drill.whole_file", description=__doc__)
    parser.add_argument("sales", type=Path, help="a file of sales")
    parser.add_argument("--limit", type=int, help="the first so many only")
    parser.add_argument("--seed", type=int, default=8, help="what is late, and when it is killed (%(default)s)")
    chosen = parser.parse_args()
    rows = [dict(row) for row in open_sales(chosen.sales).rows][: chosen.limit]
    folder = Path(tempfile.mkdtemp(prefix="restock-drill-"))
    say(f"{len(rows):,} sales of {chosen.sales.name}, over {emulator()}; logs and reports: {folder}")

    async def run() -> dict[str, Any]:
        async with opened(len(rows), 0, 0, chosen.seed, folder) as day:
            return await play(day, rows, chosen.seed)

    try:
        figures = asyncio.run(run())
    except AssertionError as exc:
        say(f"NOT EXACT: {str(exc)[:2_000]}")
        return 1
    say(json.dumps(figures, indent=2))
    say(f"exact: the states of {figures['products']:,} products are those of the worker's own fold, bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
