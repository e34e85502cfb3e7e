"""Two versions on one queue, through deployments forward, back and forward, with kills. One command, one answer."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from upgrade.rollout import roll_out
from upgrade.versions import ROOT, earlier_release, next_release

from worker.local.embedded_aws import CREDENTIALS, emulator

SHOWN_MAX = 40


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m upgrade", description=__doc__)
    parser.add_argument("--sales", type=int, default=50_000, help="different ones; a tenth is sent twice (50000)")
    parser.add_argument("--kills", type=int, default=8, help="tasks ended with -9 (8)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from-earlier", action="store_true", help="the old version is a fixed earlier commit")
    chosen = parser.parse_args()
    os.environ.update(CREDENTIALS)
    with tempfile.TemporaryDirectory(prefix="restock-upgrade-") as scratch:
        folder = Path(scratch)
        old = earlier_release(folder / "earlier") if chosen.from_earlier else ROOT
        if old is None:
            say("there is no history here to take the earlier commit from")
            return 1
        trees = {"old": old, "new": next_release(folder / "next")}
        outcome = asyncio.run(roll_out(trees, chosen.sales, chosen.kills, folder, say, chosen.seed))
    say(f"{outcome.sales:,} sales sent in {outcome.seconds:.0f} s to {emulator()}; {outcome.orders} orders")
    say(f"{dict(sorted(outcome.counts.items()))}; states while both ran: {dict(outcome.wrote)}")
    for finding in outcome.findings[:SHOWN_MAX]:
        say(f"- {finding}")
    say("1 passed, 0 failed" if not outcome.findings else "0 passed, 1 failed")
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
