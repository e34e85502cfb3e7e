"""The contract of the book of insights: a product's words as they were published, the newest day first."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.clock import NOW, TODAY
from fakes.examples import ODD_KEYS, A, B
from fakes.insights import InMemoryInsights

from domain.events import InsightPublished, ProductKey
from handlers.insight_ports import InsightBook
from worker.aws.insights import DynamoInsights

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "InsightBook"


@pytest_asyncio.fixture(loop_scope="session")
async def book(kind, world) -> InsightBook:
    if kind == "fake":
        return InMemoryInsights()
    return DynamoInsights(world.clients.dynamodb, world.settings.state_table)


def insight(product: ProductKey, day: int = TODAY, *factors: str) -> InsightPublished:
    return InsightPublished(
        product=product,
        insight_id=f"{product}:{day}",
        occurred_at=NOW,
        decided_at=NOW - 5,
        as_of=day,
        level="stock",
        crossing="covered->low",
        headline="Stock went from covered to low.",
        factors=factors,
        recommendations=("Look.",),
        risks=(),
        inventory_suggestions=(),
        source="rules",
        reason="the budget is spent",
        facts_hash="0123",
    )


async def test_what_was_kept_is_read_as_it_was_published_the_newest_day_first(book):
    await book.keep([insight(A, TODAY, "first"), insight(A, TODAY + 20, "newest"), insight(B)])
    await book.keep([insight(A, TODAY + 3, "between")])
    found = await book.of(A)
    assert [each["factors"] for each in found] == [["newest"], ["between"], ["first"]]
    assert [each["product_id"] for each in await book.of(B)] == [B.product_id]
    assert found[0]["as_of"] > found[1]["as_of"]
    assert (found[0]["source"], found[0]["model"], found[0]["asked_with"]) == ("rules", None, [])


async def test_the_same_insight_twice_is_one(book):
    for _ in range(2):
        await book.keep([insight(A)])
    assert len(await book.of(A)) == 1


async def test_a_product_of_which_nothing_was_said_has_none(book):
    await book.keep([insight(A)])
    assert await book.of(ProductKey("unheard-of")) == []
    await book.keep([])


async def test_odd_names_are_kept_apart(book):
    await book.keep([insight(key, TODAY, repr(key)) for key in ODD_KEYS])
    for key in ODD_KEYS:
        assert [each["factors"] for each in await book.of(key)] == [[repr(key)]]
