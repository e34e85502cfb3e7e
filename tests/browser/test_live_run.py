"""During a run of `restock local` the page shows what is counted, as it is, and in the end what the report says."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import signal
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.conftest import looking_at
from browser.on_show import MARKUP
from worker.local.processes import free_port

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

HOSTILE = f"Lamp {MARKUP}"
ASKED_ABOUT = "P007"  # its orders wait for a planner
DAYS, PRODUCTS, BAD_ROWS = 45, 220, 3
FIGURES = {
    "Sales counted": lambda said: said["applied"],
    "Duplicates": lambda said: said["duplicates"],
    "Late": lambda said: said["late"],
    "Quarantined": lambda said: said["quarantined"],
    "Orders decided": lambda said: said["reorders_distinct"] + said["orders"]["proposed"],
}


def write_sales(path: Path) -> None:
    """Some hundred products' sales of some weeks, one of them with a hostile name, and a few rows that are no sales."""
    chance = random.Random(11)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["event_id", "product_id", "occurred_at", "quantity", "unit_price"])
        for day in range(DAYS):
            at = date(2024, 5, 1) + timedelta(days=day)
            for product in (HOSTILE, *(f"P{number:03d}" for number in range(PRODUCTS - 1))):
                if chance.random() < 0.6:
                    rows.writerow([f"{day}-{product}", product, at.isoformat(), chance.randint(1, 6), "2.50"])
        rows.writerows([[f"bad-{number}", "P001", at.isoformat(), "many", "2.50"] for number in range(BAD_ROWS)])


async def numbers(page) -> dict[str, int]:
    said = await page.locator("#operations dd").evaluate_all(
        "all => all.map(dd => [dd.dataset.figure, dd.textContent])"
    )
    return {name: int(text.replace(",", "")) for name, text in said if name in FIGURES}


@pytest_asyncio.fixture(loop_scope="session")
async def running(tmp_path):
    write_sales(tmp_path / "sales.csv")
    (tmp_path / "rules.toml").write_text(f"[products.{ASKED_ABOUT}]\napproval_above = 1\n")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", "local", "--sales", str(tmp_path / "sales.csv")),
        *("--duplicate-rate", "0.1", "--until-done", "--keep-open", "--report", str(tmp_path / "report")),
        env={
            **os.environ,
            "RESTOCK_DASHBOARD_PORT": str(port),
            "RESTOCK_RULES": str(tmp_path / "rules.toml"),
            "OMP_NUM_THREADS": "1",
        },
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}/", tmp_path / "report" / "summary.json", process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def listening(url: str) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))
        except OSError:
            await asyncio.sleep(0.2)
            continue
        writer.close()
        return


async def approved(page) -> None:
    """Lets the oldest held order go, and sees the worker send it."""
    await page.fill("#search", "")
    await page.locator("#chips [data-show=proposed]").click()
    await expect(page.locator("#rows tr")).to_have_count(1)
    await page.locator("#rows button.name", has_text=ASKED_ABOUT).click()
    orders = page.locator("#product .orders > li")
    oldest = orders.filter(has=page.get_by_role("button", name="Approve")).last
    quantity = await oldest.locator("strong").inner_text()
    sent = orders.filter(has_text="Requested").filter(has_text=quantity)
    assert await sent.count() == 0
    await oldest.get_by_role("button", name="Approve").click()
    await expect(sent).to_have_count(1, timeout=15_000)


async def test_the_page_follows_a_run_and_ends_with_the_figures_of_its_report(chromium, running):
    url, report, process = running
    async with asyncio.timeout(90):
        await listening(url)
    async with looking_at(chromium, url) as looked:
        page = looked.page
        await page.evaluate("globalThis.loadedOnce = true")
        counted = set()
        async with asyncio.timeout(90):
            while not report.exists():
                if await page.locator("#operations dd").count():
                    counted.add((await numbers(page))["Sales counted"])
                await asyncio.sleep(0.1)
        said = json.loads(report.read_text())
        for name, figure in FIGURES.items():
            await expect(page.locator(f"dd[data-figure='{name}']")).to_have_text(f"{figure(said):,}")
        assert said["insights"] > 0
        insights = page.locator("dd[data-figure='Insights']")
        async with asyncio.timeout(10):  # a word more may follow what the report counted
            while int((await insights.inner_text()).replace(",", "")) < said["insights"]:
                await page.wait_for_timeout(100)
        await expect(page.locator("#found")).to_have_text(f"{said['products']} products", timeout=10_000)
        assert len(counted) > 2  # it was seen to count
        assert said["quarantined"] >= BAD_ROWS  # one that is sent twice is kept twice
        assert said["duplicates"] > 0
        assert await page.evaluate("globalThis.loadedOnce")
        await page.fill("#search", HOSTILE)
        await expect(page.locator("#rows tr")).to_have_count(1)
        await page.locator("#rows button.name").click()
        await page.wait_for_selector("#product [data-drawn]")
        assert await page.locator("#product canvas").count() == 2
        await expect(page.locator("#product-name")).to_have_text(HOSTILE)
        assert await page.title() == "Restock"
        await page.keyboard.press("Escape")
        await approved(page)
        assert looked.said == []
        assert looked.hosts == {"127.0.0.1"}
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        assert await process.wait() == 0
