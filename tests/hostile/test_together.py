"""Products of a category that run out on one day are asked about once, through the worker's own loop."""

from __future__ import annotations

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from handlers.metrics import Metric
from hostile.shop import Shop, bedrock

FIRST = 20_000


def rush(product: ProductKey, category: str | None) -> list[SaleRecorded]:
    sold = [2] * 21 + [30, 30]
    return [
        SaleRecorded(product, f"{product}{n}", (FIRST + n) * MS_PER_DAY, units, units, False, category)
        for n, units in enumerate(sold)
    ]


async def test_a_day_on_which_a_category_runs_out_is_one_question():
    teas = [ProductKey(f"T{n}") for n in range(5)]
    sales = [sale for product in teas for sale in rush(product, "Tea")] + rush(ProductKey("J"), "Jam")
    async with bedrock() as explainer:
        shop = Shop(explainer)
        await shop.explained(sales)
    assert len(shop.insights) == 6
    assert shop.metrics[Metric.INSIGHT_CALLS] == 2
    assert {each["product_id"]: len(each["asked_with"]) for each in shop.insights} == {
        **{product.product_id: 4 for product in teas},
        "J": 0,
    }
    assert all(each["source"] == "bedrock" for each in shop.insights)
