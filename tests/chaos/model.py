"""What does the model endpoint answer?

The recent mean of each product, in the form that every container of ours answers: the forecast itself is not under
test, the way to it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from domain.forecast import TotalDemand
from forecaster.formats import FEATURES, decode_request, encode_response

DISPERSION = 0.05
LEVEL = FEATURES.index("level")


async def _invocations(request: web.Request) -> web.Response:
    asked = decode_request(await request.read())
    totals = [
        [TotalDemand(int(days), float(row[LEVEL] * days), DISPERSION) for days in cover]
        for row, cover in zip(asked.features, asked.cover_days, strict=True)
    ]
    return web.Response(body=encode_response("recent mean", asked.items, totals), content_type="application/json")


@asynccontextmanager
async def model_server() -> AsyncIterator[str]:
    """Serves the model on a free port for as long as the block; yields its address."""
    app = web.Application()
    app.router.add_post("/invocations", _invocations)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
