"""Where can a planner, a dashboard or an accuracy report find a product's forecasts?

retail-forecasts holds one item a product and day, written again when the day's forecast changes and kept for
KEPT_DAYS. product is product_id, or product_id#location_id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.events import MS_PER_DAY
from domain.policy import FORECAST_DAYS
from domain.product import product_label
from handlers.announcements import iso_day, iso_time
from handlers.ports import ForecastRecord
from worker.aws.dynamodb import Item, batch_write, number, text

KEPT_DAYS = 400


class DynamoForecasts:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def save(self, records: Sequence[ForecastRecord]) -> None:
        items = {(record.product, record.forecast.as_of): _item(record) for record in records}
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": item}} for item in items.values()])


def _item(record: ForecastRecord) -> Item:
    total = record.forecast.over(FORECAST_DAYS)
    item = {
        "product_id": text(product_label(record.product)),
        "forecast_date": text(str(iso_day(record.forecast.as_of))),
        "forecast_period": number(FORECAST_DAYS),
        "predicted_demand": {"N": f"{total.mean:.3f}"},
        "reorder_point": number(record.reorder_point),
        "optimal_inventory": number(record.target),
        "source": text(record.forecast.source),
        "made_at": text(iso_time(record.made_at)),
        "expires_at": number((record.made_at // MS_PER_DAY + KEPT_DAYS) * MS_PER_DAY // 1000),
        **{name: number(units) for name, units in zip(("p10", "p50", "p90"), record.quantiles, strict=True)},
    }
    if record.confidence is not None:
        item["confidence"] = {"N": f"{record.confidence:.1f}"}
    return item
