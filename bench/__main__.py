"""How fast is Restock beside what one would use instead?

Runs the groups that were asked for, writes their rows to bench/results/latest.json, draws them, and brings the table
of docs/performance.md up to date. A peer that cannot be installed is left out loudly; the exit code is 0 only if both
sides of every row did the same work."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.picture import draw
from bench.rows import GROUPS, RESULTS, Disagreement, Row, merge, read, rows_of, write
from bench.table import PAGE, put_table, table

RUNS_MIN = 5

console = Console(stderr=True, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _read(arguments)
    kept, failed = read(chosen.json), []
    for group in chosen.groups:
        try:
            rows = _measure(group, chosen.runs, chosen.quick)
        except Disagreement as exc:
            console.print(Text(f"{group}: WRONG, no figures: {exc}", style="bold red"))
            failed.append(group)
            continue
        except Exception:  # noqa: BLE001 - one group that broke must not lose what the others measured
            console.print(Text(f"{group}: BROKEN, no figures\n{traceback.format_exc()}", style="bold red"))
            failed.append(group)
            continue
        kept = merge(kept, group, rows, chosen.runs, chosen.quick)
        _keep(kept, chosen.json)
    sys.stdout.write(table(kept) + "\n")
    return 1 if failed else 0


def _measure(group: str, runs: int, quick: bool) -> list[Row]:
    module = importlib.import_module(f"bench.{group}.run")
    with console.status(group) as status:

        def tell(line: str) -> None:
            status.update(f"{group}: {line}")
            if not console.is_terminal or line.startswith("skipped"):
                console.print(Text(f"{group}: {line}"))

        measured = module.rows(runs, quick, tell)
        if inspect.isawaitable(measured):
            measured = asyncio.run(_awaited(measured))
    rows: list[Row] = measured
    return rows


async def _awaited(measured: Any) -> Any:
    return await measured


def _keep(kept: dict[str, Any], path: Path) -> None:
    """Writes what there is after each group: a run that is cut short keeps what it has."""
    write(kept, path)
    path.with_suffix(".svg").write_text(draw(rows_of(kept)))
    if path == RESULTS:
        put_table(kept, PAGE)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--groups", default=",".join(GROUPS), help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--runs", type=int, default=RUNS_MIN, help="interleaved runs of each side; the medians count")
    parser.add_argument("--quick", action="store_true", help="a short trial: smaller loads, figures not to be quoted")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the rows go; the picture goes beside it")
    chosen = parser.parse_args(arguments)
    chosen.groups = [name.strip() for name in chosen.groups.split(",") if name.strip()]
    unknown = [name for name in chosen.groups if name not in GROUPS]
    if unknown or not chosen.groups:
        parser.error(f"--groups: {', '.join(unknown) or 'none'} is not among {', '.join(GROUPS)}")
    if chosen.runs < 1:
        parser.error("--runs must be at least 1")
    chosen.json = chosen.json.resolve()
    return chosen


if __name__ == "__main__":
    sys.exit(main())
