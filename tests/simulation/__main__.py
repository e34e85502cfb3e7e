"""The command line of the simulation: seeds of the swarm, or every accident of two small scenarios."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial

from rich.console import Console

from simulation.accidents import accidents, stream_accidents
from simulation.many import accident_outcome, all_of, opener, seed_outcome, tell
from simulation.run import Opener, run
from simulation.scenario import Accident, Scenario, swarm, with_accident

DESCRIPTION = """\
Runs the production worker against an in-memory AWS in virtual time, breaks what may break, heals it, and checks that
every accepted event was counted once, every order was needed and published, and nothing is left to do. One seed is one
run, the same every time."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 if everything held."""
    asked = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    if asked.trace:
        scenario, name = (
            (with_accident(asked.accident), f"{asked.accident}")
            if asked.accident
            else (swarm(asked.first), asked.first)
        )
        seed = 0 if asked.accident else asked.first
        return _traced(scenario, str(name), console, opener(asked.wire, seed))
    of_accident, of_seed = partial(accident_outcome, wire=asked.wire), partial(seed_outcome, wire=asked.wire)
    if asked.accident:
        return tell([of_accident(asked.accident)], 1, console, _named("accident"))
    if asked.exhaustive:
        planned = accidents(asked.every) + stream_accidents(asked.every)
        return min(1, tell(all_of(of_accident, planned, asked.jobs), len(planned), console, _named("accident")))
    seeds = range(asked.first, asked.first + asked.seeds)
    return min(1, tell(all_of(of_seed, seeds, asked.jobs), len(seeds), console, _named("seed")))


def _named(what: str) -> Callable[[int], str]:
    return lambda count: f"{count} {what}{'s' * (count != 1)}"


def _traced(scenario: Scenario, name: str, console: Console, opened: Opener) -> int:
    """One run with everything that the workers log; a failure is raised as it is."""
    figures, trace = run(scenario, opened, told=partial(print, file=sys.stdout))
    console.print(figures.line(name, 0))
    console.print(f"trace {trace:08x}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("simulation", description=DESCRIPTION)
    parser.add_argument("--seeds", type=_count, default=200, help="how many seeds (default: %(default)s)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default: %(default)s)")
    parser.add_argument(
        "--exhaustive",
        action="store_true",
        help="instead: two small scenarios, one with a stream, with a kill -9 and with a SIGTERM before every "
        "scheduling step, and with every fate for every call",
    )
    parser.add_argument("--every", type=_count, default=1, help="with --exhaustive: only every n-th of them")
    parser.add_argument(
        "--accident",
        type=_accident,
        metavar="KIND:AT[:stream]",
        help="instead: one accident of a small scenario, as kill:137",
    )
    parser.add_argument(
        "--wire",
        action="store_true",
        help="with the real AWS client library in between: the same runs, more slowly "
        "(without: every odd seed by the worker's own lane, the others with nothing in between)",
    )
    parser.add_argument(
        "--trace", action="store_true", help="of one run: print what the workers log, with virtual time"
    )
    parser.add_argument(
        "--jobs", type=_count, default=os.cpu_count() or 1, help="runs side by side (default: one a core, %(default)s)"
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _accident(text: str) -> Accident:
    kind, _, place = text.partition(":")
    at, _, scenario = place.partition(":")
    return Accident(kind, _count(at), scenario == "stream")


if __name__ == "__main__":
    sys.exit(main())
