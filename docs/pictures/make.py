"""What does the live page look like? The pictures of the docs, made anew from a real run.

`make pictures` replays the bundled sample with `restock local`, looks at the page with a headless Chromium while it
goes on, and writes PNG files beside this one. The AWS behind it is the embedded emulator."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from worker.local.processes import free_port

HERE = Path(__file__).parent
WIDE = {"viewport": {"width": 1360, "height": 850}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
RUN_S = 600.0
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@asynccontextmanager
async def local_run(sales: int) -> AsyncIterator[str]:
    """Runs the sample's first sales to the end; gives the page's address when all of it is settled."""
    port, script = free_port(), Path(sys.executable).with_name("restock")
    with tempfile.TemporaryDirectory() as folder:
        command = [script, "local", "--until-done", "--keep-open", "--limit", str(sales), "--report", folder]
        environment = {**os.environ, "RESTOCK_DASHBOARD_PORT": str(port)}
        process = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)
        try:
            async with asyncio.timeout(RUN_S):
                while not Path(folder, "summary.json").exists():  # noqa: ASYNC110, ASYNC240 - another process writes it
                    await asyncio.sleep(0.5)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()


@asynccontextmanager
async def opened(browser: Browser, url: str, how: dict[str, Any]) -> AsyncIterator[Page]:
    context = await browser.new_context(**how)
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector("html[data-ready]")
    await page.wait_for_selector(".tile[data-status=fine]")
    yield page
    await context.close()


async def view(page: Page, at: int) -> None:
    """Opens the view of a product by its place in the list, and waits for its charts."""
    await page.locator("#rows button.name").nth(at).click()
    await page.wait_for_selector("#product [data-drawn]")
    await page.wait_for_timeout(400)


async def make(sales: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    async with local_run(sales) as url, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        async with opened(browser, url, WIDE) as page:
            await page.screenshot(path=HERE / "page.png")
            await view(page, 2)
            await page.screenshot(path=HERE / "product.png")
        async with opened(browser, url, {**WIDE, "color_scheme": "dark"}) as page:
            await page.screenshot(path=HERE / "page-dark.png")
        async with opened(browser, url, PHONE) as page:
            await page.screenshot(path=HERE / "phone.png")
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sales", type=int, default=40_000, help="how many of the sample's sales (default: 40000)")
    asyncio.run(make(parser.parse_args().sales))


if __name__ == "__main__":
    main()
