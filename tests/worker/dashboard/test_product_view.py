"""The view's charts hold every day once, and its stock goes as the orders and the forecast say."""

from __future__ import annotations

import pytest
from browser.on_show import TODAY, a_shop

from domain.events import ProductKey
from domain.orders import OpenOrder
from domain.policy import FORECAST_DAYS
from domain.product import ProductState
from worker.dashboard.product_view import chart, projected
from worker.settings import Settings

KEY = ProductKey("Product 002")


@pytest.fixture
def shop():
    return a_shop(Settings(dashboard=True), products=4)


async def chart_of(shop, state):
    ((state, record),) = await shop.dashboard._view.looking.at([state])
    return chart(state, record)


async def test_each_day_has_what_sold_or_what_is_expected(shop):
    state = shop.store.headers[KEY]
    said = await chart_of(shop, state)
    past = said["as_of"] - said["first_day"]
    assert said["as_of"] == TODAY
    assert sum(said["sold"][:past]) == sum(bucket.net for bucket in state.buckets.values())
    assert said["sold"][past:] == [None] * FORECAST_DAYS
    assert said["mean"] == [None] * past + [4.0] * FORECAST_DAYS
    assert all(low <= 4.0 <= high for low, high in zip(said["low"][past:], said["high"][past:], strict=True))
    interval = state.intervals[-1]
    assert (said["low"][past - 1], said["high"][past - 1]) == (interval.low, interval.high)


async def test_a_delivery_lifts_the_stock_on_its_day_and_a_late_one_is_left_out(shop):
    order = OpenOrder(1, 50, 0, TODAY + 5, requested_on=TODAY)
    state = shop.stock(ProductKey("Delivered"), 8, open_orders=(order,))
    stock = [value for value in (await chart_of(shop, state))["stock"] if value is not None]
    assert stock[:7] == [4.0, 0.0, 0.0, 0.0, 0.0, 46.0, 42.0]
    late = state._replace(open_orders=(order._replace(due_on=TODAY - 1),))
    said = await chart_of(shop, late)
    assert said["late"] == 1
    assert said["stock"][-1] == 0.0


def test_what_is_owed_to_customers_is_not_forgiven_and_not_owed_more():
    assert projected(-3, 2.0, [0, 10, 0, 0, 0, 0]) == [-3.0, 5.0, 3.0, 1.0, 0.0, 0.0]


def test_a_product_without_a_forecast_shows_what_it_sold(shop):
    state = shop.store.headers[KEY]._replace(forecast=None)
    said = chart(state, None)
    assert said["as_of"] == max(state.buckets) + 1
    assert len(said["sold"]) == said["as_of"] - said["first_day"]
    assert chart(ProductState(KEY), None)["sold"] == []
