"""The ForecastMetrics contract: demand and confidence over all products, and alone for those on the list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from contract_records import record
from fakes.examples import A, B, C
from fakes.forecasts import InMemoryForecastMetrics
from targets import trouble

from worker.aws.cloudwatch import CloudWatchForecasts
from worker.clock import SystemClock
from worker.telemetry import NAMESPACE

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "ForecastMetrics"

LISTED = ("A", "C")


@pytest_asyncio.fixture(loop_scope="session")
async def metrics(kind, world):
    if kind == "fake":
        return InMemoryForecastMetrics(LISTED)
    return CloudWatchForecasts(world.clients.cloudwatch, LISTED)


@pytest.fixture
def together(metrics, world):
    """(count, sum, least, most) of a metric over all products."""

    async def read(name):
        if isinstance(metrics, InMemoryForecastMetrics):
            index = ["ForecastedDemand", "ForecastConfidence"].index(name)
            values = [value for publication in metrics.together for value in publication[index]]
            return (len(values), sum(values), min(values), max(values)) if values else None
        now = datetime.now(UTC)
        answer = await world.straight.cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7_200,
            Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
        )
        points = [p for p in answer["Datapoints"] if p["SampleCount"]]
        if not points:
            return None
        [p] = points
        return p["SampleCount"], p["Sum"], p["Minimum"], p["Maximum"]

    return read


@pytest.fixture
def alone(metrics, world):
    """Which products have metrics of their own: (product, location, metric)."""

    async def read():
        if isinstance(metrics, InMemoryForecastMetrics):
            found = []
            for key, _, confidence in metrics.alone:
                found.append((*key, "ForecastedDemand"))
                if confidence is not None:
                    found.append((*key, "ForecastConfidence"))
            return sorted(found, key=str)
        listed = (await world.straight.cloudwatch.list_metrics(Namespace=NAMESPACE))["Metrics"]
        found = []
        for metric in listed:
            dimensions = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
            if dimensions:
                found.append((dimensions["ProductId"], dimensions.get("LocationId"), metric["MetricName"]))
        return sorted(set(found), key=str)

    return read


async def test_listed_products_have_metrics_of_their_own_and_others_have_not(metrics, alone):
    # CloudWatch takes nothing older than two weeks.
    now = SystemClock().now()
    await metrics.publish([record(A, made_at=now), record(B, made_at=now), record(C, confidence=None, made_at=now)])
    assert await alone() == [
        ("A", None, "ForecastConfidence"),
        ("A", None, "ForecastedDemand"),
        ("C", "north", "ForecastedDemand"),
    ]


async def test_all_products_are_told_of_together(metrics, together):
    await metrics.publish([record(B, mean=10.0, confidence=60.0), record(B, mean=30.5, confidence=None)])
    assert await together("ForecastedDemand") == (2, 40.5, 10.0, 30.5)
    assert await together("ForecastConfidence") == (1, 60.0, 60.0, 60.0)


async def test_what_is_no_number_is_left_out(metrics, together):
    await metrics.publish([record(B, mean=float("nan")), record(B, mean=float("inf")), record(B, mean=2.0)])
    assert await together("ForecastedDemand") == (1, 2.0, 2.0, 2.0)


async def test_nothing_to_tell_is_nothing_told(metrics, alone, together):
    await metrics.publish([])
    assert (await alone(), await together("ForecastedDemand")) == ([], None)


async def test_thousands_of_products_are_told_of_in_one_publication(metrics, together):
    await metrics.publish([record(B._replace(product_id=f"p{n}"), mean=1.0) for n in range(3_000)])
    assert (await together("ForecastedDemand"))[:2] == (3_000, 3_000.0)


@pytest.mark.no_fake
@pytest.mark.usefixtures("no_waiting")
async def test_what_is_refused_for_now_is_told_all_the_same(metrics, together, world):
    world.trouble.plan("put_metric_data", trouble.error("Throttling"), trouble.lost_request)
    await metrics.publish([record(B, mean=2.0)])
    assert await together("ForecastedDemand") == (1, 2.0, 2.0, 2.0)
