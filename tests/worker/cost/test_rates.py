"""How often what happens, by settings and by counts."""

import math

import pytest

from worker.cost.rates import INSIGHTS_A_PRODUCT_MONTH, Asked, batch_of, counted, expected
from worker.cost.touched import touched
from worker.cost.usage import Usage
from worker.settings import Settings

ASKED = Asked(events_per_day=864_000, products=1_000, sales_per_message=1)  # ten sales a second


def having(**values):
    return Settings.model_construct(**{**Settings.model_construct().model_dump(), **values})


def test_a_batch_grows_while_messages_come_within_the_linger():
    assert batch_of(ASKED, having(batch_linger_s=0.1)) == pytest.approx(math.e)
    assert batch_of(ASKED, having(batch_linger_s=0)) == 1


def test_a_batch_ends_at_its_size_and_where_no_more_messages_may_be_in_flight():
    patient = {"batch_linger_s": 5, "messages_in_flight": 100_000}
    assert batch_of(ASKED, having(**patient, batch_sales=3_000)) == 3_000
    assert batch_of(ASKED, having(batch_linger_s=5, messages_in_flight=200, batch_sales=5_000)) == 191
    packed = Asked(events_per_day=864_000, sales_per_message=100)
    assert batch_of(packed, having(batch_linger_s=0, batch_sales=50)) == 100  # a message is not cut


def test_tasks_share_the_sales_so_their_batches_are_smaller():
    settings = having(batch_linger_s=0.1)
    assert batch_of(Asked(events_per_day=864_000, sales_per_message=1, tasks=2), settings) == pytest.approx(
        math.exp(0.5)
    )


def test_products_are_decided_once_a_batch_or_once_an_interval():
    rare = expected(ASKED, having(batch_linger_s=0, decide_interval_s=30))
    assert rare.commits == pytest.approx(864_000)
    assert rare.decisions == pytest.approx(864_000 / 300 * touched(300, 1_000, 1.0))
    large = expected(Asked(864_000, 1_000, sales_per_message=1, batch_sales=5_000), having(decide_interval_s=30))
    assert large.commits == large.decisions == pytest.approx(864_000 / 5_000 * touched(5_000, 1_000, 1.0))
    assert large.batches == pytest.approx(864_000 / 5_000)


def test_a_forecast_is_saved_once_a_product_and_day():
    often = expected(ASKED, having(batch_linger_s=0, decide_interval_s=1))
    assert often.saves == pytest.approx(1_000, rel=0.01)
    rare = Asked(864_000, 100_000, zipf=0, sales_per_message=1, batch_sales=864_000)
    assert expected(rare, having()).saves == pytest.approx(expected(rare, having()).decisions)


def test_many_dirty_products_are_assessed_in_parts():
    asked = Asked(864_000, 1_000, zipf=0, sales_per_message=1, batch_sales=8_640)
    rates = expected(asked, having(decide_products=400))
    assert rates.assessments == pytest.approx(100 * 3)


def test_orders_come_once_a_cycle_insights_as_levels_are_crossed_and_questions_within_their_budget():
    every = having(order_cycle_days=10, insights_per_hour=200)
    rates = expected(ASKED, every)
    assert rates.orders == pytest.approx(100, rel=0.01)  # all thousand products sell within ten days
    assert rates.insights == pytest.approx(1_000 * INSIGHTS_A_PRODUCT_MONTH / 30, rel=0.01)
    assert expected(ASKED, having(bedrock_model="")).insights == 0
    asked = Asked(864_000, 1_000, sales_per_message=1, insight_share=0.5)
    assert expected(asked, having(insights_per_hour=1_000)).questions == 24_000
    few = expected(asked, having(insights_per_hour=1))
    assert (few.questions, few.insights) == (24, asked.insight_share * asked.events_per_day)


def test_a_run_of_ones_own_is_scaled_to_a_day():
    usage = Usage(sales=1_000, batches=10, assessments=20)
    usage.add(
        {
            "calls": {"bedrock-runtime.Converse": 2},
            "units": {"messages": 100},
            "items": {"header, sold": 500, "header, decided": 400, "order": 30, "insight": 5, "retail-forecasts": 20},
        }
    )
    rates = counted(Asked(events_per_day=10_000), having(insights_per_hour=200), usage)
    assert (rates.messages, rates.batches, rates.assessments) == (1_000, 100, 200)
    assert (rates.commits, rates.decisions, rates.orders) == (5_000, 4_000, 300)
    assert (rates.questions, rates.insights) == (20, 50)
    assert rates.saves == 200
    # Other batches than were counted are reckoned, not counted.
    asked = Asked(events_per_day=10_000, products=100, batch_sales=1_000)
    assert counted(asked, having(), usage) == expected(asked, having())
