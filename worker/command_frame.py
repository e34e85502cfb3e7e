"""May it be done, and how does a command begin, stop and end?

What it will do is said first. It is done with --yes, or after a yes on a terminal; where nobody can be asked, nothing
is. Ctrl-C lets what is in hand be settled; a second one ends the process where it stands, which is as safe."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import Clients, Endpoints, open_clients, translated
from worker.process import read_settings
from worker.settings import Settings
from worker.telemetry import configure_logging

FAILURES: tuple[type[Exception], ...] = (Misconfigured, TransientFailure, OSError)
Work = Callable[[Settings, Clients, asyncio.Event], Awaitable[int]]


def run_command(name: str, work: Work, *failures: type[Exception], loud: int = logging.WARNING) -> int:
    """Runs the work with open clients; returns its exit code, or 1 after one line about what failed. loud: the level
    from which the log is shown."""
    try:
        settings = read_settings()
    except ValueError as exc:
        return failed(f"{name}: {exc}", 2)
    configure_logging(loud)
    try:
        return asyncio.run(with_clients(settings, work))
    except KeyboardInterrupt:
        return failed("ended where it stood; run it again, what was counted counts once")
    except FAILURES + failures as exc:
        return failed((str(exc) or type(exc).__name__).splitlines()[0])


async def with_clients(settings: Settings, work: Work, in_hand: str = "what is in hand") -> int:
    """The work's exit code. in_hand: what Ctrl-C says is finished first."""
    stop = asyncio.Event()
    _stop_on_signals(stop, in_hand)
    endpoints = Endpoints(settings.endpoint_url, settings.runtime_endpoint_url)
    async with AsyncExitStack() as opened:
        with translated("credentials"):
            opening = open_clients(settings.region, endpoints, lane=settings.fast_client)
            clients = await opened.enter_async_context(opening)
        return await work(settings, clients, stop)


def _stop_on_signals(stop: asyncio.Event, in_hand: str) -> None:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def told() -> None:
        stop.set()
        for signum in signals:
            loop.remove_signal_handler(signum)
        sys.stderr.write(f"finishing {in_hand}; press Ctrl-C again to end at once, which is as safe\n")

    for signum in signals:
        loop.add_signal_handler(signum, told)


async def agreed(question: str, *, yes: bool) -> bool:
    """Whether it may be done; says so if it may not."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        sys.stderr.write("nothing was done: say --yes to do it\n")
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = await asyncio.to_thread(sys.stdin.readline)
    if answer.strip().lower() in ("y", "yes"):
        return True
    sys.stderr.write("nothing was done\n")
    return False


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def failed(line: str, code: int = 1) -> int:
    sys.stderr.write(f"restock: {line}\n")
    return code


def write_summary(report: Path | None, summary: Mapping[str, Any]) -> None:
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
