"""The emulator that `restock local` runs, with our gateway for the two runtimes: the default target."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from targets.base import OF_AWS, OF_DYNAMODB, OF_STREAMS, OF_THE_BUS, OF_THE_PROCESS, Fresh, Target, World
from targets.resources import create_buckets, create_stream_tables, create_tables, subscribe
from targets.trouble import Trouble
from worker.aws.clients import Endpoints, open_clients
from worker.local.gateway import Gateway
from worker.settings import Settings

SETTINGS = Settings(region="us-east-1", event_bus="contract", stream_table="retail-sales-history")


class Embedded(Target):
    name = "embedded"
    on_the_emulator = True

    def why_not(self, port: str) -> str | None:
        return None if port in OF_AWS | OF_THE_PROCESS else f"no {port} here"

    @asynccontextmanager
    async def opened(self, emulator_url: str, folder: Path) -> AsyncIterator[Fresh]:
        async with (
            Gateway() as gateway,
            open_clients(SETTINGS.region, Endpoints(emulator_url, gateway.url), validate=True) as by_the_lane,
            open_clients(
                SETTINGS.region, Endpoints(emulator_url, gateway.url), validate=True, lane=False
            ) as by_the_library,
        ):

            async def fresh(port: str, *, lane: bool = True) -> World:
                clients = by_the_lane if lane else by_the_library
                empty(emulator_url)
                gateway.route(SETTINGS.sagemaker_endpoint, None)
                if port in OF_DYNAMODB:
                    await create_tables(clients.dynamodb, SETTINGS)
                if port in OF_STREAMS:
                    await create_stream_tables(clients.dynamodb, SETTINGS)
                if port == "Parking":
                    await create_buckets(clients.s3, SETTINGS)
                url = await subscribe(clients, SETTINGS.event_bus, "subscriber") if port in OF_THE_BUS else ""
                trouble = Trouble()
                return World(clients, SETTINGS, trouble, trouble.before(clients), url, gateway)

            yield fresh


def empty(emulator_url: str) -> None:
    """Makes the emulator forget everything."""
    request = urllib.request.Request(f"{emulator_url}/_ministack/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200
