"""Products of a category that run out on one day are asked about once, through the worker's own loop."""

from __future__ import annotations

import asyncio
from collections import Counter

from fakes.explainer import FakeExplainer

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from handlers.explain import CROWDED
from handlers.metrics import Metric
from hostile.shop import Shop, bedrock
from worker.deciding import INSIGHTS_WAITING_MAX

FIRST = 20_000


def rush(product: ProductKey, category: str | None) -> list[SaleRecorded]:
    sold = [2] * 18 + [60]
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


async def test_what_finds_the_queue_full_is_told_by_rules_and_says_why():
    """A whole shop sells out on one day, before anybody is asked."""
    shop = Shop(FakeExplainer())
    products = [ProductKey(f"P{n:03d}") for n in range(INSIGHTS_WAITING_MAX + 5)]
    sales = [sale for product in products for sale in rush(product, None)]
    await shop.explained(sales)
    reasons = Counter(each["reason"] for each in shop.insights)
    assert reasons == {None: INSIGHTS_WAITING_MAX, CROWDED: 5}
    assert {each["source"] for each in shop.insights if each["reason"]} == {"rules"}
    assert (shop.metrics[Metric.INSIGHTS_CROWDED], shop.metrics[Metric.INSIGHTS_DROPPED]) == (5, 0)


async def test_what_finds_the_queue_full_is_told_while_the_model_is_waited_for():
    class Silent(FakeExplainer):
        async def explain(self, *question):
            await asyncio.Event().wait()

    shop = Shop(Silent())
    products = [ProductKey(f"P{n:03d}") for n in range(INSIGHTS_WAITING_MAX + 105)]
    await shop.play([sale for product in products for sale in rush(product, None)])
    assert Counter(each["reason"] for each in shop.insights) == {CROWDED: 105}


async def test_two_shops_share_no_budget():
    shops = [Shop(FakeExplainer()) for _ in range(2)]
    assert shops[0].explain._budget is not shops[1].explain._budget
