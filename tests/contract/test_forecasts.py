"""The Forecasts contract: one item a product and day, the newest."""

from __future__ import annotations

import pytest
import pytest_asyncio
from contract_records import record
from fakes.clock import TODAY
from fakes.examples import A, B, C
from fakes.forecasts import InMemoryForecasts
from targets import trouble

from domain.product import product_label
from handlers.announcements import iso_day
from handlers.ports import ForecastRecord
from worker.aws.forecasts import DynamoForecasts

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Forecasts"


def row(said: ForecastRecord):
    """What a planner reads of a record."""
    return (
        product_label(said.product),
        iso_day(said.forecast.as_of),
        round(said.forecast.over(28).mean, 3),
        said.quantiles,
        (said.reorder_point, said.target),
        said.forecast.source,
        said.confidence,
    )


@pytest_asyncio.fixture(loop_scope="session")
async def forecasts(kind, world):
    if kind == "fake":
        return InMemoryForecasts()
    return DynamoForecasts(world.clients.dynamodb, world.settings.forecasts_table)


@pytest.fixture
def saved(forecasts, world):
    async def rows():
        if isinstance(forecasts, InMemoryForecasts):
            return sorted(row(said) for said in forecasts.saved.values())
        return sorted(
            (
                item["product_id"]["S"],
                item["forecast_date"]["S"],
                float(item["predicted_demand"]["N"]),
                tuple(int(item[name]["N"]) for name in ("p10", "p50", "p90")),
                (int(item["reorder_point"]["N"]), int(item["optimal_inventory"]["N"])),
                item["source"]["S"],
                float(item["confidence"]["N"]) if "confidence" in item else None,
            )
            for item in await world.items(world.settings.forecasts_table)
        )

    return rows


async def test_what_is_saved_can_be_read_by_product_and_day(forecasts, saved):
    records = [record(A), record(A, TODAY + 1, 41.25), record(C, source="fallback"), record(B, mean=0.0005)]
    await forecasts.save(records)
    assert await saved() == sorted(row(said) for said in records)


async def test_no_confidence_yet_is_left_out(forecasts, saved):
    await forecasts.save([record(confidence=None)])
    assert await saved() == [row(record(confidence=None))]


async def test_a_day_written_again_is_replaced(forecasts, saved):
    await forecasts.save([record(mean=1.0), record(mean=2.0)])
    await forecasts.save([record(mean=3.0)])
    assert await saved() == [row(record(mean=3.0))]


async def test_hundreds_in_one_call(forecasts, saved):
    records = [record(A._replace(product_id=f"p{n}")) for n in range(120)]
    await forecasts.save(records)
    assert await saved() == sorted(row(said) for said in records)
    await forecasts.save([])


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_what_is_refused_for_now_and_what_is_left_over_is_saved_all_the_same(forecasts, saved, world):
    throttled = trouble.error("ProvisionedThroughputExceededException")
    world.trouble.plan("batch_write_item", throttled, trouble.items_unprocessed(3), trouble.lost_answer)
    records = [record(A._replace(product_id=f"p{n}")) for n in range(10)]
    await forecasts.save(records)
    assert await saved() == sorted(row(said) for said in records)
