"""Where can a planner, a dashboard or an accuracy report find a product's forecasts?

retail-forecasts holds one item a product and day, written again when anything in it changes and kept for KEPT_DAYS. Its
product_id is the product's, or product_id#location_id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from domain.events import MS_PER_DAY, ProductKey
from domain.policy import FORECAST_DAYS
from domain.product import product_label
from handlers.announcements import iso_day, iso_time
from handlers.ports import ForecastRecord
from worker.aws.dynamodb import Item, batch_write, number, text
from worker.aws.order_codec import decision_text

KEPT_DAYS = 400
REMEMBERED_MAX = 100_000


class DynamoForecasts:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._saved: OrderedDict[ProductKey, int] = OrderedDict()

    async def save(self, records: Sequence[ForecastRecord]) -> None:
        # Nearly every decision comes to the forecast that was saved for an earlier one of the day.
        unsaved = [record for record in records if self._saved.get(record.product) != _content(record)]
        items = {(record.product, record.forecast.as_of): _item(record) for record in unsaved}
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": item}} for item in items.values()])
        self._saved.update({record.product: _content(record) for record in unsaved})
        while len(self._saved) > REMEMBERED_MAX:
            self._saved.popitem(last=False)


def _content(record: ForecastRecord) -> int:
    """What is saved of a forecast, beside when it was made and what was decided then."""
    return hash(record[:-2])


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
    if record.decision is not None:
        item["decision"] = text(decision_text(record.decision))
    if record.confidence is not None:
        item["confidence"] = {"N": f"{record.confidence:.1f}"}
    return item
