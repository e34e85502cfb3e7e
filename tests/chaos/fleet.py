"""Who starts the workers, and how do they end?

One slot a worker, which is started again whenever it ended, as a service's scheduler would. Only processes that were
started here are ever signalled. A worker that ends by itself is a finding."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.schedule import Blow, Kind
from worker.local.processes import Child, restock, start

RESTARTED_AFTER_S = (0.05, 0.8)
DEADLINE_S = 16.0  # drain, handing over and closing with our settings; then the worker ends itself
STOP_WITHIN_S = 25.0


@dataclass(slots=True)
class Slot:
    """A place for a worker. killed, told_at and frozen speak of the process that runs now."""

    number: int
    environment: Mapping[str, str]
    log: Path
    child: Child | None = None
    killed: bool = False
    told_at: float = 0.0
    frozen: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.running


@dataclass(slots=True)
class Fleet:
    """drains_s: from SIGTERM to the exit, each. ended_hard: drains that the worker itself cut at its deadline."""

    slots: Sequence[Slot]
    chance: Random
    counts: Counter[str] = field(default_factory=Counter)
    drains_s: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    closing: bool = False
    _thawing: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        for slot in self.slots:
            slot.task = asyncio.create_task(self._keep(slot))

    async def _keep(self, slot: Slot) -> None:
        while not self.closing:
            slot.killed, slot.told_at, slot.frozen = False, 0.0, False
            name = f"worker {slot.number}"
            slot.child = await start(name, restock("run"), slot.environment, slot.log)
            self.counts["started"] += 1
            code = await slot.child.process.wait()
            self._note_end(slot, code)
            if not self.closing:
                await asyncio.sleep(self.chance.uniform(*RESTARTED_AFTER_S))

    def _note_end(self, slot: Slot, code: int) -> None:
        if slot.killed:
            return
        if not slot.told_at:
            self.findings.append(f"worker {slot.number} ended by itself with code {code}: see {slot.log}")
            return
        if code == -signal.SIGTERM:
            self.counts["told before it listened"] += 1
            return
        took_s = time.monotonic() - slot.told_at
        self.drains_s.append(took_s)
        if took_s >= DEADLINE_S:
            self.counts["ended hard"] += 1
        elif code != 0:
            self.findings.append(
                f"worker {slot.number} ended a drain of {took_s:.1f} s with code {code}: see {slot.log}"
            )

    def strike(self, blow: Blow) -> None:
        """Deals the blow if there is anybody to feel it. An outage is not ours."""
        slot = self.slots[blow.slot]
        if not slot.running or (blow.kind is not Kind.KILL and (slot.told_at or slot.frozen)):
            self.counts["missed"] += 1
            return
        if blow.kind is Kind.KILL:
            self.kill(blow.slot)
            return
        self.counts[blow.kind.value] += 1
        if blow.kind is Kind.STOP:
            self._tell(slot)
        elif blow.kind is Kind.FREEZE:
            slot.frozen = True
            self._signal(slot, signal.SIGSTOP)
            task = asyncio.create_task(self._thaw_after(slot, slot.child, blow.lasts_s))
            self._thawing.add(task)
            task.add_done_callback(self._thawing.discard)

    def kill(self, number: int) -> None:
        """kill -9, now."""
        slot = self.slots[number]
        if slot.running and not slot.killed:
            self.counts[Kind.KILL.value] += 1
            slot.killed = True
            self._signal(slot, signal.SIGKILL)

    async def _thaw_after(self, slot: Slot, child: Child | None, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if slot.child is child:
            self._thaw(slot)

    def _thaw(self, slot: Slot) -> None:
        if slot.frozen and slot.running:
            self._signal(slot, signal.SIGCONT)
        slot.frozen = False

    def _tell(self, slot: Slot) -> None:
        slot.told_at = time.monotonic()
        self._signal(slot, signal.SIGTERM)

    @staticmethod
    def _signal(slot: Slot, signum: int) -> None:
        if slot.child is not None and slot.running:
            os.kill(slot.child.process.pid, signum)

    def heal(self) -> None:
        for slot in self.slots:
            self._thaw(slot)

    async def close(self) -> None:
        """Stops every worker in order; one that does not end is killed, and that is a finding."""
        self.closing = True
        self.heal()
        for slot in self.slots:
            if slot.running and not slot.told_at:
                self._tell(slot)
        tasks = [slot.task for slot in self.slots if slot.task is not None]
        _, alive = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
        if alive:
            for slot in self.slots:
                if slot.running and slot.task in alive:
                    self.findings.append(f"worker {slot.number} had not ended {STOP_WITHIN_S:.0f} s after SIGTERM")
                    slot.killed = True
                    self._signal(slot, signal.SIGKILL)
            await asyncio.gather(*alive)
        for task in self._thawing:
            task.cancel()
