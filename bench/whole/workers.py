"""How does a bench run the worker as it is run in earnest?

Processes of `restock run`, told where AWS is and nothing else that matters; they are ready once their own health check
says so, and are killed at the end: what they had to do was done by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.standin.running import ROOT
from worker.local.processes import Child, ChildFailed, child, free_port, restock
from worker.settings import Settings

START_S = 30.0
LOOK_S = 0.05


@asynccontextmanager
async def workers(count: int, values: Mapping[str, Any], logs: Path) -> AsyncIterator[list[Child]]:
    """So many workers with these settings, all of them connected."""
    async with AsyncExitStack() as stack:
        running = []
        for number in range(1, count + 1):
            port = free_port()
            environment = {f"RESTOCK_{name.upper()}": str(value) for name, value in values.items()}
            environment |= {"RESTOCK_HEALTH_PORT": str(port), "PYTHONPATH": str(ROOT)}
            log = logs / f"worker-{number}.log"
            worker = await stack.enter_async_context(child(f"worker {number}", restock("run"), environment, log))
            stack.callback(worker.kill)
            running.append((worker, port))
        for worker, port in running:
            await _ready(worker, port)
        yield [worker for worker, _ in running]


async def _ready(worker: Child, port: int) -> None:
    try:
        async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
            while worker.running:
                if await _says_so(session, port):
                    return
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        pass
    raise ChildFailed(f"{worker.name} did not start: see {worker.log}")


async def _says_so(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def at(url: str, **values: Any) -> dict[str, Any]:
    """The settings of a worker whose AWS is a stand-in; values override."""
    settings = {"endpoint_url": url, "runtime_endpoint_url": url, "bedrock_model": "", **values}
    Settings.model_validate(settings)
    return settings
