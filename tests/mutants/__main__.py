"""The command line of the planted bugs: each one planted in a copy of the tree, and hunted."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mutants.hunt import ACCIDENTS_EVERY, FIRST_SEEDS, RATIO_SEEDS, Catch, Hunt
from mutants.mutant import ROOT, Mutant, Rotten
from mutants.planted import PLANTED
from mutants.processes import Unsound
from mutants.report import plain, table, verdict
from mutants.trees import copy

DESCRIPTION = f"""\
Plants one bug at a time in a copy of the tree and tells which layer of the tests sees it first:

  simulation  a seed of the swarm breaks a guarantee: the first {FIRST_SEEDS} seeds, and last of all the rest
  accidents   every {ACCIDENTS_EVERY}th accident of the small scenario breaks one
  ratio       nothing breaks, but a figure over {RATIO_SEEDS} milder seeds is a multiple of what it should be
  test        only a test of the suite, named beside the bug, fails

A bug that nothing sees is a hole in the tests, or no bug. The tree is copied once, at the start, and never changed.
To look at one closely: plant it by hand, and run `-m simulation --from SEED --seeds 1 --trace`."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 if every bug was caught, 1 if one survived, 2 if the sound tree fails or a patch is rotten."""
    asked = _parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    chosen = [mutant for mutant in PLANTED if not asked.only or mutant.name in asked.only]
    if asked.list:
        for mutant in chosen:
            console.print(f"{mutant.name}: {mutant.bug}", markup=False)
        return 0
    started = monotonic()
    try:
        caught = asyncio.run(_hunted(chosen, asked, console))
    except (Rotten, Unsound) as exc:
        console.print(str(exc), markup=False)
        return 2
    console.print(table(caught))
    for line in verdict(caught, monotonic() - started):
        console.print(line, markup=False)
    return 0 if all(catch.caught for catch in caught) else 1


async def _hunted(chosen: list[Mutant], asked: argparse.Namespace, console: Console) -> list[Catch]:
    """What came of each, in their order; told as it comes."""
    with TemporaryDirectory(prefix="mutants-") as folder:
        source = copy(ROOT, Path(folder))
        for mutant in chosen:
            mutant.texts(source)  # a rotten one is told before the others are hunted
        hunt = Hunt(source, asked.seeds, asyncio.Semaphore(asked.jobs), asked.thorough)
        columns = (TextColumn("hunted"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=len(chosen))

            async def one(mutant: Mutant) -> Catch:
                catch = await hunt.catch(mutant)
                bar.advance(task)
                console.print(plain(catch), markup=False)
                return catch

            # Those that may take long first, so that they do not end alone.
            hunts = {m.name: asyncio.ensure_future(one(m)) for m in sorted(chosen, key=_may_take_long, reverse=True)}
            try:
                await asyncio.gather(*hunts.values())
            finally:
                for left in hunts.values():
                    left.cancel()
                await asyncio.gather(*hunts.values(), return_exceptions=True)
        return [hunts[mutant.name].result() for mutant in chosen]


def _may_take_long(mutant: Mutant) -> bool:
    return mutant.ratio is not None or mutant.test is not None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "mutants", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [mutant.name for mutant in PLANTED]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="this bug only; may be repeated")
    parser.add_argument("--list", action="store_true", help="say which bugs there are, and end")
    parser.add_argument(
        "--seeds", type=_count, default=200, help="seeds that a bug must survive at most (default: %(default)s)"
    )
    parser.add_argument(
        "--thorough", action="store_true", help="all the seeds also for bugs that the simulation is said to be blind to"
    )
    parser.add_argument("--jobs", type=_count, default=2, help="bugs hunted side by side (default: %(default)s)")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
