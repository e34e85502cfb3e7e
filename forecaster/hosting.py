"""What does a hosting container answer?

SageMaker's contract: /ping is 200 while a loaded model predicts, and never else; /invocations answers one request, or
says what is wrong with it, before SageMaker's 60 s are over. Predictions run in threads, a bounded number at a time,
with a bounded number waiting: /ping is answered in between."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp import web

from forecaster.chronos import TooLate
from forecaster.formats import MalformedPayload
from forecaster.invocations import (
    BODY_BYTES_MAX,
    AnswerTooLarge,
    Unacceptable,
    UnknownType,
    answered,
    can_predict,
)
from forecaster.model import THREADS, DemandModel, UnreadableModel

# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
# A container has 60 s for an invocation and 2 s for a ping: an answer must be on its way before that.
DEADLINE_S = 55.0
PING_S = 1.5
DRAIN_S = 20.0  # SIGKILL follows 30 s after SIGTERM
CONCURRENT_MAX = max(1, (os.cpu_count() or 1) // THREADS)
WAITING_MAX = 32
FAILURES_MAX = 3
RETRY_AFTER_S = 1
REFUSALS = {
    MalformedPayload: 400,
    Unacceptable: 406,
    AnswerTooLarge: 413,
    UnknownType: 415,
}

log = structlog.get_logger("forecaster")


@dataclass(slots=True)
class Host:
    """The model, once loaded, and the room there is for requests. At most WAITING_MAX are let in, none when leaving.

    failures: predictions in a row that failed for no fault of the caller. overdue: predictions that still run although
    their caller has been told that they take too long."""

    model: DemandModel | None = None
    model_name: str = ""
    deadline_s: float = DEADLINE_S
    inside: int = 0
    leaving: bool = False
    failures: int = 0
    overdue: int = 0
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(CONCURRENT_MAX, thread_name_prefix="predict")
    )
    _testing: Future[bool] | None = None

    def load(self, model_dir: Path) -> None:
        """Blocks; UnreadableModel when the directory holds none, or one that does not predict."""
        model = DemandModel.load(model_dir)
        try:
            able = can_predict(model)
        except Exception as exc:
            raise UnreadableModel(f"the model in {model_dir} does not predict: {type(exc).__name__}: {exc}") from exc
        if not able:
            raise UnreadableModel(f"the model in {model_dir} does not predict")
        self.model_name = model.name
        self.model = model

    async def ping(self, _request: web.Request) -> web.Response:
        if self.model is None or self.leaving:
            return _refused(503, "shutting down" if self.leaving else "no model is loaded yet")
        if (self.failures >= FAILURES_MAX or self.overdue) and not await self._predicts(self.model):
            return _refused(503, "the model does not predict")
        return web.json_response({"model": self.model_name})

    async def _predicts(self, model: DemandModel) -> bool:
        """Whether the model does now what it did when it was loaded; one test at a time, however often it is asked."""
        if self._testing is None or self._testing.done():
            self._testing = self.threads.submit(can_predict, model)
        try:
            able = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._testing)), PING_S)
        except Exception as exc:  # noqa: BLE001 - it does not predict, whatever the reason
            log.error("self_test.failed", error=f"{type(exc).__name__}: {exc}")
            return False
        if able:
            self.failures = 0
        return able

    async def execution_parameters(self, _request: web.Request) -> web.Response:
        """Batch transform: a record is a request of its own."""
        said = {
            "MaxConcurrentTransforms": CONCURRENT_MAX,
            "BatchStrategy": "SINGLE_RECORD",
            "MaxPayloadInMB": BODY_BYTES_MAX // 1024**2,
        }
        return web.json_response(said)

    async def invocations(self, request: web.Request) -> web.Response:
        model = self.model
        if model is None:
            return _refused(503, "no model is loaded yet")
        if self.leaving or self.inside + self.overdue >= WAITING_MAX:
            return _refused(503, "shutting down" if self.leaving else f"{WAITING_MAX} requests are being answered")
        self.inside += 1
        try:
            return await self._answer(model, request)
        except tuple(REFUSALS) as exc:
            return _refused(REFUSALS[type(exc)], str(exc))
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, f"the body is larger than {BODY_BYTES_MAX} bytes")
        except (TimeoutError, TooLate):
            return _refused(504, f"no answer within {self.deadline_s:g} s: ask for less at once")
        except Exception as exc:  # noqa: BLE001 - one request fails, the server stays
            self.failures += 1
            log.error("invocation.failed", error=f"{type(exc).__name__}: {exc}")
            return _refused(500, f"the prediction failed: {type(exc).__name__}")
        finally:
            self.inside -= 1
            if not self.inside:
                self.empty.set()

    async def _answer(self, model: DemandModel, request: web.Request) -> web.Response:
        until = time.monotonic() + self.deadline_s
        async with asyncio.timeout(self.deadline_s):
            body = await request.read()
            accept = request.headers.get("Accept", "*/*")
            work = self.threads.submit(answered, model, self.model_name, body, request.content_type, accept, until)
            try:
                answer, content_type = await asyncio.wrap_future(work)
            finally:
                self._mind(work)
        self.failures = 0
        return web.Response(body=answer, content_type=content_type)

    def _mind(self, work: Future[tuple[bytes, str]]) -> None:
        """A prediction that runs cannot be ended: it goes on taking up room, until it ends by itself."""
        if work.done() or work.cancel():
            return
        self.overdue += 1
        loop = asyncio.get_running_loop()

        def ended(_: object) -> None:
            # The loop may be closed by then: nobody counts any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._no_longer_overdue)

        work.add_done_callback(ended)

    def _no_longer_overdue(self) -> None:
        self.overdue -= 1

    async def drain(self) -> None:
        """Lets nobody in any more, and waits up to DRAIN_S for those inside."""
        self.leaving = True
        if self.inside:
            self.empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.empty.wait(), DRAIN_S)


def _refused(status: int, reason: str) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return web.json_response({"error": reason}, status=status, headers=headers)


def create_app(host: Host) -> web.Application:
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/ping", host.ping)
    app.router.add_get("/execution-parameters", host.execution_parameters)
    app.router.add_post("/invocations", host.invocations)
    return app
