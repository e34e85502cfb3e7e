"""Who may not see the page is told nothing; who may is answered within bounds, and by this host alone."""

from __future__ import annotations

import asyncio
import codecs
import csv
import io
import json
import re

import aiohttp
import pytest
import pytest_asyncio
from browser.on_show import HOSTILE, a_shop, shown

from domain.events import ProductKey
from domain.product import product_label
from handlers.errors import TransientFailure
from worker.dashboard.asking import Orders, Question
from worker.dashboard.server import BODY_BYTES_MAX, PAGE, page_files
from worker.settings import Settings

TOKEN = "a token of twenty-five chars"
NAME = "0123456789abcdef0123456789abcdef"
FREEZE = {"type": "product_frozen", "product": product_label(HOSTILE), "name": NAME}


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("RESTOCK_DASHBOARD_TOKEN", TOKEN)


@pytest_asyncio.fixture
async def shop(request, monkeypatch):
    if "token" not in request.fixturenames:
        monkeypatch.delenv("RESTOCK_DASHBOARD_TOKEN", raising=False)
    plans = getattr(request, "param", True)
    async with shown(a_shop(Settings(dashboard=True, dashboard_port=0, dashboard_plans=plans), 8)) as served:
        await served.dashboard._filling.once()
        yield served


@pytest_asyncio.fixture
async def browser(shop):
    async with aiohttp.ClientSession(shop.url) as session:
        yield session


@pytest.fixture
def itself(shop):
    return {"Origin": shop.url.rstrip("/")}


