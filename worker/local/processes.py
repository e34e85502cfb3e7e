"""How do we start our own programs, hear from them, and leave none behind?

Each child has its own session, so that Ctrl-C reaches only us and we stop the children in order; on Linux a child is
ended with its parent even if that is killed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_TIMEOUT_S = 10.0
PR_SET_PDEATHSIG = 1
LINE_BYTES_MAX = 4 * 1024 * 1024


class ChildFailed(Exception):
    """A program of ours did not start or ended by itself; the message names its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running program. Its standard error goes to log."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self.running:
            self.process.kill()

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Asks it to stop, and ends it after timeout_s; returns its exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_s):
                return await self.process.wait()
        except TimeoutError:
            self.kill()
            return await self.process.wait()

    async def lines(self) -> AsyncIterator[str]:
        """What it writes to standard output, line by line, until it ends."""
        if self.process.stdout is not None:
            async for line in self.process.stdout:
                yield line.decode("utf-8", "replace")


@asynccontextmanager
async def child(
    name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, *, listened: bool = False
) -> AsyncIterator[Child]:
    """Runs a program for as long as the block. listened keeps its standard output for lines()."""
    started = await start(name, command, environment, log, listened=listened)
    try:
        yield started
    finally:
        await started.stop()


async def start(
    name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, *, listened: bool = False
) -> Child:
    """Starts a program; whoever calls this stops it."""
    with log.open("ab") as stream:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if listened else stream,
            stderr=stream,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            limit=LINE_BYTES_MAX,
        )
    return Child(name, process, log)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def restock(*arguments: str) -> list[str]:
    """The command that runs this very Restock."""
    script = Path(sys.executable).with_name("restock")
    return [str(script), *arguments] if script.exists() else [sys.executable, "-m", "worker.cli", *arguments]


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def listening(running: Child, port: int, timeout_s: float) -> None:
    """Waits until the child accepts connections; ChildFailed if it ends or takes too long."""
    try:
        async with asyncio.timeout(timeout_s):
            while running.running:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return
    except TimeoutError:
        pass
    raise ChildFailed(f"{running.name} did not start: see {running.log}")
