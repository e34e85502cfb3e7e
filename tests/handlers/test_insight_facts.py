"""Which facts are an insight's, and what do rules make of them?"""

from __future__ import annotations

import json
from dataclasses import replace
from numbers import Number

from fakes.clock import NOW, TODAY
from fakes.examples import A, C, sale
from fakes.faults import Fault
from fallen_products import fallen, said

from handlers.insight_facts import facts_of, questions_of
from handlers.insight_rules import explained
from handlers.insight_text import facts_as_json
from handlers.place_reorders import Crossed


async def test_the_facts_are_numbers_of_ours_and_names(deciding):
    crossed = await fallen(deciding, C)
    facts = facts_of(crossed)
    names = {
        "product_id": "C",
        "location_id": "north",
        "level": "stock",
        "crossing": "excess->low",
        "forecast_source": "model",
        "projected_stockout_on": "2024-10-05",
        "last_sold_on": "2024-10-04",
        "promotion_starts_on": None,
        "promotion_ends_on": None,
        "order_refused": None,
    }
    for name, value in names.items():
        assert facts.pop(name) == value
    assert facts.pop("open_orders") == []
    quantity = crossed.decision.order.recommended_order_quantity
    assert facts.pop("ordered_now") == {"reorder_id": "C#north:1", "quantity": quantity, "waits_for": None}
    numbers = [*facts.pop("demand_28_days").values(), *facts.values()]
    assert all(isinstance(value, Number) for value in numbers)
    assert facts["on_hand"] == 2
    assert (facts["on_order"], facts["inventory_position"]) == (0, 2)
    assert (facts["reorder_point"], facts["target"]) == (crossed.assessment.reorder_point, crossed.assessment.target)
    assert (facts["rolling_7"], facts["sold_28_days"], facts["selling_days_of_28"]) == (3.0, 57, 19)
    assert facts["promotion_planned"] is False


async def test_orders_that_were_open_before_are_told_of_without_the_new_one(deciding):
    first = await fallen(deciding)
    deciding.inventory.put(A, -400, NOW + 2)
    await deciding.sold(sale(A, "more", 1, TODAY))
    [second] = (await deciding.decided(A)).decisions
    facts = facts_of(Crossed(first.assessment, second))
    assert [order["reorder_id"] for order in facts["open_orders"]] == ["A:1"]
    assert facts["ordered_now"]["reorder_id"] == "A:2"
    assert facts["on_order"] == first.decision.order.recommended_order_quantity


async def test_where_nothing_was_ordered_there_is_no_order_among_the_facts(deciding):
    crossed = await fallen(deciding)
    still = replace(crossed.decision, order=None)
    assert facts_of(replace(crossed, decision=still))["ordered_now"] is None


async def test_a_stock_that_nobody_knows_is_no_position_and_no_sentence(deciding):
    await deciding.sold(*(sale(A, f"e{age}", 3, TODAY - age) for age in range(1, 20)))
    assessments = await deciding.assessed(A)
    [decision] = (await deciding.place(assessments)).decisions
    facts = facts_of(Crossed(assessments[0], decision))
    assert (facts["on_hand"], facts["inventory_position"], facts["days_of_cover"]) == (None, None, None)
    text = explained(facts)
    words = " ".join((*text.factors, *text.recommendations, *text.risks, *text.inventory_suggestions))
    assert "position" not in words
    assert "unknown" not in words
    assert text.recommendations == ("The stock is not known: enter it, for nothing is ordered until then.",)


async def test_rules_say_the_order_that_goes_out_and_what_it_was_decided_from(deciding, explain, faults, bus):
    crossed = await fallen(deciding)
    faults.plan("explain", Fault.BEFORE)
    await explain([crossed])
    [detail] = said(bus)
    order, point = crossed.decision.order, crossed.assessment.reorder_point
    sent = f"order {order.reorder_id} of {order.recommended_order_quantity} units goes out."
    assert detail["recommendations"] == [f"The position 2 has reached the reorder point {point}: {sent}"]
    assert "On hand 2, on order 0: the inventory position is 2" in detail["factors"][1]


async def test_the_facts_can_be_sent(deciding):
    crossed = await fallen(deciding)
    assert json.loads(facts_as_json(facts_of(crossed))) == facts_of(crossed)


async def test_the_same_facts_have_the_same_hash_and_others_another(deciding):
    crossed = await fallen(deciding)
    [once], [again] = questions_of([crossed]), questions_of([crossed])
    assert once.facts_hash == again.facts_hash
    other = crossed.decision
    record = other.record
    moved = record._replace(known=record.known._replace(stock=(3, NOW)))
    [changed] = questions_of([replace(crossed, decision=replace(other, record=moved))])
    assert changed.facts_hash != once.facts_hash
