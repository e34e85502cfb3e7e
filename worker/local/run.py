"""How does the whole of Restock run on one machine, from a file of sales to a report?

The real worker as its own process, against the embedded AWS, with a real model server behind the gateway. Every part
is started in the order they need each other, and stopped the other way round."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from worker.aws.clients import Endpoints, open_clients
from worker.local.embedded_aws import CREDENTIALS, create_resources, embedded_aws, emulator
from worker.local.gateway import Gateway
from worker.local.models import Models
from worker.local.observed import Observed
from worker.local.past import write_past
from worker.local.processes import ChildFailed
from worker.local.progress import Display, closing_table, say
from worker.local.replay import TICK_S, Local, Options
from worker.local.report import Outcome, read_states, summary, write_report
from worker.local.sample import SAMPLE_PATH
from worker.local.shop import Shop, opening_stock
from worker.local.subscriber import Subscriber
from worker.process import read_settings
from worker.sources.files import SalesFile, open_sales
from worker.telemetry import configure_logging

RESEND_SEED = 20101201
ENDPOINT = "retail-forecast-endpoint"
EXPLAINER = "local.rule-based-explainer"


def run_local(options: Options) -> int:
    """Runs everything and writes the report; UnreadableSales if the file is no good, ChildFailed if a part is."""
    sales = open_sales(options.sales or SAMPLE_PATH)
    with tempfile.TemporaryDirectory(prefix="restock-") as scratch:
        folder = Path(scratch)
        if options.report is not None:
            # What is worth reading afterwards stays: the logs of every part.
            folder = options.report / "logs"
            folder.mkdir(parents=True, exist_ok=True)
        configure_logging(logging.ERROR)
        try:
            return asyncio.run(_run(options, sales, folder))
        except asyncio.CancelledError:
            raise ChildFailed("stopped before the first sale was sent") from None


async def _run(options: Options, sales: SalesFile, folder: Path) -> int:
    os.environ.update(CREDENTIALS)
    stop, running, this = asyncio.Event(), asyncio.Event(), asyncio.current_task()

    def told_to_stop() -> None:
        stop.set()
        if this is not None and not running.is_set():
            this.cancel()  # Nothing has been sent yet: there is nothing to drain.

    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, told_to_stop)
    total = min(sales.total, options.limit or sales.total)
    started = time.monotonic()
    async with _local(options, sales, total, folder, stop) as local:
        running.set()
        figures, outcome = await _play(local, sales, total, started)
    if options.report is not None:
        write_report(options.report, figures, outcome)
    closing_table(figures, outcome.subscriber.reorders, options.report)
    if outcome.unaccounted and not stop.is_set():
        raise ChildFailed(f"{outcome.unaccounted:,} sales were sent and are not accounted for: see the logs")
    return 0


async def _play(local: Local, sales: SalesFile, total: int, started: float) -> tuple[dict[str, Any], Outcome]:
    supervising = asyncio.create_task(local.keep_worker())
    listening = asyncio.create_task(local.subscriber.listen())
    local.subscriber.started_at = asyncio.get_running_loop().time()
    with local.display.shown():
        await local.replay(islice(sales.rows, total), total)
        if local.options.until_done:
            await local.until_done()
        else:
            say("all sales are sent; the worker goes on until Ctrl-C")
            while not local.stop.is_set():
                local.show()
                await asyncio.sleep(TICK_S)
        seconds = time.monotonic() - started
        listening.cancel()
        await asyncio.wait([listening])
        await local.end(supervising)
    states = await read_states(local.clients.dynamodb, local.settings.state_table)
    outcome = Outcome(
        states=states,
        observed=local.observed,
        subscriber=local.subscriber,
        sent=local.shop.sent,
        unaccounted=local.waiting,
        seconds=seconds,
        aws=emulator(),
        model=local.models.described,
    )
    return summary(outcome), outcome


@asynccontextmanager
async def _local(
    options: Options, sales: SalesFile, total: int, folder: Path, stop: asyncio.Event
) -> AsyncIterator[Local]:
    """Starts every part, in the order they need each other, and stops them the other way round."""
    async with AsyncExitStack() as stack:
        say(f"starting the embedded AWS and the forecaster ({total:,} sales to replay)")
        gateway = await stack.enter_async_context(Gateway({ENDPOINT: None}, models=[EXPLAINER]))
        models = Models(gateway, ENDPOINT, folder, lambda path: write_past(islice(sales.rows, total), path))
        stack.push_async_callback(models.stop)
        training = asyncio.create_task(models.start())
        aws = await stack.enter_async_context(embedded_aws(folder))
        environment = _environment(options, aws, gateway.url)
        os.environ.update(environment)
        settings = read_settings()
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(aws, None)))
        queue_url, subscriber_url = await create_resources(clients, settings)
        opening = await asyncio.to_thread(opening_stock, islice(sales.rows, total))
        shop = Shop(clients, settings, queue_url, opening, options.duplicate_rate, random.Random(RESEND_SEED))
        await training
        yield Local(
            options=options,
            clients=clients,
            settings=settings,
            queue_url=queue_url,
            folder=folder,
            shop=shop,
            subscriber=Subscriber(clients.sqs, subscriber_url, shop),
            models=models,
            observed=Observed(),
            display=Display(total),
            stop=stop,
            environment=environment,
        )


def _environment(options: Options, aws: str, runtimes: str) -> dict[str, str]:
    """The worker's settings; what the user has set in RESTOCK_* variables holds where the run does not depend on it."""
    return {
        **{name: value for name, value in os.environ.items() if name.startswith("RESTOCK_")},
        "RESTOCK_ENDPOINT_URL": aws,
        "RESTOCK_RUNTIME_ENDPOINT_URL": runtimes,
        "RESTOCK_SAGEMAKER_ENDPOINT": ENDPOINT,
        "RESTOCK_BEDROCK_MODEL": EXPLAINER,
        "RESTOCK_QUEUE_NAME": "retail-sales.fifo" if options.fifo else "retail-sales",
        "RESTOCK_CALENDAR": "event",
        "RESTOCK_LONG_POLL_S": "1",
        "RESTOCK_VISIBILITY_TIMEOUT_S": "40",
        "RESTOCK_COMMIT_DEADLINE_S": "10",
        "RESTOCK_DRAIN_TIMEOUT_S": "25",
        "RESTOCK_SWEEP_INTERVAL_S": "5",
        "RESTOCK_SWEEP_AGE_S": "10",
        "RESTOCK_HEALTH_PORT": "0",
    }
