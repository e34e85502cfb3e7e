"""Does everything stay exact while workers die and the network breaks? One command, one answer."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos.figures import Figures
from chaos.run import Phase, run
from worker.local.embedded_aws import CREDENTIALS, emulator

EPILOG = """\
What it does: real `restock run` processes work on a real server through a TCP proxy each, which delays, cuts and
swallows requests, before or after their effect. Meanwhile workers are killed with -9, stopped with SIGTERM as deploys
do, frozen, and cut off all together. The input has about 10 % duplicates, lines that are no sale, and ids used twice.
Then all heals; when queue and outbox are empty and nothing is undecided, the tables are compared with a twin made of
plain dictionaries: sales, units and every daily sum; orders committed and orders published; what lies in quarantine.

What a seed repeats: the sales, the blows and their seconds, the fate of the n-th request of each kind that a
worker makes. Not how they meet: the workers are real processes on a real clock. A seed that failed once fails often,
not always.

Exit code 0 and `1 passed, 0 failed`; or 1, with everything that is lost or counted twice and the command to repeat it.
"""
SHOWN_MAX = 40
TRIED_FROM_S = 30.0  # a shorter run need not meet everything


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def options() -> argparse.Namespace:
    """What the caller chose."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Kills workers and breaks their network, then proves that every sale was counted once.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, help="what everything is drawn from (default: a new one)")
    parser.add_argument("--seconds", type=float, default=60, help="under fire, on a standard queue (default: 60)")
    parser.add_argument("--fifo-seconds", type=float, default=15, help="the same on a FIFO queue; 0: not (default: 15)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (default: 3)")
    parser.add_argument("--rate", type=float, default=30, help="new sales a second (default: 30)")
    parser.add_argument("--keep", action="store_true", help="keep the workers' logs even if all is well")
    chosen = parser.parse_args()
    if chosen.seconds < 0 or chosen.fifo_seconds < 0 or chosen.workers < 1 or chosen.rate <= 0:
        parser.error("seconds must not be negative, workers and rate must be positive")
    if not chosen.seconds + chosen.fifo_seconds:
        parser.error("nothing to do: both phases last 0 s")
    return chosen


def main() -> int:
    chosen = options()
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 1_000_000
    for name in [name for name in os.environ if name.startswith("RESTOCK_")]:
        del os.environ[name]  # The settings are part of the experiment.
    os.environ.update(CREDENTIALS)
    folder = Path(tempfile.mkdtemp(prefix="restock-chaos-"))
    phases = [
        Phase(name, seed, seconds, chosen.workers, chosen.rate)
        for name, seconds in (("standard", chosen.seconds), ("fifo", chosen.fifo_seconds))
        if seconds
    ]
    figures, found = Figures(), []
    say(f"seed {seed}: {', '.join(f'{p.name} {p.seconds:g} s' for p in phases)}; logs in {folder}")
    for phase in phases:
        (folder / phase.name).mkdir()
        found += asyncio.run(run(phase, folder / phase.name, figures, say))
    if chosen.seconds >= TRIED_FROM_S:
        found += figures.untried()
    say(figures.line(seed, " + ".join(f"{p.name} {p.seconds:g} s" for p in phases), chosen.workers, emulator()))
    if not found:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
        say("1 passed, 0 failed")
        return 0
    for line in found[:SHOWN_MAX]:
        say(f"- {line}")
    if len(found) > SHOWN_MAX:
        say(f"- and {len(found) - SHOWN_MAX} more")
    again = f"--seconds {chosen.seconds:g} --fifo-seconds {chosen.fifo_seconds:g} --workers {chosen.workers}"
    say(f"logs: {folder}")
    say(f"again: PYTHONPATH=tests python -m chaos --seed {seed} {again} --rate {chosen.rate:g}")
    say("0 passed, 1 failed")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
