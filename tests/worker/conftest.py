"""What do the worker's tests look at? The state as it lies in the table of the embedded AWS."""

from __future__ import annotations

import pytest_asyncio

from worker.aws.state import DynamoState


@pytest_asyncio.fixture(loop_scope="session")
async def truth(aws):
    """Sees the table as it is."""
    return DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)
