"""How are many runs made, and told of?

Runs share nothing, so every core takes its own. A failure is told with the command that repeats just that run."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulation.clients import direct_clients
from simulation.figures import Figures
from simulation.run import Opener, let_go, run
from simulation.scenario import Accident, Scenario, swarm, with_accident
from simulation.wire import lane_clients, wired_clients

COMMAND = "PYTHONPATH=tests .venv/bin/python -m simulation"
PLAIN_LINES = 10

What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Outcome:
    """name: what was run. reason: None if everything held, else what did not. again: the command that repeats it."""

    name: str
    figures: Figures
    reason: str | None
    again: str


def seed_outcome(seed: int, *, wire: bool = False) -> Outcome:
    """One seed of the swarm."""
    again = f"{COMMAND} --from {seed} --seeds 1 --trace"
    return outcome(f"seed {seed}", swarm(seed), by_wire(again, wire), opener(wire, seed))


def accident_outcome(accident: Accident, *, wire: bool = False) -> Outcome:
    """A small scenario with one accident in it."""
    again = f"{COMMAND} --accident {accident} --trace"
    return outcome(str(accident), with_accident(accident), by_wire(again, wire), opener(wire))


def opener(wire: bool, seed: int = 0) -> Opener:
    """The clients of a run. By wire they are the library's, which is four times as slow as nothing in between; without
    it the hot calls of every other seed go by the worker's own lane, which is twice as slow. The run is the same."""
    if wire:
        return wired_clients
    return lane_clients if seed % 2 else direct_clients


def by_wire(command: str, wire: bool) -> str:
    """The command that repeats a run with the same clients."""
    return f"{command} --wire" if wire else command


def outcome(name: str, scenario: Scenario, again: str, opened: Opener = direct_clients) -> Outcome:
    """What came of one run."""
    figures, reason = _judged(scenario, opened)
    if reason is not None:
        let_go()  # the failure held on to all of it
    return Outcome(name, figures, reason, again)


def _judged(scenario: Scenario, opened: Opener) -> tuple[Figures, str | None]:
    try:
        return run(scenario, opened)[0], None
    except Exception as exc:  # noqa: BLE001 - whatever a run ends with is what is to be told
        where = traceback.extract_tb(exc.__traceback__)[-1]
        return Figures(), f"{type(exc).__name__}: {exc} ({where.name}, line {where.lineno})"


def all_of(one: Callable[[What], Outcome], these: Iterable[What], jobs: int) -> Iterator[Outcome]:
    """The outcomes, in order, on so many cores."""
    if jobs == 1:
        yield from map(one, these)
        return
    # A fresh interpreter a core: nothing that the parent has open or configured is there twice.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(one, these, chunksize=4)


def tell(outcomes: Iterable[Outcome], count: int, console: Console, counted: Callable[[int], str]) -> int:
    """Prints each failure as it comes, then the line of figures and `N passed, 0 failed`; returns how many failed.
    counted names so many runs."""
    total, failed = Figures(), 0
    with _bar(console, count) as advance:
        for each in outcomes:
            total.add(each.figures)
            if each.reason is not None:
                failed += 1
                console.print(
                    f"[red]{each.name}[/]: {each.reason}\n  again: {each.again}", highlight=False, soft_wrap=True
                )
            advance()
    console.print(total.line(counted(count), failed), highlight=False, soft_wrap=True)
    console.print(f"{count - failed} passed, {failed} failed", highlight=False)
    return failed


@contextmanager
def _bar(console: Console, count: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; elsewhere a plain line now and then."""
    if console.is_terminal:
        columns = (TextColumn("simulated"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=count)
            yield partial(bar.advance, task)
        return
    done = itertools.count(1)

    def plain() -> None:
        number = next(done)
        if number * PLAIN_LINES // count > (number - 1) * PLAIN_LINES // count and count > PLAIN_LINES:
            console.print(f"{number:,} of {count:,}", highlight=False)

    yield plain
