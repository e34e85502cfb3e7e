"""How does the bad day go, from its first sale to the proof that nothing is lost?

Real workers on the embedded AWS (an emulator, not AWS). The first sales are counted well; then a bad deploy counts
some wrongly and refuses others, and some of its messages end among the dead letters; it is taken back. While sales go
on, the commands of docs/recovery.md are run as a person would run them. In the end the state is held against a twin."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from domain.events import ProductKey
from drill.sales import is_misread, is_poisoned, make, twin, write_history
from worker.aws.clients import Clients, Endpoints, open_clients
from worker.aws.dead_letters import dead_letter_queues
from worker.aws.dynamodb import chunks
from worker.aws.parked import ParkedLines
from worker.aws.state import DynamoState
from worker.local.embedded_aws import CREDENTIALS, create_resources, embedded_aws
from worker.local.gateway import Gateway
from worker.local.processes import child, restock
from worker.producer import batches, pack
from worker.settings import Settings

EPOCH = date(1970, 1, 1)
SALES_A_MESSAGE = 100
SHARE_BEFORE, SHARE_BAD, SHARE_MEANWHILE = 0.5, 0.4, 0.1
SETTLED_WITHIN_S = 600.0
LAKE_LAG_S = 2.0
WORKER = {
    "RESTOCK_BATCH_SALES": "10000",
    "RESTOCK_LONG_POLL_S": "1",
    "RESTOCK_DECIDE_INTERVAL_S": "60",
    "RESTOCK_BEDROCK_MODEL": "",
    "RESTOCK_WATCH_PRODUCTS": "0",
    "RESTOCK_HEALTH_PORT": "0",
}


@dataclass(slots=True)
class Day:
    """figures is what the drill tells in the end."""

    events: int
    products: int
    per_thousand: int
    seed: int
    folder: Path
    url: str
    runtimes: str
    clients: Clients
    settings: Settings
    queue_url: str
    figures: dict[str, Any] = field(default_factory=dict)
    _kept: int = 0
    _lagging: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **CREDENTIALS,
            **WORKER,
            "RESTOCK_ENDPOINT_URL": self.url,
            "RESTOCK_RUNTIME_ENDPOINT_URL": self.runtimes,
            "DRILL_POISONED_PER_THOUSAND": str(self.per_thousand),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }

    async def play(self) -> dict[str, Any]:
        """The whole day. AssertionError says what is not exact in the end."""
        self.lake.mkdir()
        sales = make(self.events, self.products, self.seed)
        bad_from = int(self.events * SHARE_BEFORE)
        bad_until = bad_from + int(self.events * SHARE_BAD)
        async with self.worker(restock("run"), "good"):
            await self.sell(sales[:bad_from])
            await self.settled()
        spoiled = await self.bad_deploy(sales[bad_from:bad_until])
        say(f"bad deploy taken back: {json.dumps(spoiled)}")
        async with self.worker(restock("run"), "mended"):
            live = asyncio.create_task(self.sell_slowly(sales[bad_until:]))
            began = time.monotonic()
            await self.recover()
            self.figures["recovered_s"] = round(time.monotonic() - began, 1)
            await live
            await self.settled()
            await asyncio.gather(*self._lagging)
            await self.command("verify", "rebuild", "--from", str(self.lake), "--verify")
            self.figures["rto_s"] = round(time.monotonic() - began, 1)
        differing = await self.differing(sales)
        self.figures |= {"events": len(sales), "spoiled": spoiled, "products_differing": len(differing)}
        assert not differing, differing[:5]
        return self.figures

    async def recover(self) -> None:
        """What docs/recovery.md says of a bad deploy, in its order."""
        await self.command("list", "replay", "dlq", "--list")
        await self.command("replay", "replay", "dlq", "--yes", "--rate", "0")
        lag = ("--lag", str(LAKE_LAG_S + 3))
        await self.command("rebuild", "rebuild", "--from", str(self.lake), *lag, "--yes", "--shards", "8")

    @asynccontextmanager
    async def worker(self, command: Sequence[str], name: str):
        async with child(f"the {name} worker", command, self.environment, self.folder / f"{name}.log") as running:
            yield running
            assert await running.stop(90) == 0

    async def sell(self, sales: Sequence[dict[str, Any]]) -> None:
        self._kept += 1
        self._lagging.add(asyncio.create_task(self._keep(sales, self.lake / f"{self._kept:05}.parquet")))
        await self.sell_only(sales)

    async def sell_only(self, sales: Sequence[dict[str, Any]]) -> None:
        """Puts sales on the queue; the lake does not hear of them."""
        for batch in batches(pack(sales, fifo_groups=None, sales_per_message=SALES_A_MESSAGE)):
            await self.send(self.queue_url, [message.body for message in batch])

    async def _keep(self, sales: Sequence[dict[str, Any]], path: Path) -> None:
        """The shop's data lake, which is a little behind."""
        await asyncio.sleep(LAKE_LAG_S)
        partly = path.with_suffix(".part")
        write_history(partly, sales)
        partly.replace(path)

    async def send(self, url: str, bodies: Sequence[str]) -> None:
        for some in chunks(bodies, 10):
            entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(some)]
            answer = await self.clients.sqs.send_message_batch(QueueUrl=url, Entries=entries)
            assert not answer.get("Failed")

    async def sell_slowly(self, sales: Sequence[dict[str, Any]]) -> None:
        """Live traffic, as long as the recovery may take."""
        for some in chunks(sales, SALES_A_MESSAGE):
            await self.sell(some)
            await asyncio.sleep(0.3)

    async def bad_deploy(self, sales: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Counts some wrongly, refuses others, and leaves its first messages among the dead letters, as SQS does with
        what was received too often."""
        poisoned = [sale for sale in sales if is_poisoned(sale["event_id"], self.per_thousand)]
        dead = max(1, len(poisoned) // 4 // SALES_A_MESSAGE) * SALES_A_MESSAGE
        [dlq] = await dead_letter_queues(self.clients.sqs, self.settings.queue_names)
        packed = pack(sales[:dead], fifo_groups=None, sales_per_message=SALES_A_MESSAGE)
        await self._keep(sales[:dead], self.lake / "dead.parquet")
        await self.send(dlq, [message.body for message in packed])
        async with self.worker([sys.executable, "-m", "drill.bad_worker"], "bad"):
            await self.sell(sales[dead:])
            await self.settled()
        ids = [sale["event_id"] for sale in sales[dead:]]
        misread = sum(is_misread(each) for each in ids if is_poisoned(each, self.per_thousand))
        lines = ParkedLines(self.clients.dynamodb, self.clients.s3, self.settings.state_table)
        refused = sum([len(page) async for page in lines.pages()])
        return {"counted_wrongly": misread, "refused": refused, "dead_letters": dead}

    async def settled(self, within_s: float = SETTLED_WITHIN_S) -> None:
        """Waits until the queue is empty."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        async with asyncio.timeout(within_s):
            while True:
                said = await self.clients.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
                if not sum(int(said["Attributes"][name]) for name in names):
                    return
                await asyncio.sleep(0.3)

    async def command(self, step: str, *arguments: str) -> None:
        """A command of the runbook; it must end with 0."""
        began = time.monotonic()
        report = self.folder / step
        if arguments[0] == "rebuild":
            arguments = (*arguments, "--work", str(self.folder / "work"))
        command = [*restock(*arguments), "--report", str(report)]
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        seconds = round(time.monotonic() - began, 1)
        say(f"$ restock {' '.join(arguments)}   ({seconds} s)")
        say("    " + "\n    ".join(out.decode().strip().splitlines()[-8:]))
        assert process.returncode == 0, out.decode()
        self.figures[f"{step}_s"] = seconds
        self.figures[step] = {
            name: value
            for name, value in json.loads((report / "summary.json").read_text()).items()
            if isinstance(value, int) and value
        }

    async def differing(self, sales: Sequence[dict[str, Any]]) -> list[str]:
        """Products whose live state is not that of the twin."""
        store = DynamoState(self.clients.dynamodb, self.settings.state_table, 30.0)
        expected = twin(sales)
        found = []
        for some in chunks(sorted(expected), 100):
            for key, state in (await store.load([ProductKey(name) for name in some])).items():
                days = {str(EPOCH + timedelta(days=day)): list(bucket[:4]) for day, bucket in state.buckets.items()}
                live = {"sales": state.sales, "units": state.units, "days": days}
                should = expected[key.product_id]
                if live != {**should, "days": {day: said for day, said in should["days"].items() if any(said)}}:
                    found.append(key.product_id)
        return found


@asynccontextmanager
async def opened(events: int, products: int, per_thousand: int, seed: int, folder: Path):
    """A day on an embedded AWS of its own."""
    os.environ.update(CREDENTIALS)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(embedded_aws(folder))
        gateway = await stack.enter_async_context(Gateway())
        settings = Settings(endpoint_url=url, runtime_endpoint_url=gateway.url)
        gateway.route(settings.sagemaker_endpoint, None)
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(url, gateway.url)))
        queue_url, _ = await create_resources(clients, settings)
        yield Day(events, products, per_thousand, seed, folder, url, gateway.url, clients, settings, queue_url)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
