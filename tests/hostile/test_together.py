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


async def test_a_day_on_which_a_category_runs_out_is_as_few_questions_as_may_be():
    teas = [ProductKey(f"T{n}") for n in range(5)]
    sales = [sale for product in teas for sale in rush(product, "Tea")] + rush(ProductKey("J"), "Jam")
    async with bedrock() as explainer:
        shop = Shop(explainer)
        await shop.explained(sales)
    assert len(shop.insights) == 6
    assert shop.metrics[Metric.INSIGHT_CALLS] == 3
    assert {each["product_id"]: len(each["asked_with"]) for each in shop.insights} == {
        **{product.product_id: 2 for product in teas[:3]},
        **{product.product_id: 1 for product in teas[3:]},
        "J": 0,
    }
    assert all(each["source"] == "bedrock" for each in shop.insights)
    for each in shop.insights:
        others = {product.product_id for product in teas} - {each["product_id"]}
        words = " ".join(each["factors"] + each["recommendations"] + each["risks"])
        assert not any(f"Product {other}:" in words for other in others)
