"""Does the runbook bring everything back? One command, one answer: `make drill`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from drill.day import opened, say
from worker.local.embedded_aws import emulator


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drill", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="sales of the day (%(default)s)")
    parser.add_argument("--products", type=int, default=100, help="of so many products (%(default)s)")
    parser.add_argument("--poisoned", type=float, default=0.03, help="share of all sales (%(default)s)")
    parser.add_argument("--seed", type=int, default=8, help="what the sales are drawn from (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep logs and reports even if all is well")
    return parser.parse_args()


async def play(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    # All of the poisoned are sold while the bad deploy is there, which is two fifths of the day.
    per_thousand = round(chosen.poisoned * 1_000 / 0.4)
    async with opened(chosen.events, chosen.products, per_thousand, chosen.seed, folder) as day:
        return await day.play()


def main() -> int:
    for name in [name for name in os.environ if name.startswith("RESTOCK_")]:
        del os.environ[name]
    chosen = options()
    folder = Path(tempfile.mkdtemp(prefix="restock-drill-"))
    say(f"{chosen.events:,} sales, {chosen.poisoned:.1%} of them poisoned, over {emulator()}")
    try:
        figures = asyncio.run(play(chosen, folder))
    except AssertionError as exc:
        say(f"NOT EXACT: {str(exc)[:2_000]}\nlogs and reports: {folder}")
        return 1
    say(json.dumps(figures, indent=2))
    say(f"exact: all {figures['events']:,} sales count once, as they were")
    say(
        f"RPO 0 sales (none lost, none counted twice); RTO {figures['rto_s']:.1f} s from the first command to the proof"
    )
    if not chosen.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
