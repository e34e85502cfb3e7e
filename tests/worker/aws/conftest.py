"""What do the adapters' tests share? They retry as in production and wait for nothing."""

from __future__ import annotations

import pytest
import pytest_asyncio

from worker.aws.state import DynamoState
from worker.retry import retrying

DEADLINE_S = 0.6


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Between attempts nothing is waited for."""

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(retrying, "__defaults__", (5, at_once))


@pytest_asyncio.fixture(loop_scope="session")
async def store(aws):
    """Reaches its table through the proxy."""
    return DynamoState(aws.proxied.dynamodb, aws.settings.state_table, DEADLINE_S)
