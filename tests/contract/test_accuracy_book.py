"""The AccuracyBook contract: parts beside each other, a week closed once, its announcement with it."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.accuracy import InMemoryAccuracyBook
from fakes.clock import NOW
from fakes.examples import ODD_KEYS, A, B, entry
from fakes.state import InMemoryState
from targets import trouble

from domain.accuracy import EVERYTHING, Promise, Score
from domain.drift import NO_BETTER, Standing
from handlers.ports import ScoredWeek
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.state import DynamoState

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "AccuracyBook"
WEEK = 2_900


def promised(product=A, mean=10.25):
    return Promise(product, "Café & Co", WEEK * 7, 7, mean, 15, 1 / 3, 0.1 + 0.2)


def scored(week=WEEK, windows=3.0):
    board = {"tea": Score(windows, 5.0, 6.5, 1.25, 2.0, 2.75), EVERYTHING: Score(windows)}
    return ScoredWeek(week, board, Standing(week, frozenset({"tea"}), {(NO_BETTER, "tea"): week - 2}))


@pytest.fixture
def outbox(kind, world):
    """The outbox that a book announces by."""
    if kind == "fake":
        return InMemoryState()
    return DynamoState(world.clients.dynamodb, world.settings.state_table, 10.0)


@pytest_asyncio.fixture(loop_scope="session")
async def book(kind, world, outbox):
    return _book(kind, world, outbox)


def _book(kind, world, outbox):
    if kind == "fake":
        return InMemoryAccuracyBook(outbox)
    return DynamoAccuracyBook(world.clients.dynamodb, world.settings.state_table, 10.0)


async def test_the_parts_of_all_workers_are_read_together(book, kind, world, outbox):
    other = book if kind == "fake" else _book(kind, world, outbox)
    mine, theirs = [promised(key) for key in ODD_KEYS], [promised(B, mean) for mean in (0.5, 7.0)]
    await book.promise(WEEK, mine)
    await other.promise(WEEK, theirs)
    await other.promise(WEEK + 1, [promised(A)])
    assert sorted(await book.promised(WEEK), key=repr) == sorted(mine + theirs, key=repr)
    assert await book.promised(WEEK - 1) == []


async def test_a_thousand_promises_come_back(book):
    many = [promised(A._replace(product_id=f"p{n}")) for n in range(1_000)]
    await book.promise(WEEK, many)
    assert sorted(await book.promised(WEEK), key=repr) == sorted(many, key=repr)


async def test_a_week_is_closed_once_and_announced_once(book, outbox):
    assert await book.close(scored(), [entry("retrain:2025-08-14", NOW - 1)])
    assert not await book.close(scored(windows=9.0), [entry("retrain:other", NOW - 1)])
    assert await book.closed(5) == [scored()]
    assert [each.entry_id for each in await outbox.outbox(NOW, 10)] == ["retrain:2025-08-14"]


async def test_the_newest_closed_weeks_are_read_in_order(book):
    for week in (WEEK + 2, WEEK, WEEK + 1, 99):
        assert await book.close(scored(week), [])
    assert await book.closed(3) == [scored(WEEK), scored(WEEK + 1), scored(WEEK + 2)]


async def test_the_backtest_is_what_was_said_last(book):
    assert await book.backtest() == {}
    await book.set_backtest({"tea": 0.25, EVERYTHING: 0.3})
    await book.set_backtest({"tea": 0.5})
    assert await book.backtest() == {"tea": 0.5}


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_a_lost_answer_closes_the_week_once_all_the_same(book, outbox, world):
    world.trouble.plan("transact_write_items", trouble.lost_answer)
    assert await book.close(scored(), [entry("retrain:2025-08-14", NOW - 1)])
    assert await book.closed(5) == [scored()]
    assert len(await outbox.outbox(NOW, 10)) == 1
