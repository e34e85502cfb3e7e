"""How does the worker live as a process?

It starts and reports live even when AWS cannot be reached yet, keeps trying, stops on SIGTERM or SIGINT with exit
code 0, and ends with code 1 on anything that a restart has to mend."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import Endpoints, open_clients, translated
from worker.clock import SystemClock
from worker.health import Health, serving
from worker.runner import Runner
from worker.settings import Settings
from worker.telemetry import configure_logging
from worker.wiring import build

log = structlog.get_logger()

CONNECT_EVERY_S = 5.0


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
        raise ValueError(f"{exc}: lists are written as JSON") from exc


def run_worker(settings: Settings) -> int:
    """Runs the worker until it is told to stop; returns the exit code."""
    configure_logging()
    log.info("worker.started", **settings.model_dump())
    asyncio.run(_run(settings))
    log.info("worker.stopped")
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    health = Health()

    def told_to_stop() -> None:
        health.draining = True
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, told_to_stop)
    async with serving(health, "127.0.0.1", settings.health_port), AsyncExitStack() as clients:
        runner = await _unless_stopped(stop, _connected(settings, clients))
        if runner is None:
            return
        health.ready = True
        log.info("worker.ready", health_port=health.port)
        await runner.run(stop)


async def _connected(settings: Settings, owner: AsyncExitStack) -> Runner:
    """The wired worker, as soon as its queue can be found; owner closes its clients. They are opened anew for each
    attempt: a client that was made without credentials never gets any."""
    endpoints = Endpoints(settings.endpoint_url, settings.runtime_endpoint_url)
    while True:
        try:
            async with AsyncExitStack() as opened:
                with translated("credentials"):
                    clients = await opened.enter_async_context(open_clients(settings.region, endpoints))
                runner = await build(settings, clients, SystemClock())
                owner.push_async_callback(opened.pop_all().aclose)
                return runner
        except (Misconfigured, TransientFailure) as exc:
            log.warning("worker.not_connected", reason=str(exc), retry_in_s=CONNECT_EVERY_S)
        await asyncio.sleep(CONNECT_EVERY_S)


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
