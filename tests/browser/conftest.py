"""A real headless Chromium, the system's own: without one, or without Playwright, these tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from browser.on_show import a_shop, shown
from worker.settings import Settings

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
# No sandbox: the tests run as root in a container, and the pages are our own.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@dataclass
class Looked:
    """A page and what became of it: what the console said, and which hosts it asked."""

    page: object
    said: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium():
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium")
    playwright = pytest.importorskip("playwright.async_api", reason="Playwright is in the extra test")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def settings(monkeypatch) -> Settings:
    monkeypatch.delenv("RESTOCK_DASHBOARD_TOKEN", raising=False)
    return Settings(dashboard=True, dashboard_port=0, dashboard_plans=True)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(settings):
    async with shown(a_shop(settings)) as served:
        yield served


@asynccontextmanager
async def looking_at(chromium, url: str, **how) -> AsyncIterator[Looked]:
    """Opens the page in a context of its own and waits for its first rows."""
    context = await chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **how})
    looked = Looked(await context.new_page())
    looked.page.on("console", lambda message: looked.said.append(message.text))
    looked.page.on("pageerror", lambda error: looked.said.append(str(error)))
    looked.page.on("request", lambda request: looked.hosts.add(urlsplit(request.url).hostname))
    try:
        await looked.page.goto(url)
        await looked.page.wait_for_selector("html[data-ready]")
        yield looked
    finally:
        await context.close()