PATHS = ["/", "/page/app.js", "/api/live", "/api/products", "/api/products.csv", "/api/product?label=x", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_token_every_path_says_the_same_and_nothing_of_the_shop(token, shop, browser, path):
    async with browser.get(path) as answer:
        said = await answer.text()
        assert answer.status == 401
        assert "Candle" not in said
        assert "Product 0" not in said
        assert answer.headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in str(answer.headers)
    async with browser.post("/api/plan", json=FREEZE) as answer:
        assert answer.status in (401, 403)
    assert shop.sent == []


async def test_the_token_opens_the_page_once_shown_and_a_wrong_one_does_not(token, shop, browser, itself):
    async with browser.post("/enter", data={"token": TOKEN[:-1]}, headers=itself) as answer:
        assert answer.status == 401
    async with browser.get("/api/products") as answer:
        assert answer.status == 401
    async with browser.post("/enter", data={"token": TOKEN}, headers=itself, allow_redirects=False) as answer:
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict"} <= set(re.split("; ?", cookie))
    shown_again = {"Cookie": cookie.split(";")[0]}
    async with browser.get("/api/products", headers=shown_again) as answer:
        assert answer.status == 200
    async with browser.get("/api/products", headers={"Cookie": shown_again["Cookie"] + "0"}) as answer:
        assert answer.status == 401


async def test_a_program_shows_the_token_with_each_request(token, browser):
    async with browser.get("/api/products", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
        assert answer.status == 200


async def test_on_loopback_a_foreign_name_for_this_machine_is_turned_away(browser):
    for host in ("evil.example", "evil.example:8090", "127.0.0.1.evil.example", "[", ""):
        async with browser.get("/api/products", headers={"Host": host}) as answer:
            assert answer.status in (400, 421)
    async with browser.get("/api/products", headers={"Host": "localhost:1"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/api/products", "/api/live", "/api/products.csv", "/nowhere"])
async def test_every_answer_forbids_what_is_not_of_this_page(browser, path):
    async with browser.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


def test_the_page_has_no_inline_script_or_style_and_names_no_other_host():
    html = (PAGE / "index.html").read_text()
    assert not re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|<style", html)
    for name, body in page_files().items():
        if name.startswith("uPlot"):
            continue
        text = body.decode()
        assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9-]+\.", text), name
        assert "innerHTML" not in text
        assert "eval(" not in text


async def test_files_are_those_of_the_page_and_no_others(browser):
    for name in ("..%2Fserver.py", "%2e%2e/server.py", "server.py", "index.html"):
        async with browser.get(f"/page/{name}") as answer:
            assert answer.status == 404
    async with browser.get("/page/uPlot.js") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/javascript"


async def test_a_page_of_products_is_what_was_asked_for(browser):
    async with browser.get("/api/products?search=product&sort=product&rows=3&start=2") as answer:
        said = await answer.json()
    assert [row["product"] for row in said["rows"]] == ["Product 002", "Product 003#LEEDS", "Product 004"]
    assert said["found"] == 8


async def test_searches_that_come_at_once_leave_the_worker_a_turn_between_two(monkeypatch, shop, browser):
    turns, seen = [0], []
    found = Orders._found

    def noted(orders, question):
        seen.append(turns[0])
        return found(orders, question)

    async def work():
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Orders, "_found", noted)
    server = shop.dashboard._server
    working = asyncio.create_task(work())
    await asyncio.gather(*(server._found(Question(search=f"product {number}")) for number in range(20)))
    working.cancel()
    assert len(set(seen)) == len(seen) == 20


async def test_the_export_has_every_row_and_no_formula(shop, browser):
    shop.stock(ProductKey("=HYPERLINK(1)", "\t-1"), 0, category="@x")
    shop.stock(ProductKey("  ＝1+1"), 0, category='Lamps, "old"')
    await shop.dashboard._filling.once()
    async with browser.get("/api/products.csv?sort=product") as answer:
        written = await answer.read()
    assert written.startswith(codecs.BOM_UTF8 + b'"product","location",')
    rows = list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"))))
    assert len(rows) == len(shop.store.headers)
    shown_by = {row["product"]: (row["location"], row["category"]) for row in rows}
    assert shown_by["'=HYPERLINK(1)"] == ("'\t-1", "'@x")
    assert shown_by["'  ＝1+1"] == ("", 'Lamps, "old"')
    assert shown_by[HOSTILE.product_id][0] == HOSTILE.location_id
    assert {written.decode().strip()[-1], written.decode("utf-8-sig")[0]} == {'"'}


async def test_a_product_is_told_of_with_its_days_and_reasons(browser):
    async with browser.get("/api/product", params={"label": product_label(HOSTILE)}) as answer:
        said = await answer.json()
    chart = said["chart"]
    lengths = {len(chart[name]) for name in ("sold", "low", "high", "mean", "stock")}
    assert len(lengths) == 1
    assert said["product_id"] == HOSTILE.product_id
    assert said["why"][-1].startswith("The next decision orders ")
    assert said["orders"][0]["overdue"]


async def test_a_product_that_nobody_knows_is_not_found(browser):
    async with browser.get("/api/product?label=nobody") as answer:
        assert answer.status == 404
    async with browser.get("/api/product") as answer:
        assert answer.status == 400


async def test_tables_that_do_not_answer_are_said_to_be_away(shop, browser):
    async def away(keys):
        raise TransientFailure("away")

    shop.store.load = away
    async with browser.get("/api/product?label=x") as answer:
        assert answer.status == 503


async def test_a_plan_from_another_page_is_refused(shop, browser):
    for headers in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": shop.url.rstrip("/"), "Sec-Fetch-Site": "cross-site"},
    ):
        async with browser.post("/api/plan", json=FREEZE, headers=headers) as answer:
            assert answer.status == 403
    assert shop.sent == []


async def test_a_plan_of_the_page_goes_on_the_queue_the_same_however_often_it_comes(shop, browser, itself):
    for _ in range(3):
        async with browser.post("/api/plan", json=FREEZE, headers=itself) as answer:
            assert answer.status == 202
    assert len(shop.sent) == 3
    assert shop.sent[0] == shop.sent[1] == shop.sent[2]
    assert shop.sent[0]["event_id"] == f"planner:{NAME}"


@pytest.mark.parametrize("shop", [False], indirect=True)
async def test_a_read_only_page_takes_no_plan(shop, browser, itself):
    async with browser.post("/api/plan", json=FREEZE, headers=itself) as answer:
        assert answer.status == 403
    assert shop.sent == []


@pytest.mark.parametrize(
    "wrong",
    [
        {**FREEZE, "type": "sale_recorded"},
        {**FREEZE, "type": "shipment_received"},
        {**FREEZE, "name": "short"},
        {**FREEZE, "product": ""},
        {**FREEZE, "until_on": "tomorrow"},
        {**FREEZE, "type": "order_approved", "reorder_id": "Other:1"},
        {**FREEZE, "type": "quantity_overridden", "quantity": -1},
        {**FREEZE, "type": ["product_frozen"]},
        [],
        "x",
    ],
)
async def test_a_plan_that_is_none_is_refused_with_the_reason(shop, browser, itself, wrong):
    async with browser.post("/api/plan", data=json.dumps(wrong), headers=itself) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]
    assert shop.sent == []


async def test_a_plan_that_is_too_long_is_not_read(shop, browser, itself):
    async with browser.post("/api/plan", data=b"x" * (BODY_BYTES_MAX + 1), headers=itself) as answer:
        assert answer.status == 413
