"""Who does the work, and who starts it again when it dies?

As many processes of `restock run` as were asked for, with the same settings, and none knows of the others. One that
ends is started again, as ECS would do it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from worker.local.observed import Observed
from worker.local.processes import Child, restock, start
from worker.local.progress import say

AGAIN_AFTER_S = 1.0
STOP_S = 90.0


@dataclass(slots=True)
class Workers:
    """The workers of a run, numbered from 1. first_alone: settings of the first one, which serves the page. died says
    that one has ended by itself; whoever saw to it resets it."""

    count: int
    folder: Path
    environment: dict[str, str]
    observed: Observed
    first_alone: dict[str, str] = field(default_factory=dict)
    died: bool = False
    _running: dict[int, Child] = field(default_factory=dict)
    _stopping: bool = False

    async def keep(self) -> None:
        """Starts every worker, and again whenever one ends, until they are stopped."""
        await asyncio.gather(*(self._keep(number) for number in range(1, self.count + 1)))

    async def _keep(self, number: int) -> None:
        name = "worker" if self.count == 1 else f"worker {number}"
        environment = {**self.environment, **(self.first_alone if number == 1 else {})}
        log = self._file("worker", number)
        while not self._stopping:
            worker = await start(name, restock("run"), environment, log, listened=True)
            self._running[number] = worker
            if self._stopping:  # while it was being started
                await worker.stop()
                return
            say(f"{name} started, pid {worker.process.pid}, log {log}")
            await self._listen(number, worker)
            code = await worker.process.wait()
            self.observed.ended(number)
            if not self._stopping:
                self.died = True
                say(f"{name} ended with code {code}: starting it again")
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _listen(self, number: int, worker: Child) -> None:
        with self._file("metrics", number).open("a") as kept:
            async for line in worker.lines():
                self.observed.read(line, number)
                kept.write(line)

    def _file(self, what: str, number: int) -> Path:
        return self.folder / (f"{what}.log" if number == 1 else f"{what}-{number}.log")

    def kill_first(self) -> None:
        """Ends the first one at once, as a crash would."""
        if 1 in self._running:
            self._running[1].kill()

    async def stop(self) -> None:
        """Lets all of them finish what they have, at the same time; none is started again."""
        self._stopping = True
        await asyncio.gather(*(worker.stop(STOP_S) for worker in self._running.values()))

    def kill(self) -> None:
        """Ends whatever still runs, at once."""
        self._stopping = True
        for worker in self._running.values():
            worker.kill()
