"""What will go wrong, and when?

All of it is drawn from the seed before the run: which blow falls on which worker at which second, and what becomes of
the n-th request of each kind that a worker makes. How these meet is not repeatable."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import NamedTuple

FIRST_BLOW_S = 1.0
GAP_S = (1.2, 4.0)


class Fate(Enum):
    """What becomes of a request: BEFORE it was forwarded, or AFTER the server began to answer, when its effect has
    happened. A cut breaks the connection, a loss leaves the caller waiting, a kill ends the worker with -9 at this very
    moment. HALVED: half of the answer arrives."""

    PASSED = "passed"
    DELAYED = "delayed"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    HALVED = "halved"
    LOST_BEFORE = "lost before"
    LOST_AFTER = "lost after"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


LOST = (Fate.LOST_BEFORE, Fate.LOST_AFTER)
KILLED = (Fate.KILLED_BEFORE, Fate.KILLED_AFTER)
# fate -> weight. Requests that change something are handled more roughly: there lie the moments that matter. Were all
# treated so, the workers would hardly ever be connected.
GENTLE = {
    Fate.PASSED: 0.92,
    Fate.DELAYED: 0.05,
    Fate.CUT_BEFORE: 0.01,
    Fate.CUT_AFTER: 0.012,
    Fate.HALVED: 0.004,
    Fate.LOST_BEFORE: 0.002,
    Fate.LOST_AFTER: 0.002,
}
ROUGH = {
    Fate.PASSED: 0.73,
    Fate.DELAYED: 0.08,
    Fate.CUT_BEFORE: 0.05,
    Fate.CUT_AFTER: 0.08,
    Fate.HALVED: 0.02,
    Fate.LOST_BEFORE: 0.01,
    Fate.LOST_AFTER: 0.02,
    Fate.KILLED_BEFORE: 0.005,
    Fate.KILLED_AFTER: 0.005,
}
# Rare: one call publishes many orders.
ROUGHEST = {**ROUGH, Fate.PASSED: 0.64, Fate.KILLED_BEFORE: 0.05, Fate.KILLED_AFTER: 0.05}
WEIGHTS = {
    "TransactWriteItems": ROUGH,
    "BatchWriteItem": ROUGH,
    "DeleteMessageBatch": ROUGH,
    "PutEvents": ROUGHEST,
}


class Destiny(NamedTuple):
    """The fate of one request; wait_s is how long a delayed one waits."""

    fate: Fate
    wait_s: float = 0.0


class Kind(Enum):
    """KILL: kill -9. STOP: SIGTERM, as a deploy sends it. FREEZE: SIGSTOP, and later SIGCONT: a worker that comes back
    and believes that its messages are still its own. OUTAGE: no worker reaches anything."""

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    OUTAGE = "outage"


# kind -> (weight, shortest and longest duration in seconds)
KINDS = {
    Kind.KILL: (0.40, (0.0, 0.0)),
    Kind.STOP: (0.43, (0.0, 0.0)),
    Kind.FREEZE: (0.07, (2.0, 13.0)),
    Kind.OUTAGE: (0.10, (0.5, 3.0)),
}


class Blow(NamedTuple):
    at_s: float
    kind: Kind
    slot: int
    lasts_s: float


def destinies(seed: int, name: str, operation: str) -> Iterator[Destiny]:
    """The fates of the requests of one kind that one worker makes, in their order, for ever."""
    chance = Random(f"restock chaos requests {seed} {name} {operation}")
    weights = WEIGHTS.get(operation, GENTLE)
    while True:
        fate = chance.choices(list(weights), list(weights.values()))[0]
        # Short waits are usual, now and then one is longer than any commit may take.
        yield Destiny(fate, min(4.0, chance.expovariate(5.0)) if fate is Fate.DELAYED else 0.0)


def blows(seed: int, name: str, seconds: float, workers: int) -> list[Blow]:
    """Every blow of a phase, in order."""
    chance = Random(f"restock chaos blows {seed} {name}")
    kinds, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
    planned: list[Blow] = []
    at_s = FIRST_BLOW_S
    while at_s < seconds:
        kind = chance.choices(kinds, weights)[0]
        planned.append(Blow(at_s, kind, chance.randrange(workers), chance.uniform(*KINDS[kind][1])))
        at_s += chance.uniform(*GAP_S)
    return planned
