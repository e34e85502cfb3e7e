"""What would asyncio do if time, order and death were ours to decide?

One thread, no real input or output, a clock that jumps to the next timer. A process is a context variable: every
callback runs in the context of the process that asked for it, so that `kill -9` is to run none of them ever again:
no `finally`, no `__aexit__`, nothing. The same seed gives the same run."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any
from zlib import crc32

PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Stuck(AssertionError):
    """Nothing can ever run again, or the run has used up its time."""


class Process:
    """One simulated operating system process. A frozen one runs nothing for a while and then goes on as if nothing had
    happened, as a paused virtual machine does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen_until = 0.0
        self.steps = 0
        self.tasks: list[asyncio.Task[Any]] = []

    def kill(self) -> None:
        self.dead = True

    def forget(self) -> None:
        """Lets go of its tasks."""
        for task in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.tasks.clear()

    def run(self, loop: SimulatedLoop, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Starts work as this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context.run(loop.create_task, work)


class _Task(asyncio.Task[Any]):
    """asyncio keeps tasks in sets, and goes through them in the order of their hashes: here by their numbers, not by
    where they happen to lie in memory."""

    def __init__(self, number: int, coro: Any, **said: Any) -> None:
        self._number = number
        super().__init__(coro, **said)

    def __hash__(self) -> int:
        return self._number


class SimulatedLoop(asyncio.AbstractEventLoop):
    """before_step, if set, is asked before every callback of a process and may kill it. failure, once set, ends the
    run. trace is a digest of everything that ran: when, of which process, what."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.Handle]] = []
        self._scheduled = 0
        self._tasks = 0
        self._now = 0.0
        self._running = False
        self._closed = False
        self.steps = 0
        self.trace = 0
        self.before_step: Callable[[Process], None] | None = None
        self.failure: BaseException | None = None

    def time(self) -> float:
        return self._now

    def note(self, text: str) -> None:
        """Makes something part of the trace."""
        self.trace = crc32(text.encode(), self.trace)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self._closed:
            self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self._closed:
            self._scheduled += 1
            heapq.heappush(self._timers, (when, self._scheduled, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        self._tasks += 1
        task: asyncio.Task[Any] = _Task(self._tasks, coro, loop=self, name=name, context=context)
        process = PROCESS.get()
        if process is not None:
            process.tasks.append(task)
        return task

    def run_in_executor(self, executor: object, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """There are no threads: what a library would read in one is read at once."""
        future = self.create_future()
        try:
            future.set_result(function(*args))
        except Exception as exc:  # noqa: BLE001 - it belongs to whoever awaits the future
            future.set_exception(exc)
        return future

    def run_until_complete(self, work: Any, deadline_s: float = float("inf")) -> Any:
        """Runs until work is done; raises Stuck past deadline_s of virtual time."""
        asyncio._set_running_loop(self)
        self._running = True
        try:
            main = self.create_task(work)
            while not main.done():
                self._step(deadline_s)
                if self.failure is not None:
                    raise self.failure
            return main.result()
        finally:
            self._running = False
            asyncio._set_running_loop(None)

    def _step(self, deadline_s: float) -> None:
        if not self._ready:
            self._jump(deadline_s)
        handle = self._ready.popleft()
        if handle.cancelled():
            return
        context: Context = handle._context  # type: ignore[attr-defined]
        process = context.get(PROCESS)
        if process is not None and not self._may_run(process, handle):
            return
        self.steps += 1
        name = getattr(handle._callback, "__qualname__", "")  # type: ignore[attr-defined]
        self.note(f"{self._now:.9f} {process.name if process else '-'} {name}")
        handle._run()

    def _may_run(self, process: Process, handle: asyncio.Handle) -> bool:
        if process.frozen_until > self._now and not process.dead:
            self._scheduled += 1
            heapq.heappush(self._timers, (process.frozen_until, self._scheduled, handle))
            return False
        if not process.dead:
            process.steps += 1
            if self.before_step is not None:
                self.before_step(process)
        return not process.dead

    def _jump(self, deadline_s: float) -> None:
        """On to the next moment at which anything happens."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Stuck(f"nothing can ever run again after {self._now:.3f} s")
        self._now = max(self._now, self._timers[0][0])
        if self._now > deadline_s:
            raise Stuck(f"not done after {deadline_s:.0f} s")
        while self._timers and self._timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(self._timers)[2])

    def close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An exception that nobody awaited is a finding."""
        if self.failure is None and not self._closed:
            self.failure = context.get("exception") or Stuck(str(context.get("message")))

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio tells of cancelled timers here; they are passed over when they come due."""
