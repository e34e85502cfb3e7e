"""Which workers live, and how do they die?

Each worker is worker/process.py's whole life with clients of the simulated AWS. kill -9 comes at a moment or at a
step; SIGTERM comes as in a deployment, the replacement before or after; a frozen one wakes up as a zombie. A worker
that ends without being told to, or does not end in time, is a finding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulation.loop import Process, SimulatedLoop
from simulation.scenario import NEVER, Accident, Scenario
from worker.aws.clients import Clients
from worker.health import Health
from worker.process import CLOSING_S, work
from worker.receiving import HAND_OVER_S


class SkewedClock:
    """The production clock's contract over virtual time; skew in milliseconds."""

    def __init__(self, now: Callable[[], int], skew_ms: int) -> None:
        self._now = now
        self._skew_ms = skew_ms

    def now(self) -> int:
        return self._now() + self._skew_ms

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Worker:
    process: Process
    stop: asyncio.Event
    task: asyncio.Task[Any]
    told_at: float | None = None
    was_frozen: bool = False

    @property
    def gone(self) -> bool:
        return self.process.dead or self.task.done()


@dataclass(slots=True)
class Deaths:
    kills: int = 0
    freezes: int = 0
    deploys: int = 0
    drains_s: list[float] = field(default_factory=list)


class Fleet:
    def __init__(
        self,
        scenario: Scenario,
        loop: SimulatedLoop,
        now: Callable[[], int],
        opened: Callable[[], AbstractAsyncContextManager[Clients]],
    ) -> None:
        self._scenario = scenario
        self._loop = loop
        self._now = now
        self._opened = opened
        self._chance = Random(f"restock fleet {scenario.seed}")
        self._started = 0
        self._dies_at: dict[Process, int] = {}
        self._accidents: dict[Process, Accident] = {}
        self._healed = False
        self._closed = False
        self.deaths = Deaths()
        self.workers: list[Worker] = []
        self.all: list[Worker] = []
        loop.before_step = self._maybe_kill

    def start(self) -> None:
        """The first workers, and what will happen to them."""
        for _ in range(self._scenario.workers):
            self._start()
        for every_s, happens in (
            (self._scenario.kill_every_s, self._kill_any),
            (self._scenario.freeze_every_s, self._freeze_any),
            (self._scenario.deploy_every_s, self._deploy),
        ):
            at = 0.0
            while every_s < NEVER and (at := at + self._chance.expovariate(1 / every_s)) < self._scenario.load_s:
                self._loop.call_at(at, happens)

    def heal(self) -> None:
        """From now on nobody is killed."""
        self._healed = True
        self._dies_at.clear()

    def tell_all(self) -> None:
        """SIGTERM to every worker; from now on nobody takes the place of one that died."""
        self._closed = True
        for worker in self.workers:
            self.tell(worker)

    async def gone(self) -> None:
        """Waits for the end of every worker that was told to stop."""
        while any(not worker.gone for worker in self.all):  # noqa: ASYNC110 - the dead set no event
            await asyncio.sleep(1)

    @property
    def processes(self) -> list[Process]:
        return [worker.process for worker in self.all]

    def forget(self) -> None:
        """Lets go of every task, without the warning that it was pending."""
        for worker in self.all:
            worker.process.forget()
        self._dies_at.clear()
        self._accidents.clear()
        self.workers.clear()
        self.all.clear()

    def _start(self) -> None:
        if self._closed:
            return
        self._started += 1
        scenario, process = self._scenario, Process(f"w{self._started}")
        if scenario.killed_after_steps < NEVER and not self._healed:
            self._dies_at[process] = 1 + int(self._chance.expovariate(1 / scenario.killed_after_steps))
        accident = scenario.accident
        if accident is not None and accident.kind in ("kill", "stop") and self._started == 1:
            self._accidents[process] = accident
        skew_ms = int(self._chance.uniform(-1, 1) * scenario.skew_max_s * 1000)
        stop = asyncio.Event()
        life = work(scenario.settings, self._opened, SkewedClock(self._now, skew_ms), stop, Health())
        worker = Worker(process, stop, process.run(self._loop, life))
        worker.task.add_done_callback(lambda task: self._ended(worker))
        self.workers.append(worker)
        self.all.append(worker)

    def _ended(self, worker: Worker) -> None:
        if worker.process.dead:
            return
        worker.process.dead = True  # what it left running ends with it
        error = None if worker.task.cancelled() else worker.task.exception()
        if error is not None or worker.told_at is None:
            self._fail(f"{worker.process.name} ended by itself: {error!r}", error)
            return
        took = self._loop.time() - worker.told_at
        if worker.was_frozen:
            return
        self.deaths.drains_s.append(took)
        if took > self._drained_within_s:
            self._fail(f"{worker.process.name} took {took:.1f} s to drain", None)

    @property
    def _drained_within_s(self) -> float:
        return self._scenario.settings.drain_timeout_s + HAND_OVER_S + CLOSING_S

    def _fail(self, reason: str, cause: BaseException | None) -> None:
        if self._loop.failure is None:
            self._loop.failure = AssertionError(reason)
            self._loop.failure.__cause__ = cause

    def _maybe_kill(self, process: Process) -> None:
        if self._dies_at.get(process) == process.steps:
            self._kill(self._worker_of(process))
        accident = self._accidents.get(process)
        if accident is not None and accident.at == process.steps:
            worker = self._worker_of(process)
            self._kill(worker) if accident.kind == "kill" else self._replace(worker)

    def _worker_of(self, process: Process) -> Worker:
        return next(worker for worker in self.all if worker.process is process)

    def _kill_any(self) -> None:
        alive = [worker for worker in self.all if not worker.gone]
        if alive:
            self._kill(self._chance.choice(alive))

    def _kill(self, worker: Worker) -> None:
        worker.process.kill()
        self.deaths.kills += 1
        if worker in self.workers:
            self.workers.remove(worker)
            self._loop.call_later(self._chance.uniform(0.5, 10), self._start)

    def _freeze_any(self) -> None:
        alive = [worker for worker in self.all if not worker.gone]
        if alive:
            worker = self._chance.choice(alive)
            worker.was_frozen = True
            worker.process.frozen_until = self._loop.time() + self._chance.choice((2.0, 40.0, 200.0))
            self.deaths.freezes += 1

    def _deploy(self) -> None:
        """Replaces every worker that lives now, one after the other."""
        for index, worker in enumerate(list(self.workers)):
            self._loop.call_later(index * 5.0, self._replace, worker)

    def _replace(self, worker: Worker) -> None:
        if worker not in self.workers or worker.gone:
            return
        self.workers.remove(worker)
        self.deaths.deploys += 1
        self._loop.call_later(0.0 if self._scenario.overlap else self._chance.uniform(1, 20), self._start)
        self.tell(worker)

    def tell(self, worker: Worker) -> None:
        """SIGTERM; what has not ended when ECS loses patience is killed."""
        worker.told_at = self._loop.time()
        worker.stop.set()
        self._loop.call_later(120.0, self._lose_patience, worker)

    def _lose_patience(self, worker: Worker) -> None:
        if not worker.gone:
            worker.process.kill()
            if not worker.was_frozen:
                self._fail(f"{worker.process.name} did not drain within 120 s", None)
