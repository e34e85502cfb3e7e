"""What does `restock rebuild` do with a history, and what does it say in the end?

What will be done is said first; nothing is written without a yes. The work folder goes when all is done, and stays when
it is not: the same command goes on with it."""

from __future__ import annotations

import argparse
import asyncio
import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from domain.product import product_label, product_of
from worker.aws.clients import Clients
from worker.clock import SystemClock
from worker.command_frame import agreed, failed, run_command, say, write_summary
from worker.rebuild_verify import Difference
from worker.rebuilding.histories import History, files_history
from worker.rebuilding.item_histories import export_history, table_history
from worker.rebuilding.run import Asked, Rebuilt, rebuild_from
from worker.rebuilding.work import Work
from worker.settings import Settings

SHOWN_MAX = 20
EPOCH = date(1970, 1, 1)
MEANINGS = {
    "equal": "were as history says",
    "swapped": "were replaced",
    "extra": "left alone: the live state counted sales that history lacks (--drop-extra replaces them too)",
    "wrong_now": "left alone: they are still being counted wrongly; end that, and run it again",
    "too_large": "left alone: their ids fit no transaction",
    "refused": "left alone: a newer version of the worker wrote their state",
    "without_history": "left alone: history has nothing of them",
}
ROWS = {
    "duplicates": "rows came again as they were",
    "conflicts": "rows share an id with another sale: the first one counts",
    "late": "sales of history came too late to be counted (--include-late counts them)",
}


def run_history(chosen: argparse.Namespace) -> int:
    """The command for a history in files, in an export, or in a table that is to be folded."""

    async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
        if chosen.from_table in (settings.state_table, settings.leases_table):
            return failed(f"rebuild: {chosen.from_table} is Restock's own table: it holds no sales", 2)
        history = await _history(chosen, settings, clients)
        say(f"{history.plan()}; {chosen.shards} shards, {chosen.processes} processes, work in {chosen.work}")
        if not chosen.verify:
            say(_what_happens(settings.state_table, chosen))
        if not chosen.verify and not await agreed("replace what differs?", yes=chosen.yes):
            return 0
        about = {**history.about(), "state_table": settings.state_table, "verify": chosen.verify}
        about |= {"include_late": chosen.include_late, "drop_extra": chosen.drop_extra}
        folder = Work.begun(chosen.work, about, chosen.shards)
        asked = Asked(not chosen.verify, chosen.include_late, chosen.drop_extra, chosen.processes, chosen.lag)
        rebuilt = await rebuild_from(history, settings, clients, SystemClock(), folder, asked, stop)
        return _closed(chosen, rebuilt, folder)

    if not chosen.from_files:
        return run_command("rebuild", work)
    try:
        from worker.sources.files import UnreadableSales
    except ModuleNotFoundError as exc:
        return failed(f"rebuild --from needs the extra [forecaster]: {exc.name} is missing")
    return run_command("rebuild", work, UnreadableSales)


async def _history(chosen: argparse.Namespace, settings: Settings, clients: Clients) -> History:
    if chosen.from_table:
        return await table_history(
            clients.dynamodb, chosen.from_table, settings.table_fields, chosen.segments, settings.batch_sales
        )
    if chosen.from_export:
        return await export_history(chosen.from_export, clients.s3, clients.dynamodb, settings.table_fields)
    return await files_history(chosen.from_files, clients.s3)


def _what_happens(table: str, chosen: argparse.Namespace) -> str:
    extra = "are replaced too" if chosen.drop_extra else "are left alone"
    late = "are counted" if chosen.include_late else "are not counted"
    return (
        f"each product of {table} whose days are not what history says, with what arrived meanwhile, is replaced,\n"
        f"on the condition that nobody changed it in between. Products with sales that history lacks {extra};\n"
        f"sales that came too late {late}. Workers may go on; they decide what was replaced anew, at the end."
    )


def _closed(chosen: argparse.Namespace, rebuilt: Rebuilt, work: Work) -> int:
    summary = rebuilt.summary()
    write_summary(chosen.report, summary)
    if chosen.report is not None:
        _write_differences(chosen.report / "differences.csv", work)
    say("\n".join(_lines(chosen, rebuilt, work)))
    failure = _failure(chosen, rebuilt)
    if rebuilt.whole:
        work.finish()
    return 0 if failure is None else failed(failure)


def _lines(chosen: argparse.Namespace, rebuilt: Rebuilt, work: Work) -> Iterator[str]:
    counts, rate = rebuilt.counts, rebuilt.counts["rows"] / max(rebuilt.seconds, 0.001)
    yield f"{counts['rows']:,} sales of history, each once, in {rebuilt.seconds:,.1f} s ({rate:,.0f} a second)"
    yield f"{counts['products']:,} products compared"
    if chosen.verify:
        yield f"  {counts['swap']:>12,}  differ"
    yield from (f"  {counts[name]:>12,}  {text}" for name, text in MEANINGS.items() if counts[name] or name == "equal")
    yield from (f"  {counts[name]:>12,}  {text}" for name, text in ROWS.items() if counts[name])
    if rebuilt.refused_rows:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in list(rebuilt.reasons.items())[:3])
        yield f"  {rebuilt.refused_rows:>12,}  rows are no valid sales: {reasons}"
    shown = list(_differences(work, SHOWN_MAX))
    if shown:
        yield f"  {'product':<28}{'day':<12}{'figure':<10}{'history':>12}{'live':>12}"
    for each in shown:
        label = product_label(each.product)
        yield f"  {label:<27} {_day(each):<12}{each.figure:<10}{each.table:>12,}{each.live:>12,}"
    if counts["differences"] > len(shown):
        yield f"  and {counts['differences'] - len(shown):,} more: --report DIR writes them all"


def _failure(chosen: argparse.Namespace, rebuilt: Rebuilt) -> str | None:
    counts = rebuilt.counts
    if not rebuilt.whole:
        return "stopped before the end; the same command goes on"
    alone = sum(counts[name] for name in ("extra", "wrong_now", "too_large", "refused"))
    if chosen.verify and counts["swap"] + alone:
        return f"{counts['swap'] + alone:,} of {counts['products']:,} products differ from history"
    return f"{alone:,} products were left alone, and differ" if alone else None


def _differences(work: Work, limit: int | None = None) -> Iterator[Difference]:
    seen = 0
    for path in sorted((work.folder / "differences").glob("*.csv"), key=lambda path: int(path.stem)):
        with path.open(newline="", encoding="utf-8") as stream:
            for label, day, figure, history, live in csv.reader(stream):
                if seen == limit:
                    return
                seen += 1
                yield Difference(product_of(label), int(day) if day else None, figure, int(history), int(live))


def _write_differences(path: Path, work: Work) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        write = csv.writer(stream).writerow
        write(("product_id", "location_id", "day", "figure", "history", "live"))
        for each in _differences(work):
            product = each.product
            write((product.product_id, product.location_id or "", _day(each), *each[2:]))


def _day(difference: Difference) -> str:
    return "" if difference.day is None else (EPOCH + timedelta(days=difference.day)).isoformat()
