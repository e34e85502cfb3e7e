"""How does a hosting container come and go?

It listens before its model is loaded, so that /ping can say 503 instead of nothing; SIGTERM ends it when the requests
it has are answered. What it answers is forecaster/hosting.py."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
from aiohttp import web

from forecaster.hosting import Host, create_app, log
from forecaster.model import UnreadableModel

PORT = 8080
CLOSE_S = 5.0


async def serve(
    model_dir: Path,
    host: str,
    port: int,
    *,
    stopped: asyncio.Event,
    ready: Callable[[int, str], None] | None = None,
) -> None:
    """Answers from model_dir until `stopped` is set and what was asked is answered. port 0 takes a free one.

    ready is called with the port and the model's name once /ping is 200. UnreadableModel when there is no model,
    OSError when the port is taken."""
    hosted = Host()
    runner = web.AppRunner(create_app(hosted), access_log=None, shutdown_timeout=CLOSE_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        await asyncio.to_thread(hosted.load, model_dir)
        if ready is not None:
            ready(runner.addresses[0][1], hosted.model_name)
        await stopped.wait()
        # Closing the runner would deafen it to bodies that are still on their way: it comes after the drain.
        await site.stop()
        await hosted.drain()
    finally:
        await runner.cleanup()
        hosted.threads.shutdown(cancel_futures=True)


def run_server(model_dir: Path, host: str, port: int) -> int:
    """Serves until SIGTERM or SIGINT; 0, or 1 with one line when it cannot start."""
    try:
        asyncio.run(_until_signalled(model_dir, host, port))
    except (UnreadableModel, OSError) as exc:
        sys.stderr.write(f"serving failed: {exc}\n")
        return 1
    return 0


async def _until_signalled(model_dir: Path, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    def started(bound: int, model: str) -> None:
        log.info("serve.started", port=bound, model=model)

    await serve(model_dir, host, port, stopped=stopped, ready=started)
    log.info("serve.stopped")


def main(argv: list[str]) -> int:
    """`restock serve`: 0 stopped by a signal, 1 could not start, 2 wrong use."""
    args = _parser().parse_args(argv)
    structlog.configure(
        processors=[structlog.processors.JSONRenderer(serializer=json.dumps)],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    return run_server(args.model_dir, args.host, args.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="restock serve",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Serve a trained demand model over SageMaker's hosting protocol.",
        epilog=(
            "examples:\n"
            "  restock serve                             what SageMaker runs: /opt/ml/model on port 8080\n"
            "  restock serve --model-dir model --host 127.0.0.1 --port 0\n\n"
            'Once it can answer it says so in one line: {"port": 40123, ..., "event": "serve.started"}.\n'
            "GET /ping, POST /invocations (at most 6 MiB each way), GET /execution-parameters. Requests are JSON, in\n"
            "the short form or in that of Chronos, or JSON lines of either:\n\n"
            '  curl localhost:8080/invocations -d \'{"inputs": [{"target": [3, 0, 2, 5, 1]}],\n'
            '       "parameters": {"prediction_length": 7}}\'\n\n'
            "SIGTERM: what was asked is answered first."
        ),
    )
    parser.add_argument("--model-dir", type=Path, default=Path("/opt/ml/model"), help="what `restock train` wrote")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (%(default)s)")  # noqa: S104
    # An inference pipeline tells its containers which port is theirs.
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", PORT))
    parser.add_argument("--port", type=int, default=port, help="port, 0 for any free one (%(default)s)")
    return parser
