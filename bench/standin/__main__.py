"""How does the stand-in live as a process?

It says its address in one line once it answers, and ends on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import uvloop

from bench.standin.server import serve
from bench.standin.world import World


async def main() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    world = World()
    server = await serve(world, 0)
    # What it holds is many small objects and no cycles: looking through them would only hold up the answers.
    gc.disable()
    sys.stdout.write(f"{world.url}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
