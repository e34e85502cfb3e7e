"""One product that cannot be read, or a reading that fails, keeps no other product from the page."""

from __future__ import annotations

import asyncio

import pytest
from browser.on_show import a_shop, shown
from fakes.clock import FakeClock
from structlog.testing import capture_logs

from domain.events import ProductKey
from worker.dashboard.board import Board
from worker.dashboard.filling import Filling, StateScan
from worker.settings import Settings


@pytest.fixture
def shop(monkeypatch):
    monkeypatch.delenv("RESTOCK_DASHBOARD_TOKEN", raising=False)
    return a_shop(Settings(dashboard=True, dashboard_port=0), products=9)


class Table:
    """What a scan of a table answers."""

    def __init__(self, *items) -> None:
        self._items = items

    async def scan(self, **_):
        return {"Items": list(self._items)}


async def test_an_item_that_cannot_be_read_is_logged_and_the_rest_is_read():
    newer = {"pk": {"S": "P#lamp"}, "sk": {"S": "H"}, "schema": {"N": "99"}}
    scan = StateScan(Table({"pk": {"S": "P#odd"}, "sk": {"S": "H"}}, {}, newer), "t")
    with capture_logs() as logs:
        pages = [page async for page in scan.pages()]
    assert pages == [[]]
    assert [(line["event"], line["pk"]) for line in logs] == [
        ("dashboard.item_unreadable", "{'S': 'P#odd'}"),
        ("dashboard.item_unreadable", "None"),
    ]


async def test_a_product_that_cannot_be_shown_keeps_no_other_from_the_page(shop):
    shop.stock(ProductKey("Broken lamp"), 3, forecast=shop.stock(ProductKey("x"), 1).forecast._replace(totals=((1,),)))
    board = Board(100)
    with capture_logs() as logs:
        await Filling(shop, shop.dashboard._view.looking, board, FakeClock(), 1.0).once()
    assert len(board) == len(shop.store.headers) - 1
    assert [(line["event"], line["product"]) for line in logs] == [("dashboard.row_lost", "Broken lamp")]


async def test_a_reading_that_fails_as_nobody_expected_is_tried_again_and_the_page_is_served(shop, monkeypatch):
    whole, tried = shop.pages, []

    async def pages():
        tried.append(len(tried))
        if len(tried) == 1:
            raise KeyError("what nobody expected")
        async for page in whole():
            yield page

    monkeypatch.setattr(shop, "pages", pages)
    filling = shop.dashboard._filling
    filling._interval_s = 0.01
    async with shown(shop), asyncio.timeout(5):
        while not filling.filled:  # noqa: ASYNC110 - nobody but a page is told
            await asyncio.sleep(0.01)
        assert len(shop.dashboard.board) == len(shop.store.headers)
        _, writer = await asyncio.open_connection("127.0.0.1", shop.dashboard.port)
        writer.close()


async def test_there_is_no_trend_until_all_products_are_there(shop, monkeypatch):
    go_on = asyncio.Event()
    states = list(shop.store.headers.values())

    async def pages():
        yield states[:4]
        await go_on.wait()
        yield states[4:]

    monkeypatch.setattr(shop, "pages", pages)
    monkeypatch.setattr("worker.dashboard.dashboard.SAMPLE_S", 0.01)
    dashboard = shop.dashboard
    async with shown(shop), asyncio.timeout(5):
        while len(dashboard.board) < 4:  # noqa: ASYNC110 - nobody but a page is told
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert not dashboard._tiles._samples
        go_on.set()
        while not dashboard._tiles._samples:  # noqa: ASYNC110 - nobody but a page is told
            await asyncio.sleep(0.01)
        assert sum(dashboard._tiles._samples[0].counts) == len(states)
