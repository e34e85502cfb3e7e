"""How confident are the forecasts, and how much do they promise?

ForecastedDemand and ForecastConfidence go to CloudWatch once a minute over all products together, and for each
product on the allow-list alone: every product with metrics of its own is billed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.policy import FORECAST_DAYS
from handlers.metrics import Metric
from handlers.ports import ForecastRecord
from worker.aws.clients import translated
from worker.aws.dynamodb import chunks
from worker.retry import retrying
from worker.telemetry import NAMESPACE

DATA_MAX = 500


class CloudWatchForecasts:
    def __init__(self, client: Any, products: Sequence[str]) -> None:
        self._client = client
        self._products = frozenset(products)

    async def publish(self, records: Sequence[ForecastRecord]) -> None:
        data = _together([r.forecast.over(FORECAST_DAYS).mean for r in records], Metric.FORECASTED_DEMAND)
        data += _together([r.confidence for r in records if r.confidence is not None], Metric.FORECAST_CONFIDENCE)
        for record in records:
            if record.product.product_id in self._products:
                data += _of_product(record)
        for part in chunks(data, DATA_MAX):
            await self._put(part)

    async def _put(self, data: Sequence[dict[str, Any]]) -> None:
        async def once() -> None:
            with translated("PutMetricData"):
                await self._client.put_metric_data(Namespace=NAMESPACE, MetricData=list(data))

        await retrying(once)


def _together(values: Sequence[float], metric: Metric) -> list[dict[str, Any]]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    statistics = {
        "SampleCount": len(finite),
        "Sum": math.fsum(finite),
        "Minimum": min(finite),
        "Maximum": max(finite),
    }
    return [{"MetricName": metric.label, "Unit": metric.unit, "StatisticValues": statistics}]


def _of_product(record: ForecastRecord) -> list[dict[str, Any]]:
    dimensions = [{"Name": "ProductId", "Value": record.product.product_id}]
    if record.product.location_id is not None:
        dimensions.append({"Name": "LocationId", "Value": record.product.location_id})
    values = {
        Metric.FORECASTED_DEMAND: record.forecast.over(FORECAST_DAYS).mean,
        Metric.FORECAST_CONFIDENCE: record.confidence,
    }
    at = datetime.fromtimestamp(record.made_at / 1000, UTC)
    return [
        {"MetricName": m.label, "Unit": m.unit, "Value": value, "Dimensions": dimensions, "Timestamp": at}
        for m, value in values.items()
        if value is not None and math.isfinite(value)
    ]
