"""The contract of the ledger of insights: no hour has more calls, or tokens, than all workers together may use."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from fakes.insights import InMemoryInsightLedger

from handlers.insight_ports import InsightLedger
from worker.aws.insight_ledger import DynamoInsightLedger

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "InsightLedger"
HOUR = 480_000


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(kind, world) -> InsightLedger:
    if kind == "fake":
        return InMemoryInsightLedger()
    return DynamoInsightLedger(world.clients.dynamodb, world.settings.state_table)


async def test_of_workers_that_ask_at_once_so_many_may_as_the_hour_allows(ledger):
    asked = await asyncio.gather(*(ledger.take(HOUR, 10, 5, 1_000) for _ in range(12)))
    assert sum(asked) == 5
    assert not await ledger.take(HOUR, 1, 5, 1_000)
    assert await ledger.take(HOUR + 1, 10, 5, 1_000), "each hour has calls of its own"


async def test_tokens_are_bounded_too_and_corrected_by_what_was_spent(ledger):
    assert await ledger.take(HOUR, 600, 10, 1_000)
    assert not await ledger.take(HOUR, 401, 10, 1_000)
    await ledger.correct(HOUR, -500)
    assert await ledger.take(HOUR, 900, 10, 1_000)
    assert not await ledger.take(HOUR, 1, 10, 1_000)


async def test_nothing_is_asked_without_a_budget(ledger):
    assert not await ledger.take(HOUR, 1, 0, 1_000)
    assert not await ledger.take(HOUR, 1_001, 5, 1_000)
