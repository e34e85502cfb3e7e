"""How does the worker live as a process?

It starts and reports live even when AWS cannot be reached yet, keeps trying, stops on SIGTERM or SIGINT with exit
code 0, and ends with code 1 on anything that a restart has to mend, on a second signal, and when draining takes
longer than it may."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from time import monotonic

import structlog
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Clock
from worker.aws.clients import Clients, Endpoints, open_clients, translated
from worker.clock import SystemClock
from worker.collector import spare_the_collector
from worker.health import Health, serving
from worker.receiving import HAND_OVER_S
from worker.runner import Runner
from worker.settings import Settings
from worker.telemetry import configure_logging
from worker.wiring import build

log = structlog.get_logger()

CONNECT_EVERY_S = 5.0
CLOSING_S = 5.0  # to close connections after the drain
SAME_SIGNAL_S = 1.0  # a terminal and a supervisor may each pass on one and the same stop


def read_settings() -> Settings:
    """The settings of the environment; ValueError with one line that names the variable and the reason."""
    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"RESTOCK_{name}: {said}" if name else said) from exc
    except SettingsError as exc:
        raise ValueError(f"{exc}: lists and objects are written as JSON") from exc


def run_worker(settings: Settings) -> int:
    """Runs the worker until it is told to stop; returns the exit code."""
    configure_logging()
    log.info("worker.started", **settings.model_dump())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))
    log.info("worker.stopped")
    return 0


async def _run(settings: Settings) -> None:
    health = Health()
    stopping = Stopping(settings, health)
    endpoints = Endpoints(settings.endpoint_url, settings.runtime_endpoint_url)
    opened = partial(open_clients, settings.region, endpoints, lane=settings.fast_client)
    stopping.listen(asyncio.get_running_loop())
    try:
        async with serving(health, settings.health_host, settings.health_port):
            await work(settings, opened, SystemClock(), stopping.stop, health)
    finally:
        faulthandler.cancel_dump_traceback_later()


class Stopping:
    """What the signals do. The first asks for a drain and sets a deadline for it; a second one ends the process where
    it stands, which is as safe as kill -9: a drain is a courtesy, not a guarantee."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self.stop = asyncio.Event()
        self._health = health
        self._deadline_s = settings.drain_timeout_s + HAND_OVER_S + CLOSING_S
        self._told_at = 0.0

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._told, signum)

    def _told(self, signum: int) -> None:
        if not self.stop.is_set():
            self._told_at = monotonic()
            self._health.draining = True
            self.stop.set()
            # Not the loop's own timer: it must also end a worker whose loop hangs, and says where it hung.
            faulthandler.dump_traceback_later(self._deadline_s, exit=True)
        elif monotonic() - self._told_at > SAME_SIGNAL_S:
            log.warning("worker.stopped_hard", signal=signal.Signals(signum).name)
            os._exit(1)


async def work(
    settings: Settings,
    opened: Callable[[], AbstractAsyncContextManager[Clients]],
    clock: Clock,
    stop: asyncio.Event,
    health: Health,
) -> None:
    """The worker's whole life: connects, works until stop is set, drains. opened gives the clients to work with."""
    async with AsyncExitStack() as owner:
        runner = await _unless_stopped(stop, _connected(settings, opened, clock, owner))
        if runner is None:
            return
        health.watch(runner)
        health.ready = True
        spare_the_collector()
        log.info("worker.ready", health_port=health.port)
        await runner.run(stop)


async def _connected(
    settings: Settings,
    opened: Callable[[], AbstractAsyncContextManager[Clients]],
    clock: Clock,
    owner: AsyncExitStack,
) -> Runner:
    """The wired worker, as soon as its queue can be found; owner closes its clients. They are opened anew for each
    attempt: a client that was made without credentials never gets any."""
    while True:
        try:
            async with AsyncExitStack() as opening:
                with translated("credentials"):
                    clients = await opening.enter_async_context(opened())
                runner = await build(settings, clients, clock)
                owner.push_async_callback(opening.pop_all().aclose)
                return runner
        except (Misconfigured, TransientFailure) as exc:
            log.warning("worker.not_connected", reason=str(exc), retry_in_s=CONNECT_EVERY_S)
        await clock.sleep(CONNECT_EVERY_S)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[None, None, Runner]) -> Runner | None:
    """What the work comes to; None if told to stop before, and then it is cancelled wherever it waits."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
