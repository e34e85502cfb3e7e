"""What does a hosting container answer?

SageMaker's contract: /ping is 200 once a model is loaded and never before; /invocations answers one request of the
short form, or says what is wrong with it; SIGTERM ends the process when the requests it has are answered. Predictions
run in threads, a bounded number at a time, with a bounded number waiting: /ping is answered in between."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp import web

from forecaster.formats import CONTENT_TYPE, MalformedPayload, decode_request, encode_response
from forecaster.model import THREADS, DemandModel, UnreadableModel

# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
PORT = 8080
BODY_BYTES_MAX = 6 * 1024 * 1024
# SIGKILL follows 30 s after SIGTERM.
DRAIN_S = 20.0
CLOSE_S = 5.0
CONCURRENT_MAX = max(1, (os.cpu_count() or 1) // THREADS)
WAITING_MAX = 32
TOTALS_MAX = 200_000
RETRY_AFTER_S = 1

log = structlog.get_logger("forecaster")


@dataclass(slots=True)
class Host:
    """The model, once loaded, and the room there is for requests. At most WAITING_MAX are let in, none when leaving."""

    model: DemandModel | None = None
    model_name: str = ""
    inside: int = 0
    leaving: bool = False
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(CONCURRENT_MAX, thread_name_prefix="predict")
    )

    def load(self, model_dir: Path) -> None:
        """Blocks; UnreadableModel when the directory holds none."""
        model = DemandModel.load(model_dir)
        self.model_name = model.name
        self.model = model

    async def ping(self, _request: web.Request) -> web.Response:
        if self.model is None or self.leaving:
            return _refused(503, "shutting down" if self.leaving else "no model is loaded yet")
        return web.json_response({"model": self.model_name})

    async def execution_parameters(self, _request: web.Request) -> web.Response:
        """Batch transform: one request of the short form a record."""
        said = {
            "MaxConcurrentTransforms": CONCURRENT_MAX,
            "BatchStrategy": "SINGLE_RECORD",
            "MaxPayloadInMB": BODY_BYTES_MAX // 1024**2,
        }
        return web.json_response(said)

    async def invocations(self, request: web.Request) -> web.Response:
        if self.model is None:
            return _refused(503, "no model is loaded yet")
        if self.leaving or self.inside >= WAITING_MAX:
            return _refused(503, "shutting down" if self.leaving else f"{WAITING_MAX} requests are being answered")
        self.inside += 1
        try:
            body = await request.read()
            answer = await asyncio.get_running_loop().run_in_executor(
                self.threads, _answer, self.model, self.model_name, body
            )
        except MalformedPayload as exc:
            return _refused(400, str(exc))
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, f"the body is larger than {BODY_BYTES_MAX} bytes")
        except Exception as exc:  # noqa: BLE001 - one request fails, the server stays
            log.error("invocation.failed", error=f"{type(exc).__name__}: {exc}")
            return _refused(500, f"the prediction failed: {type(exc).__name__}")
        finally:
            self.inside -= 1
            if not self.inside:
                self.empty.set()
        return web.Response(body=answer, content_type=CONTENT_TYPE)

    async def drain(self) -> None:
        """Lets nobody in any more, and waits up to DRAIN_S for those inside."""
        self.leaving = True
        if self.inside:
            self.empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.empty.wait(), DRAIN_S)


def _answer(model: DemandModel, name: str, body: bytes) -> bytes:
    try:
        request = decode_request(body)
    except RecursionError as exc:
        raise MalformedPayload("nested too deeply") from exc
    if request.cover_days.size > TOTALS_MAX:
        raise MalformedPayload(f"{request.cover_days.size} totals asked for: at most {TOTALS_MAX} a request")
    return encode_response(name, request.items, model.predict(request))


def _refused(status: int, reason: str) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return web.json_response({"error": reason}, status=status, headers=headers)


def create_app(host: Host) -> web.Application:
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/ping", host.ping)
    app.router.add_get("/execution-parameters", host.execution_parameters)
    app.router.add_post("/invocations", host.invocations)
    return app


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
            "GET /ping, POST /invocations (at most 6 MiB), GET /execution-parameters. SIGTERM: what was asked\n"
            "is answered first."
        ),
    )
    parser.add_argument("--model-dir", type=Path, default=Path("/opt/ml/model"), help="what `restock train` wrote")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (%(default)s)")  # noqa: S104
    parser.add_argument("--port", type=int, default=PORT, help="port, 0 for any free one (%(default)s)")
    return parser
