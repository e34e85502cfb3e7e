"""What is there before a worker starts?

All its queues, tables and the bus, the past of every product, and so much stock of each that nothing needs to be
ordered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.standin.sales import Sales, keep
from domain.events import ProductKey
from domain.folding import Folded
from worker.aws.clients import Clients
from worker.aws.dynamodb import batch_write, number, text
from worker.aws.inventory import DEFAULT_LOCATION
from worker.aws.state import DynamoState
from worker.local.embedded_aws import create_resources
from worker.settings import Settings

COMMIT_S = 30.0
PLENTY = 10**7


async def open_shop(clients: Clients, settings: Settings, sales: Sales, past: Sequence[Folded]) -> None:
    """Makes everything in a stand-in that was reset."""
    await create_resources(clients, settings)
    await keep(DynamoState(clients.dynamodb, settings.state_table, COMMIT_S), past)
    sales.remember(past)
    await stock(clients, settings, sales.keys(), PLENTY)


async def stock(clients: Clients, settings: Settings, keys: Iterable[ProductKey], level: int) -> None:
    """The shop holds so many units of each."""
    items = [
        {
            "product_id": text(key.product_id),
            "location_id": text(key.location_id or DEFAULT_LOCATION),
            "current_stock": number(level),
        }
        for key in keys
    ]
    await batch_write(clients.dynamodb, settings.inventory_table, [{"PutRequest": {"Item": item}} for item in items])
