"""Whatever becomes of the page, the worker goes on; and it is served to nobody by mistake."""

from __future__ import annotations

import asyncio
import socket

import pytest
from browser.on_show import HOSTILE, a_shop, shown
from pydantic import ValidationError
from structlog.testing import capture_logs

from domain.product import product_label
from worker.local.page import address, page_environment
from worker.settings import Settings

LONG_ENOUGH = "x" * 16


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("RESTOCK_DASHBOARD_TOKEN", raising=False)


async def test_a_row_that_cannot_be_shown_is_logged_and_not_raised():
    shop = a_shop(Settings(dashboard=True), products=1)
    with capture_logs() as logs:
        shop.dashboard.decided([None])
    assert [line["event"] for line in logs] == ["dashboard.rows_lost"]


async def test_a_port_that_is_taken_is_logged_and_the_worker_goes_on():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shop = a_shop(Settings(dashboard=True, dashboard_port=taken.getsockname()[1]), products=1)
        with capture_logs() as logs:
            async with asyncio.timeout(5):
                await shop.dashboard.keep()
    assert [line["event"] for line in logs] == ["dashboard.not_served"]


async def test_open_pages_do_not_hold_up_a_stop():
    shop = a_shop(Settings(dashboard=True, dashboard_port=0), products=1)
    async with shown(shop):
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.dashboard.port)
        writer.write(b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"data: ")
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 0.5
    writer.close()


async def test_a_page_that_never_reads_is_dropped_and_another_one_hears_on():
    shop = a_shop(Settings(dashboard=True, dashboard_port=0), products=1)
    async with shown(shop):
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stuck.connect(("127.0.0.1", shop.dashboard.port))
        stuck.sendall(b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.dashboard.port, limit=10**8)
        writer.write(b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"\n\n")
        live = shop.dashboard._live
        async with asyncio.timeout(20):
            while live.pages != 1:
                live.tell(b"data: " + b"x" * 500_000 + b"\n\n")
                await reader.readuntil(b"\n\n")
        live.tell(b"data: still here\n\n")
        assert b"still here" in await reader.readuntil(b"still here\n\n")
        writer.close()
        stuck.close()


async def test_the_page_is_filled_from_what_was_decided_before():
    shop = a_shop(Settings(dashboard=True, dashboard_port=0), products=3)
    async with shown(shop), asyncio.timeout(5):
        while not shop.dashboard._filling.filled:  # noqa: ASYNC110 - nobody but a page is told
            await asyncio.sleep(0.01)
        assert len(shop.dashboard.board) == len(shop.store.headers)
        assert shop.dashboard.board.slot_of(product_label(HOSTILE)) is not None


def test_others_may_reach_the_page_only_if_they_must_show_a_token(monkeypatch):
    with pytest.raises(ValidationError, match="RESTOCK_DASHBOARD_TOKEN must hold a token"):
        Settings(dashboard=True, dashboard_host="0.0.0.0")  # noqa: S104
    monkeypatch.setenv("RESTOCK_DASHBOARD_TOKEN", LONG_ENOUGH[1:])
    with pytest.raises(ValidationError, match="at least 16 characters"):
        Settings(dashboard=True)
    monkeypatch.setenv("RESTOCK_DASHBOARD_TOKEN", LONG_ENOUGH)
    settings = Settings(dashboard=True, dashboard_host="10.0.0.7")
    assert LONG_ENOUGH not in str(settings.model_dump())


def test_a_page_is_off_and_read_only_unless_it_is_asked_for():
    assert (Settings().dashboard, Settings().dashboard_plans, Settings().dashboard_host) == (False, False, "127.0.0.1")


def test_a_local_run_takes_another_port_if_its_own_is_taken():
    own = Settings.model_fields["dashboard_port"].default
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", own))
            taken.listen()
        except OSError:
            pass  # Somebody else has it already, which is the same to us.
        assert page_environment(1, {})["RESTOCK_DASHBOARD_PORT"] != str(own)


def test_what_the_user_says_of_the_page_holds_in_a_local_run():
    said = {"RESTOCK_DASHBOARD_PORT": "1234", "RESTOCK_DASHBOARD_PLANS": "false", "OTHER": "x"}
    page = page_environment(1, said)
    assert page["RESTOCK_DASHBOARD_PLANS"] == "false"
    assert "OTHER" not in page
    assert address(page) == "the live page: http://127.0.0.1:1234/"
    assert "off" in address(page_environment(1, {"RESTOCK_DASHBOARD": "false"}))
