"""What does the page ask, and what is it answered?

GET alone, but for what a planner says. Every answer is bounded: rows a page, bodies, exports and streams at a time.
So are connections, and the time that a request may take to come.
Files are the page's own, and the charts' out of the package that brings them: no request leaves this host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from aiohttp import web
from numpy.typing import NDArray

from domain.product import product_of
from handlers.errors import InvalidEvent, Misconfigured, TransientFailure
from handlers.ports import Clock
from worker.dashboard.asking import Orders, Question, question_of, shown_row
from worker.dashboard.board import Board
from worker.dashboard.connections import REQUEST_WITHIN_S, listening
from worker.dashboard.door import ENTRANCE, HEADERS, Door
from worker.dashboard.export import csv_lines
from worker.dashboard.live import Full, Live
from worker.dashboard.planning import Planning
from worker.dashboard.product_view import ProductView

log = structlog.get_logger()

PAGE = Path(__file__).parent / "page"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
CHARTS = {"uPlot.js": "uplot/static/uPlot.iife.js", "uPlot.css": "uplot/static/uPlot.min.css"}
LABEL_CHARS_MAX = 2_000
BODY_BYTES_MAX = 4_096
EXPORTS_AT_ONCE = 2
VIEWS_AT_ONCE = 8
ANSWER_WITHIN_S = 10.0
SHUTDOWN_S = 1.0


@dataclass(frozen=True, slots=True)
class Inside:
    """What the page shows. planning: None where the page is read-only."""

    board: Board
    view: ProductView
    live: Live
    planning: Planning | None
    clock: Clock


class Server:
    def __init__(self, inside: Inside, door: Door) -> None:
        self._inside = inside
        self._door = door
        self._orders = Orders(inside.board)
        self._files = page_files()
        self._exports = asyncio.Semaphore(EXPORTS_AT_ONCE)
        self._views = asyncio.Semaphore(VIEWS_AT_ONCE)
        self._turn = asyncio.Lock()

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._door.guard], client_max_size=BODY_BYTES_MAX)
        application.on_response_prepare.append(self._door.dress)
        application.on_shutdown.append(self._inside.live.end)
        application.add_routes(
            [
                web.get("/", self._index),
                web.post(ENTRANCE, self._door.enter),
                web.get("/page/{name}", self._file),
                web.get("/api/live", self._live),
                web.get("/api/products", self._products),
                web.get("/api/products.csv", self._csv),
                web.get("/api/product", self._product),
                web.post("/api/plan", self._plan),
            ]
        )
        return application

    async def _index(self, _: web.Request) -> web.Response:
        return _file_answer(self._files["index.html"], ".html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._files or name == "index.html":
            raise web.HTTPNotFound
        return _file_answer(self._files[name], Path(name).suffix)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        # What stands in front of it must hand each payload on at once.
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        try:
            async for payload in self._inside.live.listen():
                if not response.prepared:
                    await response.prepare(request)
                await response.write(payload)
        except Full:
            return web.Response(status=503, text="As many pages are open as may be.")
        except asyncio.CancelledError:
            # Dropped because it does not read: what waits to be read is not waited for.
            if request.transport is not None:
                request.transport.abort()
            raise
        except ConnectionError:
            pass  # Whoever looked has gone.
        return response

    async def _products(self, request: web.Request) -> web.Response:
        question = question_of(request.query)
        board = self._inside.board
        slots = await self._found(question)
        shown = slots[question.start : question.start + question.rows].tolist()
        rows = [shown_row(board, slot) for slot in shown]
        return _json({"rows": rows, "found": len(slots), "start": question.start, "version": board.version})

    async def _found(self, question: Question) -> NDArray[np.int64]:
        # Many pages ask in the same moment, when they have heard. One at a time, and the worker's own work between two.
        async with self._turn:
            slots = self._orders.of(question, self._inside.clock.now())
            await asyncio.sleep(0)
            return slots

    async def _csv(self, request: web.Request) -> web.StreamResponse:
        if self._exports.locked():
            return web.Response(status=503, text="Others export already: try again in a moment.")
        async with self._exports:
            slots = (await self._found(question_of(request.query))).tolist()
            kind = {"Content-Type": "text/csv; charset=utf-8"}
            response = web.StreamResponse(
                headers={**kind, "Content-Disposition": 'attachment; filename="products.csv"'}
            )
            await response.prepare(request)
            try:
                async for lines in csv_lines(self._inside.board, slots):
                    async with asyncio.timeout(ANSWER_WITHIN_S):
                        await response.write(lines)
            except (ConnectionError, TimeoutError):
                # Half a file must not look like a whole one.
                if request.transport is not None:
                    request.transport.abort()
            return response

    async def _product(self, request: web.Request) -> web.Response:
        label = request.query.get("label", "")
        if not label or len(label) > LABEL_CHARS_MAX:
            return _json({"error": "label: which product?"}, 400)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), self._views:
                said = await self._inside.view.of(product_of(label))
        except (TransientFailure, Misconfigured, TimeoutError) as exc:
            log.warning("dashboard.product_not_read", reason=str(exc))
            return _json({"error": "The tables did not answer. Try again in a moment."}, 503)
        return _json(said) if said is not None else _json({"error": "Nobody knows this product."}, 404)

    async def _plan(self, request: web.Request) -> web.Response:
        planning = self._inside.planning
        if planning is None:
            return _json({"error": "This page is read-only: RESTOCK_DASHBOARD_PLANS is off."}, 403)
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                text = await request.text()
        except TimeoutError:
            return _json({"error": "The message did not come."}, 408)
        except (ValueError, LookupError):
            return _json({"error": "no text"}, 400)
        try:
            said = json.loads(text)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                event_id = await planning.say(said)
        except InvalidEvent as exc:
            return _json({"error": exc.reason}, 400)
        except (ValueError, RecursionError):
            return _json({"error": "no JSON"}, 400)
        except (TransientFailure, Misconfigured, TimeoutError) as exc:
            log.warning("dashboard.plan_not_sent", reason=str(exc))
            return _json({"error": "The queue did not take it. Send it again: it counts once."}, 503)
        log.info("dashboard.planned", kind=said["type"], product=said["product"], event_id=event_id)
        return _json({"event_id": event_id}, 202)


def page_files() -> dict[str, bytes]:
    """The files of the page by name, read once; without the extra dashboard the charts' are not among them."""
    files = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in KINDS}
    try:
        package = distribution("uplot-python")
    except PackageNotFoundError:
        return files
    # Located, not imported: the package itself wants a notebook.
    return files | {name: Path(str(package.locate_file(path))).read_bytes() for name, path in CHARTS.items()}


def _file_answer(body: bytes, suffix: str) -> web.Response:
    # A page that was left open through a deployment asks for its files again.
    return web.Response(body=body, content_type=KINDS[suffix], charset="utf-8", headers={"Cache-Control": "no-cache"})


def _json(said: Any, status: int = 200) -> web.Response:
    body = json.dumps(said, separators=(",", ":"), allow_nan=False).encode()
    return web.Response(body=body, status=status, content_type="application/json")


@asynccontextmanager
async def serving(server: Server, host: str, port: int) -> AsyncIterator[int]:
    """Serves while the block runs; gives the port, 0 asks for a free one. OSError if the address is taken."""
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        async with listening(runner, host, port, {**HEADERS, "Cache-Control": "no-store"}) as given:
            yield given
    finally:
        await runner.cleanup()
