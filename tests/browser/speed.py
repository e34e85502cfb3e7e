"""How fast is the page with many products, and what do open pages cost the worker?

A process of its own holds the page of so many products, of which some change all the time as a busy worker's do. A real
Chromium measures paint and answers to a hand; connections that do what pages do measure what fifty of them cost; and
some that never read, whether the loop notices them. `make dashboard-speed`; docs/dashboard.md has figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import structlog
from playwright.async_api import async_playwright

from browser.conftest import ARGUMENTS, CHROMIUM
from browser.on_show import OnShow, made_up_rows, shown
from domain.events import ProductKey
from worker.settings import Settings

CHANGED_A_SECOND = 500
PAGES = 50
STUCK = 20
MEASURED_S = 20.0
REFRESH_S = 4.0
LOOKS = 5
WITHIN = """async ([selector, act, value]) => {
    const rows = document.getElementById("rows");
    const target = document.querySelector(selector);
    const changed = new Promise((done) => {
        const seen = new MutationObserver(() => { seen.disconnect(); done(); });
        seen.observe(rows, {childList: true});
    });
    const began = performance.now();
    if (act === "type") { target.value = value; target.dispatchEvent(new Event("input")); } else target.click();
    await changed;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - began;
}"""
OPENED = """async () => {
    const began = performance.now();
    document.querySelector("#rows button.name").click();
    while (!document.querySelector("#product [data-drawn]")) await new Promise((done) => requestAnimationFrame(done));
    const took = performance.now() - began;
    document.getElementById("product").close();
    return took;
}"""
HANDS = {
    "a search is typed": ("#search", "type", "sku-0123"),
    "the search is cleared": ("#search", "type", ""),
    "sorted by cover": ("th[data-column=cover] button", "click", ""),
    "sorted by name": ("th[data-column=product] button", "click", ""),
    "a tile is chosen": (".tile[data-status=soon]", "click", ""),
    "the next rows": ("#after", "click", ""),
}


async def serve(products: int) -> None:
    """Serves the page and writes, once a second, the processor time used and how late the loop was at most."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    shop = OnShow(Settings(dashboard=True, dashboard_port=0))
    shop.stock(ProductKey("SKU-000000", "store-0"), 20)
    rows = made_up_rows(products)
    shop.dashboard.board.put(rows)
    late = [0.0]

    async def work() -> None:
        version, at, step = 2, 0, CHANGED_A_SECOND // 20
        while True:
            began = time.perf_counter()
            shop.dashboard.board.put(row._replace(version=version) for row in rows[at : at + step])
            at = (at + step) % products
            version += 1
            await asyncio.sleep(0.05)
            late[0] = max(late[0], time.perf_counter() - began - 0.05)

    async with shown(shop):
        working = asyncio.create_task(work())
        while not working.done():
            said = {"port": shop.dashboard.port, "cpu_s": time.process_time(), "late_s": late[0]}
            late[0] = 0.0
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()
            await asyncio.sleep(1)


@asynccontextmanager
async def served(products: int):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "browser.speed", "--serve", "--products", str(products)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def told(process) -> dict[str, float]:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def cost(process, seconds: float = MEASURED_S) -> tuple[float, float]:
    """The share of a core that the process took, and how late its loop was at most (s)."""
    first, began = await told(process), time.perf_counter()
    last, late = first, 0.0
    while time.perf_counter() - began < seconds:
        last = await told(process)
        late = max(late, last["late_s"])
    return (last["cpu_s"] - first["cpu_s"]) / (time.perf_counter() - began), late


async def as_a_page(session: aiohttp.ClientSession, url: str, number: int, search: str = "") -> None:
    """What an open page asks: the stream, and every few seconds the rows."""
    asks = {"rows": "50", "search": search}
    async with session.get(f"{url}api/live") as stream:
        asked_at = time.perf_counter() - REFRESH_S * number / PAGES
        async for line in stream.content:
            if line.startswith(b"data") and time.perf_counter() - asked_at > REFRESH_S:
                asked_at = time.perf_counter()
                async with session.get(f"{url}api/products", params=asks) as answer:
                    await answer.read()


def stuck(port: int) -> socket.socket:
    """A page that asks for the stream and never reads it."""
    held = socket.create_connection(("127.0.0.1", port))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    held.sendall(b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return held


async def pages_cost(process, url: str, port: int) -> dict[str, tuple[float, float]]:
    measured = {"no page": await cost(process)}
    measured[f"{PAGES} pages"] = await _open_pages(process, url, [""] * PAGES)
    # Each of them is found anew: none of the others asks the same.
    own = [f"sku-{number:03d}" for number in range(PAGES)]
    measured[f"{PAGES} pages, each with its own search"] = await _open_pages(process, url, own)
    holding = [stuck(port) for _ in range(STUCK)]
    measured[f"{STUCK} pages that never read"] = await cost(process)
    for held in holding:
        held.close()
    return measured


async def _open_pages(process, url: str, searches: list[str]) -> tuple[float, float]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), read_bufsize=1 << 20) as session:
        asking = [asyncio.create_task(as_a_page(session, url, *each)) for each in enumerate(searches)]
        await asyncio.sleep(2)
        measured = await cost(process)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    return measured


async def looks(url: str) -> dict[str, list[float]]:
    """Milliseconds until the first paint, until the first rows, and until each answer to a hand."""
    found: dict[str, list[float]] = {}
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for _ in range(LOOKS):
            page = await browser.new_page()
            await page.goto(url)
            await page.wait_for_selector("html[data-ready]")
            await page.wait_for_selector(".tile[data-status=soon]")
            ready = await page.evaluate("performance.now()")
            paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            found.setdefault("first paint", []).append(paint)
            found.setdefault("first rows, as the test sees them", []).append(ready)
            for name, hand in HANDS.items():
                found.setdefault(name, []).append(await page.evaluate(WITHIN, list(hand)))
            await page.goto(f"{url}?search=sku-000000%23")
            await page.wait_for_selector("html[data-ready]")
            for name in ("a product is opened, with its charts", "it is opened again"):
                found.setdefault(name, []).append(await page.evaluate(OPENED))
            await page.close()
        await browser.close()
    return found


async def measure(products: int) -> None:
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(served(products))
        port = int((await told(process))["port"])
        url = f"http://127.0.0.1:{port}/"
        draining = asyncio.create_task(_drain(process))
        found = await looks(url)
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        say(f"{products:,} products, {CHANGED_A_SECOND} of them decided a second\n")
        for name, times in found.items():
            say(f"{name:36} median {statistics.median(times):6.0f} ms   slowest {max(times):6.0f} ms")
        for name, (share, late) in (await pages_cost(process, url, port)).items():
            say(f"{name:36} {share:6.1%} of a core   loop late by {late * 1000:4.0f} ms at most")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


async def _drain(process) -> None:
    while True:
        await told(process)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not CHROMIUM or not shutil.which(CHROMIUM):
        parser.error("no Chromium here: apt-get install chromium")
    asyncio.run(serve(chosen.products) if chosen.serve else measure(chosen.products))


if __name__ == "__main__":
    main()
