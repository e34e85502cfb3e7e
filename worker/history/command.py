"""What does `restock history` do, and what does it say in the end?"""

from __future__ import annotations

import argparse
import asyncio
import csv
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from domain.product import product_of
from handlers.errors import Misconfigured
from worker.aws.clients import Clients, translated
from worker.clock import SystemClock
from worker.command_frame import failed, run_command, say, write_summary
from worker.history.daily import EPOCH, Window, daily, window_of
from worker.history.page import page
from worker.history.quality import Quality, day_text
from worker.history.sales_query import newest_day, sales_between
from worker.rebuilding.histories import History, Reading, added, files_history
from worker.rebuilding.item_histories import table_history
from worker.rebuilding.rows import read_shard, rows_of
from worker.rebuilding.run import pieces_in
from worker.rebuilding.shadow import Shadow, shadow_of
from worker.rebuilding.work import Work, read_json
from worker.replay.progress import Progress
from worker.settings import Settings
from worker.table_scan import TableScan

SHARDS = 16
OURS = {"command": "history"}


def run_history(chosen: argparse.Namespace) -> int:
    async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
        place = chosen.from_files or chosen.from_table
        if chosen.product:
            shadows, refused = await _queried(chosen, settings, clients)
        else:
            history = await _history(chosen, settings, clients)
            say(history.plan())
            read = await _read(history, chosen.work, stop)
            if read is None:
                return failed("stopped before all was read; run it again")
            shadows, refused = read
        quality = judged(shadows, chosen.months, refused)
        if chosen.stock:
            quality.negative_stock = await negative_stock(clients.dynamodb, settings.inventory_table)
        summary = quality.summary()
        write_summary(chosen.report, summary)
        if chosen.report is not None:
            (chosen.report / "quality.html").write_text(page(summary, place), encoding="utf-8")
            write_daily(chosen.report / "daily.csv", shadows, quality.window)
        say("\n".join(f"  {name:<16}{value:>14}" for name, value in _told(summary)))
        return 0

    if not chosen.from_files:
        return run_command("history", work)
    try:
        from worker.sources.files import UnreadableSales
    except ModuleNotFoundError as exc:
        return failed(f"history --from needs the extra [forecaster]: {exc.name} is missing")
    return run_command("history", work, UnreadableSales)


async def _history(chosen: argparse.Namespace, settings: Settings, clients: Clients) -> History:
    if chosen.from_files:
        return await files_history(chosen.from_files, clients.s3)
    return await table_history(clients.dynamodb, chosen.from_table, settings.table_fields, 4, 1_000)


async def _read(history: History, folder: Path, stop: asyncio.Event) -> tuple[list[Shadow], Counter[str]] | None:
    """The shadows of all shards; None if it was stopped."""
    _clear(folder)
    work, rows = Work.begun(folder, {**OURS, **history.about()}, SHARDS), 0
    with ThreadPoolExecutor(1) as pool, Progress("rows read", None).shown() as progress:

        def told(more: int) -> None:
            nonlocal rows
            rows += more
            progress.reach(rows)

        if not await history.read(Reading(work, pool, 1, SystemClock().now(), stop, told)):
            return None
    said = added([read_json(path) or {} for path in sorted(work.pieces.glob("*.json"))])
    shadows = [shadow_of(read_shard(pieces_in(work), shard)) for shard in range(SHARDS)]
    work.finish()
    return shadows, Counter(said["reasons"])


def _clear(folder: Path) -> None:
    """Removes what a history that was stopped has left. Whatever else is there stays, a rebuild's work included, and is
    refused when the work begins."""
    if OURS.items() <= (read_json(folder / "rebuild.json") or {}).items():
        shutil.rmtree(folder)


async def _queried(
    chosen: argparse.Namespace, settings: Settings, clients: Clients
) -> tuple[list[Shadow], Counter[str]]:
    scan = await TableScan.of(clients.dynamodb, chosen.from_table)
    if len(scan.keys) != 2:
        raise Misconfigured(f"{chosen.from_table} has no sort key: it can only be scanned, without --product")
    now, refused = SystemClock().now(), Counter[str]()
    today = EPOCH + timedelta(days=now // 86_400_000)
    first = date(1970, 1, 1)
    if chosen.months:
        ends = [await newest_day(scan, product, now, settings.table_fields) for product in chosen.product]
        newest = max((end for end in ends if end is not None), default=0)
        # A time with a zone may lie in another day than its key.
        first = EPOCH + timedelta(days=max(0, window_of(newest, chosen.months, 0).first - 1))
    shadows = []
    for product in chosen.product:
        found = sales_between(scan, product, first, today, now, refused, settings.table_fields)
        shadows.append(shadow_of(rows_of([sale async for sale in found])))
    return shadows, refused


def judged(shadows: Sequence[Shadow], months: int | None, refused: Counter[str]) -> Quality:
    """Misconfigured without a single sale."""
    days = [shadow.packed["day"] for shadow in shadows if len(shadow.packed)]
    if not days:
        raise Misconfigured("the history holds no sale")
    oldest, newest = min(int(each.min()) for each in days), max(int(each.max()) for each in days)
    quality = Quality(window_of(newest, months, oldest), refused=refused)
    for shadow in shadows:
        quality.take(shadow)
    return quality


async def negative_stock(dynamodb: Any, table: str) -> list[tuple[str, int]]:
    """Products of the shop's table whose stock is below zero."""
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "current_stock < :zero",
        "ExpressionAttributeValues": {":zero": {"N": "0"}},
    }
    found: list[tuple[str, int]] = []
    while True:
        with translated(f"Scan {table}"):
            answer = await dynamodb.scan(**request)
        for item in answer["Items"]:
            place = item.get("location_id", {}).get("S", "-")
            label = item["product_id"]["S"] + ("" if place == "-" else f"#{place}")
            found.append((label, int(float(item["current_stock"]["N"]))))
        if "LastEvaluatedKey" not in answer:
            return sorted(found, key=lambda each: (each[1], each[0]))
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def write_daily(path: Path, shadows: Sequence[Shadow], window: Window) -> None:
    """Every product on every day of the window; what has no sale in it is left out."""
    with ExitStack() as opened:
        write = csv.writer(opened.enter_context(path.open("w", newline="", encoding="utf-8"))).writerow
        write(("product_id", "location_id", "date", "units", "revenue_minor"))
        for shadow in shadows:
            for sold in shadow.products():
                if not ((sold.days >= window.first) & (sold.days <= window.last)).any():
                    continue
                product_id, location_id = product_of(sold.label)
                for at, (units, revenue) in enumerate(daily(sold, window).tolist()):
                    write((product_id, location_id or "", day_text(window.first + at), units, revenue))


def _told(summary: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, f"{len(value):,}" if isinstance(value, list) else f"{value:,}" if isinstance(value, int) else value)
        for name, value in summary.items()
        if not isinstance(value, dict) and name not in ("outlier_days", "longest_gaps")
    ]
