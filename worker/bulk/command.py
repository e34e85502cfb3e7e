"""What does `restock bulk` do, and what does it say in the end?

Up to four things, in this order, as they are asked for: write the input, ask for the job, answer here, read the
answers. Progress goes to standard error, the closing line or the job's request to standard output."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from domain.events import MS_PER_DAY
from forecaster.model import DemandModel, UnreadableModel
from forecaster.sales import UnreadableSales
from handlers.announcements import iso_day
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import translated
from worker.aws.sagemaker_control import ControlClients, open_control
from worker.aws.state_codec import NewerSchema
from worker.bulk import from_sales, from_state
from worker.bulk.answers import Failure, Forecasts, NoAnswer, answer_here, write_failures
from worker.bulk.job import transform_job
from worker.bulk.manifest import INPUT, OUTPUT, AnotherRun, Asked, Manifest
from worker.bulk.places import FolderPlace, Place, S3PlaceOf
from worker.bulk.progress import Progress, say
from worker.bulk.records import Part, write_shard
from worker.bulk.sorting import sales_files, sort_sales
from worker.clock import SystemClock
from worker.process import read_settings
from worker.retraining.plan import S3Place, WrongPlan
from worker.settings import Settings

FAILURES = (
    AnotherRun,
    Misconfigured,
    NewerSchema,
    NoAnswer,
    OSError,
    TransientFailure,
    UnreadableModel,
    UnreadableSales,
)


def run_bulk(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    try:
        run = Bulk(chosen, read_settings())
        run.require()
    except (ValueError, WrongPlan) as exc:
        return _said(str(exc), 2)
    try:
        return asyncio.run(run())
    except FAILURES as exc:
        return _said((str(exc) or type(exc).__name__).splitlines()[0], 1)
    except KeyboardInterrupt:
        return _said("interrupted; the same command goes on with the shards that are missing", 1)


@dataclass(slots=True)
class Bulk:
    """One use of the command."""

    chosen: argparse.Namespace
    settings: Settings
    figures: dict[str, Any] = field(default_factory=dict)

    def require(self) -> None:
        """WrongPlan if it cannot be done as it is asked for."""
        said = self.chosen
        if not (said.sales or said.from_state or said.job or said.answer or said.read):
            raise WrongPlan("nothing to do: --sales or --from-state writes the input; see also --job, --answer, --read")
        if said.job and not said.out.startswith("s3://"):
            raise WrongPlan("--job needs --out in S3: a transform job reads nothing else")
        if said.as_of:
            self._day(said.as_of)

    async def __call__(self) -> int:
        began = time.monotonic()
        async with AsyncExitStack() as opened:
            clients = await self._clients(opened)
            place = self._place(clients)
            if self.chosen.sales:
                await self._from_sales(place)
            if self.chosen.from_state and clients is not None:
                await self._from_state(place, clients.dynamodb)
            manifest = await Manifest.read(place, self.chosen.work)
            if self.chosen.job:
                return await self._job(manifest, clients)
            if self.chosen.answer:
                await self._answer(place, manifest)
            if self.chosen.read:
                await self._read(place, manifest)
        self.figures |= {
            "products": manifest.products,
            "seconds": round(time.monotonic() - began, 1),
            "memory_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        return self._closed(place)

    async def _clients(self, opened: AsyncExitStack) -> ControlClients | None:
        if not (self.chosen.from_state or self.chosen.out.startswith("s3://")):
            return None
        opening = open_control(self.settings.region, self.settings.endpoint_url)
        return await opened.enter_async_context(opening)

    def _place(self, clients: ControlClients | None) -> Place:
        if clients is not None and self.chosen.out.startswith("s3://"):
            return S3PlaceOf(S3Place.of(self.chosen.out), clients.s3)
        return FolderPlace(Path(self.chosen.out))

    async def _from_sales(self, place: Place) -> None:
        said = self.chosen
        until = self._day(said.as_of) if said.as_of else None
        sorting = Progress("rows of sales", None)
        with sorting.shown():
            found = sort_sales(sales_files(said.sales), said.shards, said.work, until, sorting.reach)
        if not found.rows:
            raise UnreadableSales("no sale in these files")
        say(f"{found.rows:,} rows of sales, {found.skipped:,} were of no use")
        as_of = found.newest + 1 if until is None else until
        asked = Asked(" ".join(map(str, said.sales)), str(iso_day(as_of)), said.cover_days, said.shards)

        async def parts(shard: int) -> AsyncIterator[Iterator[Part]]:
            yield from_sales.parts_of(found.files[shard], as_of)

        try:
            await self._write(place, asked, parts)
        finally:
            _remove(found.files)

    async def _from_state(self, place: Place, dynamodb: Any) -> None:
        said, table = self.chosen, self.settings.state_table
        as_of = self._day(said.as_of) if said.as_of else SystemClock().now() // MS_PER_DAY
        asked = Asked(f"table {table}", str(iso_day(as_of)), said.cover_days, said.shards)

        async def parts(shard: int) -> AsyncIterator[Iterator[Part]]:
            async for part in from_state.parts_of(dynamodb, table, shard, said.shards, as_of):
                yield iter([part])

        await self._write(place, asked, parts)

    async def _write(self, place: Place, asked: Asked, parts: Any) -> None:
        """Writes the shards that are missing, one after the other."""
        manifest = await Manifest.of(place, self.chosen.work, asked)
        progress, began = Progress("shards", asked.shards), time.monotonic()
        before = manifest.products
        with progress.shown():
            for number, name in enumerate(manifest.names):
                if name in manifest.done:
                    continue
                written = self.chosen.work / f".{name}.part"
                products = 0
                _empty(written)
                async for some in parts(number):
                    products += write_shard(written, some, asked.cover_days)
                await place.keep(written, f"{INPUT}/{name}")
                manifest.done[name] = products
                await manifest.keep(place, self.chosen.work)
                rate = (manifest.products - before) / max(time.monotonic() - began, 1e-9)
                progress.reach(len(manifest.done), f"{manifest.products:,} products, {rate:,.0f} a second")
        say(f"{manifest.products:,} products in {asked.shards} shards under {place.uri(INPUT)}")

    async def _job(self, manifest: Manifest, clients: ControlClients | None) -> int:
        said = self.chosen
        missing = set(manifest.names) - set(manifest.done)
        if missing:
            raise Misconfigured(f"{len(missing)} of {len(manifest.names)} shards are not written yet")
        name = f"restock-bulk-{manifest.asked.as_of}-{int(time.time())}"
        request = transform_job(name, said.job, S3Place.of(said.out), said.instance_type, said.instances)
        sys.stdout.write(json.dumps(request, indent=2) + "\n")
        if said.create and clients is not None:
            with translated("CreateTransformJob"):
                await clients.sagemaker.create_transform_job(**request)
            say(f"created {name}")
        return 0

    async def _answer(self, place: Place, manifest: Manifest) -> None:
        model = DemandModel.load(self.chosen.answer)
        progress, answered = Progress("shards answered", len(manifest.done)), set(await place.names(OUTPUT))
        with progress.shown():
            for number, name in enumerate(sorted(manifest.done), 1):
                if f"{name}.out" not in answered:
                    written = self.chosen.work / f".{name}.out.part"
                    answer_here(model, await place.get(f"{INPUT}/{name}", self.chosen.work), written)
                    await place.keep(written, f"{OUTPUT}/{name}.out")
                progress.reach(number)

    async def _read(self, place: Place, manifest: Manifest) -> None:
        forecasts, failures = Forecasts(self.chosen.read, manifest.asked.as_of), list[Failure]()
        progress, found = Progress("shards read", len(manifest.done)), 0
        with progress.shown():
            for number, (name, products) in enumerate(sorted(manifest.done.items()), 1):
                if products:
                    have, failed = forecasts.add(await place.get(f"{OUTPUT}/{name}.out", self.chosen.work))
                    found, failures = found + have, failures + failed
                    if have + len(failed) != products:
                        raise NoAnswer(f"{name}.out answers for {have + len(failed):,} of {products:,} products")
                progress.reach(number, f"{found:,} products")
        forecasts.close()
        if failures:
            write_failures(self.chosen.read.with_suffix(".failed.jsonl"), failures)
        self.figures |= {"forecasts": forecasts.rows, "forecast_products": found, "failed": len(failures)}

    def _closed(self, place: Place) -> int:
        if self.chosen.report is not None:
            self.chosen.report.mkdir(parents=True, exist_ok=True)
            (self.chosen.report / "summary.json").write_text(json.dumps(self.figures, indent=2) + "\n")
        said = ", ".join(f"{name} {value:,}" for name, value in self.figures.items())
        sys.stdout.write(f"{place.uri('')}: {said}\n")
        return 0

    def _day(self, iso: str) -> int:
        """WrongPlan if it is no date."""
        try:
            return int(np.datetime64(iso, "D").astype(np.int64))
        except ValueError as exc:
            raise WrongPlan(f"--as-of {iso!r} is no date such as 2025-05-01") from exc


def _empty(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def _remove(files: Sequence[Path | None]) -> None:
    for path in files:
        if path is not None:
            path.unlink(missing_ok=True)


def _said(line: str, code: int) -> int:
    sys.stderr.write(f"restock bulk: {line}\n")
    return code
