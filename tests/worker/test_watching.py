"""Watching, by the whole worker against the embedded AWS and a model server that says twice what sells: promises,
scores, the event on the bus, and the baseline in its place."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
import pytest_asyncio
from aiohttp import web
from whole_worker import published, running, send

from domain.accuracy import EVERYTHING
from domain.drift import DAYS_A_WEEK
from domain.events import ProductKey
from domain.forecast import TotalDemand
from forecaster.formats import decode_request, encode_response
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.state import DynamoState

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

FIRST_WEEK = 2_850
PRODUCTS = [f"tea-{number}" for number in range(12)]
PAST_DAYS = 60
SOON_S = 30.0


@pytest_asyncio.fixture(loop_scope="session")
async def boastful(aws):
    """A model server that forecasts twice the level, as sure as can be."""

    async def invocations(request):
        asked = decode_request(await request.read())
        rows = zip(asked.features[:, 0].tolist(), asked.cover_days.tolist(), strict=True)
        totals = [[TotalDemand(days, 2 * level * days, 0.01) for days in covers] for level, covers in rows]
        return web.Response(body=encode_response("boastful", asked.items, totals), content_type="application/json")

    app = web.Application()
    app.router.add_post("/invocations", invocations)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    aws.gateway.route(aws.settings.sagemaker_endpoint, f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield
    await runner.cleanup()


def sold(*days):
    """A message of sales: two units of each product on each of these days."""
    epoch = date(1970, 1, 1)
    return [
        {
            "event_id": f"{product}-{day}",
            "product_id": product,
            "quantity": 2,
            "price": "1.00",
            "category": "tea",
            "date": str(epoch + timedelta(days=day)),
        }
        for day in days
        for product in PRODUCTS
    ]


async def soon(read, good):
    """What is read, as soon as it is good."""
    async with asyncio.timeout(SOON_S):
        while not good(said := await read()):  # noqa: ASYNC110 - the service has no event
            await asyncio.sleep(0.05)
    return said


async def test_a_model_that_promises_twice_what_sells_is_found_out_told_of_and_replaced(aws, boastful):
    settings = aws.settings
    book = DynamoAccuracyBook(aws.clients.dynamodb, settings.state_table, 10.0)
    state = DynamoState(aws.clients.dynamodb, settings.state_table, 10.0)
    start = FIRST_WEEK * DAYS_A_WEEK

    async def sources():
        states = await state.load([ProductKey(product) for product in PRODUCTS])
        return {each.forecast.source for each in states.values() if each.forecast is not None and not each.dirty}

    async with running(aws, watch_interval_s=0.2):
        await send(aws, *(sold(day) for day in range(start - PAST_DAYS, start)))
        await soon(sources, lambda said: said == {"model"})  # only what was known before today is watched
        for week in range(FIRST_WEEK, FIRST_WEEK + 7):
            first = week * DAYS_A_WEEK
            await send(aws, sold(first))
            promised = await soon(lambda week=week: book.promised(week), bool)
            assert {each.as_of for each in promised} == {first}
            await send(aws, *(sold(day) for day in range(first + 1, first + 7)))
        await send(aws, sold((FIRST_WEEK + 7) * DAYS_A_WEEK + 1))
        weeks = await soon(lambda: book.closed(10), lambda said: len(said) >= 7)
        await send(aws, sold((FIRST_WEEK + 7) * DAYS_A_WEEK + 2))
        await soon(sources, lambda said: said == {"fallback"})
    whole = weeks[0].board[EVERYTHING]
    assert (whole.windows, whole.sold) == (12, 12 * 7 * 2)
    assert whole.bias == pytest.approx(1.0, abs=0.05)
    assert whole.baseline_wape < 0.1
    assert weeks[-1].standing.on_baseline == {"tea"}
    told = [said["detail"] for said in await published(aws) if said["detail-type"] == "Retrain Suggested"]
    assert len(told) == 1
    assert told[0]["bias"] == pytest.approx(1.0, abs=0.05)
    assert {each["rule"] for each in told[0]["findings"]} == {"biased", "no better than the baseline"}
