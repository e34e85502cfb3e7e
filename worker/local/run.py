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
from worker.local.decisions import read_decisions, read_insights
from worker.local.embedded_aws import CREDENTIALS, create_resources, embedded_aws, emulator
from worker.local.gateway import Gateway
from worker.local.models import Models
from worker.local.mood_names import OFF
from worker.local.moods import mood
from worker.local.observed import Observed
from worker.local.page import address, page_environment
from worker.local.past import write_past
from worker.local.processes import ChildFailed
from worker.local.progress import Display, closing_table, say
from worker.local.replay import TICK_S, Local, Options
from worker.local.report import Outcome, read_states, summary, write_report
from worker.local.route import route, sales_table, source_environment
from worker.local.sample import SAMPLE_PATH
from worker.local.shop import Shop, opening_stock
from worker.local.subscriber import Subscriber
from worker.local.workers import Workers
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
    if outcome.unaccounted:
        say(f"Stopped with {outcome.unaccounted:,} sales still under way: they are sent and not counted.")
    return 0


async def _play(local: Local, sales: SalesFile, total: int, started: float) -> tuple[dict[str, Any], Outcome]:
    background = _background(local)
    local.subscriber.started_at = asyncio.get_running_loop().time()
    with local.display.shown():
        await local.replay(islice(sales.rows, total), total)
        if local.options.until_done:
            await local.until_done()
        else:
            say("all sales are sent; the workers go on until Ctrl-C")
            while not local.stop.is_set():
                local.show()
                await asyncio.sleep(TICK_S)
        if local.stop.is_set():
            await local.wind_up()
        seconds = time.monotonic() - started
        if local.options.keep_open and not local.stop.is_set():
            await _kept_open(local, seconds)
        await _end(local, background)
    return await _told(local, seconds)


async def _kept_open(local: Local, seconds: float) -> None:
    """All is settled and the workers go on, for whoever looks at the page; the report is written for now."""
    figures, outcome = await _told(local, seconds)
    if local.options.report is not None:
        write_report(local.options.report, figures, outcome)
    say(f"all is done; the workers go on until Ctrl-C. {address(local.workers.first_alone)}")
    await local.stop.wait()


async def _told(local: Local, seconds: float) -> tuple[dict[str, Any], Outcome]:
    states = await read_states(local.clients.dynamodb, local.settings.state_table)
    tables = local.settings.state_table, local.settings.forecasts_table
    reports, dynamodb = local.options.report is not None, local.clients.dynamodb
    outcome = Outcome(
        states=states,
        decisions=await read_decisions(dynamodb, tables) if reports else (),
        insights=await read_insights(dynamodb, local.settings.state_table) if reports else {},
        observed=local.observed,
        subscriber=local.subscriber,
        source=local.options.source,
        workers=local.options.workers,
        sent=local.shop.sent,
        unaccounted=local.waiting,
        seconds=seconds,
        aws=emulator(),
        model=local.models.described,
    )
    return summary(outcome), outcome


def _background(local: Local) -> list[asyncio.Task[None]]:
    """What goes on all the time. If one of them fails there is nothing to wait for: the run is stopped."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            local.stop.set()

    jobs = [local.subscriber.listen()]
    if local.route.pipe is not None:
        jobs.append(local.route.pipe.run())
    tasks = [local.keeping, *(asyncio.create_task(job) for job in jobs)]
    for task in tasks:
        task.add_done_callback(ended)
    return tasks


async def _end(local: Local, background: list[asyncio.Task[None]]) -> None:
    """Stops everything in order; raises what one of them failed with."""
    keeping, listening, *others = background
    local.subscriber.ended = True
    for task in others:
        task.cancel()
    await asyncio.wait([listening, *others])
    await local.end()
    await asyncio.wait([keeping])
    for task in background:
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def _local(
    options: Options, sales: SalesFile, total: int, folder: Path, stop: asyncio.Event
) -> AsyncIterator[Local]:
    """Starts every part, in the order they need each other, and stops them the other way round."""
    async with AsyncExitStack() as stack:
        say(f"starting the embedded AWS and the forecaster ({total:,} sales to replay)")
        bedrock = mood(options.bedrock)
        gateway = await stack.enter_async_context(Gateway({ENDPOINT: None}, models=[EXPLAINER], converse=bedrock))
        models = Models(
            gateway, ENDPOINT, folder, lambda path: write_past(islice(sales.rows, total), path), options.model
        )
        stack.push_async_callback(models.stop)
        training = asyncio.create_task(models.start())
        aws = await stack.enter_async_context(embedded_aws(folder))
        environment, page = _environment(options, aws, gateway.url), page_environment(options.workers, os.environ)
        os.environ.update(environment)
        settings = read_settings()
        clients = await stack.enter_async_context(open_clients(settings.region, Endpoints(aws, None)))
        queue_url, subscriber_url = await create_resources(clients, settings, sales_table(options.source))
        way = await route(options.source, clients, settings)
        opening = await asyncio.to_thread(opening_stock, islice(sales.rows, total))
        chance = random.Random(RESEND_SEED)
        shop = Shop(clients, settings, queue_url, opening, options.duplicate_rate, chance, till=way.till)
        observed = Observed()
        workers = Workers(options.workers, folder, environment, observed, page)
        stack.callback(workers.kill)
        # While the model learns they have nothing to do, but the page is there.
        keeping = asyncio.create_task(workers.keep())
        say(f"{address(page)} (once the worker is ready)")
        await training
        yield Local(
            options=options,
            clients=clients,
            settings=settings,
            route=way,
            shop=shop,
            subscriber=Subscriber(clients.sqs, subscriber_url, shop),
            models=models,
            observed=observed,
            workers=workers,
            keeping=keeping,
            display=Display(total),
            stop=stop,
        )


def _environment(options: Options, aws: str, runtimes: str) -> dict[str, str]:
    """The worker's settings; what the user has set in RESTOCK_* variables holds where the run does not depend on it."""
    return {
        # The emulator is the slowest part of a run: the more sales a write brings home, the sooner it is over.
        "RESTOCK_BATCH_SALES": "2500",
        **{name: value for name, value in os.environ.items() if name.startswith("RESTOCK_")},
        "RESTOCK_ENDPOINT_URL": aws,
        "RESTOCK_RUNTIME_ENDPOINT_URL": runtimes,
        "RESTOCK_SAGEMAKER_ENDPOINT": ENDPOINT,
        "RESTOCK_BEDROCK_MODEL": EXPLAINER if options.bedrock != OFF else "",
        **source_environment(options.source, options.workers),
        "RESTOCK_CALENDAR": "event",
        "RESTOCK_LONG_POLL_S": "1",
        "RESTOCK_VISIBILITY_TIMEOUT_S": "40",
        "RESTOCK_COMMIT_DEADLINE_S": "10",
        "RESTOCK_DRAIN_TIMEOUT_S": "25",
        "RESTOCK_SWEEP_INTERVAL_S": "5",
        "RESTOCK_SWEEP_AGE_S": "10",
        "RESTOCK_PURCHASES_INTERVAL_S": "2",
        "RESTOCK_LEASE_S": "8",
        "RESTOCK_CHECKPOINT_INTERVAL_S": "1",
        "RESTOCK_SHARD_IDLE_S": "0.2",
        "RESTOCK_DISCOVER_INTERVAL_S": "2",
        "RESTOCK_HEALTH_PORT": "0",
        "RESTOCK_DASHBOARD": "false",
    }
