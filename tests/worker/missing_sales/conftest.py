"""Where are missing sales counted? In a shop on the emptied embedded AWS, with a table of sales."""

from __future__ import annotations

import pytest_asyncio
from table_shop import TABLE, Shop

from worker.local.embedded_aws import create_sales_table


@pytest_asyncio.fixture(loop_scope="session")
async def shop(aws, clock):
    await create_sales_table(aws.clients.dynamodb, TABLE)
    return Shop(aws, clock)
