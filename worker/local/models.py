"""Which model answers in a local run, and what has it seen?

First the one trained on the opening weeks of the bundled sample; once eight weeks of this run's own sales have been
replayed, one trained on those, and again whenever that past has doubled. A model never sees a day that has not been
replayed. A new model server takes over before the old one is stopped. Or the one that was given, from first to last."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handlers.announcements import iso_day
from worker.local.gateway import Gateway
from worker.local.processes import Child, ChildFailed, restock, start
from worker.local.sample import SAMPLE_PATH

PAST_DAYS_MIN = 56
BUNDLED_UNTIL = "2011-01-26"
SERVE_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Models:
    """The model server behind an endpoint of the gateway."""

    gateway: Gateway
    endpoint: str
    folder: Path
    write_past: Callable[[Path], Path]
    given: Path | None = None
    trainings: list[dict[str, Any]] = field(default_factory=list)
    _server: Child | None = None
    _training: asyncio.Task[None] | None = None
    _next_past_days: int = PAST_DAYS_MIN
    _dead: bool = False
    _past: Path | None = None
    _first_day: int | None = None

    async def start(self) -> None:
        """Serves the given model, or else trains on the bundled sample's past and serves that."""
        if self.given is not None:
            await self._serve(self.given, _name_of(self.given), None)
            return
        await self._train_and_serve("bundled sample", SAMPLE_PATH, BUNDLED_UNTIL)

    def reached(self, day: int) -> None:
        """The replay has reached this day: trains on what lies before it when there is enough."""
        if self._first_day is None:
            self._first_day = day
        past = day - self._first_day
        idle = self._training is None or self._training.done()
        if past >= self._next_past_days and idle and not self._dead and self.given is None:
            self._next_past_days = 2 * past
            self._training = asyncio.create_task(self._retrain(str(iso_day(day))))

    async def _retrain(self, until: str) -> None:
        try:
            if self._past is None:
                self._past = await asyncio.to_thread(self.write_past, self.folder / "past.parquet")
            await self._train_and_serve("this run's sales", self._past, until)
        except ChildFailed as exc:
            # The model that serves goes on serving; the report says that this training failed.
            self.trainings.append({"trained_on": "this run's sales", "until": until, "failed": str(exc)})

    async def _train_and_serve(self, name: str, sales: Path, until: str) -> None:
        folder = self.folder / f"model-{len(self.trainings)}"
        log = self.folder / "forecaster.log"
        command = restock("train", "--sales", str(sales), "--model-dir", str(folder), "--until", until)
        trained = await start("training", command, {}, log)
        try:
            code = await trained.process.wait()
        finally:
            trained.kill()
        if code != 0:
            raise ChildFailed(f"training on {name} ended with code {code}: see {log}")
        await self._serve(folder, name, until)

    async def _serve(self, folder: Path, name: str, until: str | None) -> None:
        log = self.folder / "forecaster.log"
        server = await start("the model server", restock(*_serving(folder)), {}, log, listened=True)
        port = await _announced_port(server)
        if self._dead:
            await server.stop()
            return
        before, self._server = self._server, server
        self.gateway.route(self.endpoint, f"http://127.0.0.1:{port}")
        self.trainings.append({"trained_on": name, "until": until})
        if before is not None:
            await before.stop()

    def kill(self) -> None:
        """Ends the model server for good, as a dead endpoint would be."""
        self._dead = True
        if self._server is not None:
            self._server.kill()

    async def stop(self) -> None:
        if self._training is not None:
            self._training.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._training
        if self._server is not None:
            await self._server.stop()

    @property
    def described(self) -> dict[str, Any]:
        """What served, for the report."""
        served = [training for training in self.trainings if "failed" not in training]
        return {"serving": served[-1] if served else None, "killed": self._dead, "trainings": self.trainings}


def _name_of(folder: Path) -> str:
    """The name of a model that was trained before; ValueError if there is none."""
    try:
        return str(json.loads((folder / "meta.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{folder} holds no model: restock train --sales PATH --model-dir {folder}") from None


def _serving(folder: Path) -> list[str]:
    return ["serve", "--model-dir", str(folder), "--host", "127.0.0.1", "--port", "0"]


async def _announced_port(server: Child) -> int:
    try:
        async with asyncio.timeout(SERVE_TIMEOUT_S):
            async for line in server.lines():
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if isinstance(said, dict) and said.get("event") == "serve.started":
                        return int(said["port"])
    except TimeoutError:
        pass
    server.kill()
    raise ChildFailed(f"the model server did not start: see {server.log}")
