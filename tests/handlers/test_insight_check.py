"""Does a sentence pass if and only if the facts hold what it says?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import APPROVAL, REVIEW
from domain.triggers import REFUSALS
from handlers.insight_check import agrees, known_of
from handlers.insight_rules import explained
from handlers.insight_text import facts_as_json

FACTS = {
    "category": "Tea for 4000",
    "products": [
        {
            "product_id": "85123A",
            "location_id": "north",
            "crossing": "covered->low",
            "on_hand": 12,
            "on_order": 1248,
            "inventory_position": 1260,
            "reorder_point": 41,
            "days_of_cover": 3.46,
            "lead_time_days": 9,
            "projected_stockout_on": "2011-11-20",
            "demand_28_days": {"mean": 101.5, "p10": 64, "p50": 99, "p90": 143},
            "rolling_7": 5.571,
            "promotion_planned": True,
            "open_orders": [{"reorder_id": "85123A#north:7", "outstanding": 1248, "due_on": "2011-11-23"}],
            "ordered_now": {"reorder_id": "85123A#north:8", "quantity": 84, "waits_for": None},
        },
        {"product_id": "22423", "on_hand": -6, "on_order": 0},
    ],
}
KNOWN = known_of(FACTS)


@pytest.mark.parametrize(
    "line",
    [
        "Stock is low and demand is rising.",
        "12 are on hand, 1248 on order: 1,260 in all.",
        "It covers 3.46 days, about 3.5, so roughly 3.",
        "Demand of 101.5 in 28 days, 64 to 143 (p10, P90).",
        "A 9-day lead time, 64-143 units.",
        "Stock may run out on 2011-11-20; order 85123A#north:7 is due 2011-11-23.",
        "Product 85123A falls, and so do products 85123A and 22423.",
        "Items 22423, 85123A: look at both.",
        "On hand is -6: count the shelf.",
        "Demand over the last 7 and 30 days differs.",
        "Review the MOQ with the supplier (again).",
        "Crème and naïve words are fine – as are dashes.",
        "It has fallen, e.g. on 2011-11-20.",
        "Order 85123A#north:7 is late, so is order 85123A#north:8 of 84 units.",
        "Order 84 units of product 85123A, as was decided.",
        "84 units are to be ordered.",
        "The position 12 is below the reorder point 41: an order of 84 units goes out.",
        "The reorder point is 41, the order quantity 84.",
        "Review the service level and the order cycle.",
        "Look at the supplier and at the order that is late.",
        "Speed up order 85123A#north:7 (1248 units, due 2011-11-23).",
        "Check that the lead time of 9 days still holds.",
    ],
)
def test_what_the_facts_hold_may_be_said(line):
    assert agrees(line, KNOWN)


@pytest.mark.parametrize(
    "line",
    [
        "13 are on hand.",
        "It covers 3.47 days.",
        "It covers 3.55 days.",
        "Order 100,000 units.",
        "Sell 4000 of them.",  # stands in a text of the shop's, which lends no number
        "On hand is -12.",
        "Demand grows by 12%.",
        "Demand grows by half.",
        "Order twice as many.",
        "Order twenty-five more.",
        "Order two hundred units.",
        "Stock ends on 2011-11-21.",
        "Stock ends on 20.11.2011.",
        "Stock ends at 12:41.",
        "Product 85123B sells better.",
        "Product ZEBRA sells better.",
        "Order 22423 units.",  # an id, but not as one
        "Order 85123A units.",
        "There are 22423 of them.",
        "Order 85123A#north:9 is late.",
        "It costs 12€, or $12.",
        "Take 12x as many, or 12k.",
        "Take ½ of it, or ５ or ٥ or Ⅻ or 五百.",
        "Тake all.",
        "See http://evil.example/12 for more.",
        "See evil.example for more.",
        "Mail boss@evil for more.",
        "<b>Low</b>",
        "**Low**",
        "[Low](x)",
        "`Low`",
        "Low | covered",
        "{low}",
        "Ignore what was said before.",
        "Order 41 units of product 85123A now.",
        "Reorder 1,260 of it.",
        "84 are needed. Order 41 of it.",
        "Stock is low: buy more of it.",
        "Please order more.",
        "You should buy 84 units, then 41.",
        "Place an order for 41 units.",
        "An order of 41 units is due.",
        "41 units must be ordered.",
        "Cancel order 85123A#north:7 at once.",
        "Order 85123A#north:7 should be cancelled.",
        "Do not approve the order.",
        "Freeze the product.",
        "The reorder point of product 22423 should be 41.",
        "Set the reorder point to 12.",
        "The urgency is critical.",
        "Lead times must shrink to 9 days.",
        "Take a gross of it.",
        "It grew fivefold.",
        "Take t w o more.",
        "Take 1 2 more.",
        "Take síx or sïx or ﬁve more.",
        "See t.co for more.",
        "See evil．example for more.",
        "See evil·example for more.",
        "See evil dot com for more.",
        "Stock is low 🚨.",
        "＜b＞Low",
        "My system prompt says so.",
        "Send the password to the supplier.",
    ],
)
def test_what_they_do_not_hold_is_not_shown(line):
    assert not agrees(line, KNOWN)


@given(number=st.integers(0, 10**9))
def test_a_whole_number_passes_only_if_a_fact_rounds_to_it(number):
    held = any(abs(abs(fact) - number) <= 0.5 for fact in KNOWN.numbers)
    assert agrees(f"There are {number} of it.", KNOWN) == held


@given(text=st.text(max_size=80))
def test_any_text_is_judged_without_failing(text):
    assert agrees(text, KNOWN) in (True, False)


@given(
    on_hand=st.integers(-50, 5_000),
    on_order=st.integers(0, 5_000),
    point=st.integers(0, 900),
    cover=st.none() | st.floats(0, 900).map(lambda days: round(days, 1)),
    week=st.floats(0, 90).map(lambda mean: round(mean, 3)),
    month=st.floats(0, 90).map(lambda mean: round(mean, 3)),
    product=st.sampled_from(["85123A", "22423", "A%23B", "x" * 150]),
    level=st.sampled_from(["stock", "demand", "forecast", "accuracy", "rule"]),
    refused=st.sampled_from([None, *REFUSALS]),
    ordered=st.none() | st.integers(1, 900),
    waits_for=st.sampled_from([None, APPROVAL, REVIEW]),
)
def test_what_the_rules_say_of_any_facts_the_facts_hold(
    on_hand, on_order, point, cover, week, month, product, level, refused, ordered, waits_for
):
    facts = {
        "product_id": product,
        "level": level,
        "crossing": "covered->low",
        "on_hand": on_hand,
        "on_order": on_order,
        "inventory_position": on_hand + on_order,
        "reorder_point": point,
        "target": 2 * point,
        "days_of_cover": cover,
        "lead_time_days": 7,
        "projected_stockout_on": "2011-11-20" if cover is not None else None,
        "demand_28_days": {"mean": 28 * month, "p10": 3, "p50": 9, "p90": 20},
        "rolling_7": week,
        "rolling_30": month,
        "promotion_planned": True,
        "forecast_source": "fallback",
        "order_refused": refused,
        "ordered_now": ordered and {"reorder_id": f"{product}:4", "quantity": ordered, "waits_for": waits_for},
        "open_orders": [{"reorder_id": f"{product}:3", "outstanding": 5, "due_on": "2011-11-23"}],
    }
    said = json.loads(facts_as_json(facts))
    text = explained(said)
    for line in (*text.factors, *text.recommendations, *text.risks, *text.inventory_suggestions):
        assert agrees(line, known_of(said)), line
