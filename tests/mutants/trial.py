"""What do these seeds or accidents come to, in the tree this was imported from?

Runs in a process of its own and prints one line of JSON a run: first where the worker was imported from. The first
failure ends it, unless all are asked for."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TextIO

from simulation.accidents import accidents
from simulation.clients import direct_clients
from simulation.many import Outcome, outcome
from simulation.network import Network, Said, Weather
from simulation.scenario import NEVER, Scenario, small, swarm

import worker
from worker.aws.clients import Clients

DEPLOY_EVERY_S = 30.0
CALLS_MAX = 150_000  # the busiest run of the sound worker makes a tenth of it


class _Counted:
    """A network that counts calls by operation, and ends a run that never would."""

    def __init__(self, network: Network, counts: Counter[str]) -> None:
        self._network = network
        self._counts = counts

    async def call(self, service: str, operation: str, said: Said) -> Said:
        self._counts[operation] += 1
        if self._counts.total() > CALLS_MAX and self._network.loop.failure is None:
            self._network.loop.failure = AssertionError(f"ran away: more than {CALLS_MAX:,} calls")
        return await self._network.call(service, operation, said)


def counted(name: str, scenario: Scenario) -> Outcome:
    """What came of one run; its counts hold the calls of every operation too."""
    counts: Counter[str] = Counter()

    def opened(network: Network) -> AbstractAsyncContextManager[Clients]:
        return _clients(_Counted(network, counts))

    came = outcome(name, scenario, "", opened)
    came.figures.counts.update(counts)
    return came


@asynccontextmanager
async def _clients(network: _Counted) -> AsyncIterator[Clients]:
    async with direct_clients(network) as clients:  # type: ignore[arg-type]
        yield clients


def steady(seed: int) -> Scenario:
    """The seed without any death: what comes twice then does so for another reason."""
    return replace(
        swarm(seed), kill_every_s=NEVER, killed_after_steps=NEVER, freeze_every_s=NEVER, deploy_every_s=NEVER
    )


def deployed(seed: int) -> Scenario:
    """The seed with orderly stops, and many of them, and with nothing else that goes wrong."""
    return replace(steady(seed), deploy_every_s=DEPLOY_EVERY_S, weather=Weather())


SCENARIOS = {"seed": swarm, "steady": steady, "deployed": deployed}


def runs(kind: str, first: int, last: int) -> Iterator[tuple[str, Scenario]]:
    """Names and scenarios. For accidents first is the distance from one to the next, last their number at most."""
    if kind == "accidents":
        for accident in accidents(first)[:last]:
            yield f"{accident.kind} at {accident.at}", small(accident)
        return
    for seed in range(first, last):
        yield f"{kind} {seed}", SCENARIOS[kind](seed)


def main(kind: str, first: str, last: str, out: TextIO) -> None:
    """Prints what the runs come to, until one fails."""
    _say(out, {"worker": worker.__file__})
    for name, scenario in runs(kind, int(first), int(last)):
        came = counted(name, scenario)
        figures = came.figures
        _say(
            out,
            {
                "name": name,
                "reason": came.reason,
                "counts": dict(figures.counts),
                "virtual_s": figures.virtual_s,
                "slowest_drain_s": figures.slowest_drain_s,
            },
        )
        if came.reason is not None:
            return


def _say(out: TextIO, said: Said) -> None:
    print(json.dumps(said), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], out=sys.stdout)
