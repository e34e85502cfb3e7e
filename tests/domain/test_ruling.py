"""How much is ordered follows from what is known, can be made again from the record, and be told in sentences."""

from __future__ import annotations

import json

import pytest
from domain_streams import MUG, NEW_YEARS_EVE, NOW
from hypothesis import given
from hypothesis import strategies as st

from domain.buying import Buying
from domain.decision import assess, decide
from domain.explanation import explain_decision
from domain.forecast import DemandForecast, TotalDemand, total_quantile
from domain.lifecycle import FOR_EVER
from domain.orders import APPROVAL, REVIEW, OpenOrder
from domain.policy import SupplyTerms
from domain.product import Freeze, Override, ProductState, StockLevel
from domain.ruling import (
    OPEN_ORDERS_MAX,
    DecisionRecord,
    Known,
    due_of,
    record_from,
    record_row,
    replay,
    rule_on,
)

D = NEW_YEARS_EVE
TERMS = SupplyTerms()
KNOWN = Known("MUG", NOW, D, "model", 42, (16.0, 0.0), 56.0, TERMS, Buying("e3b0c44298fc1c149afb"), (5, 1), 0, 0)


def ruled(known=KNOWN, **said):
    return rule_on(known._replace(**said), 23, 51)


def buying(**said):
    return KNOWN.buying._replace(**said)


def test_the_policy_alone():
    assert (ruled().needed, ruled().quantity, ruled().why, ruled().hold) == (46, 46, "ordered", "")
    assert (ruled(stock=(24, 1)).quantity, ruled(stock=(24, 1)).why) == (0, "enough")
    assert (ruled(stock=None, on_order=0).quantity, ruled(stock=None).why) == (0, "stock unknown")


@pytest.mark.parametrize(
    ("said", "quantity", "why"),
    [
        ({"frozen_until": D}, 0, "frozen"),
        ({"buying": buying(frozen=True)}, 0, "frozen"),
        ({"open_orders": OPEN_ORDERS_MAX}, 0, "too many open orders"),
        ({"override": Override(1, 7, FOR_EVER)}, 7, "overridden"),
        ({"override": Override(1, 7, FOR_EVER), "frozen_until": D}, 0, "frozen"),
        ({"override": Override(1, 7, FOR_EVER), "stock": (99, 1)}, 0, "enough"),
        ({"buying": buying(maximum_stock=30)}, 25, "ordered"),
        ({"buying": buying(maximum_stock=30), "on_order": 10}, 15, "ordered"),
        ({"buying": buying(maximum_stock=30), "terms": TERMS._replace(pack_size=10)}, 20, "ordered"),
        ({"buying": buying(maximum_stock=30), "terms": TERMS._replace(minimum_order_quantity=26)}, 0, "no room"),
        ({"buying": buying(maximum_stock=5)}, 0, "no room"),
        ({"buying": buying(maximum_stock=51)}, 46, "ordered"),
    ],
)
def test_what_planners_and_rules_say_comes_after_the_policy(said, quantity, why):
    ruling = ruled(**said)
    assert ruling.quantity == quantity
    assert ruling.why.startswith(why)


@pytest.mark.parametrize(
    ("said", "hold"),
    [
        ({"buying": buying(approval_above_minor=4_600), "unit_minor": 100.0}, ""),
        ({"buying": buying(approval_above_minor=4_599), "unit_minor": 100.0}, APPROVAL),
        ({"buying": buying(approval_above_minor=10**9)}, APPROVAL),
        ({"buying": buying(joined=True, supplier="acme")}, REVIEW),
        ({"buying": buying(joined=True, approval_above_minor=1), "unit_minor": 1.0}, APPROVAL),
    ],
)
def test_an_order_waits_for_whoever_must_let_it_go(said, hold):
    """What nobody can value is not known to be below the limit."""
    assert ruled(**said).hold == hold


def said_by(**said):
    known = KNOWN._replace(**said)
    return explain_decision(DecisionRecord(known, rule_on(known, 23, 51)))


def test_an_explanation_says_the_numbers_that_it_was_decided_by():
    assert said_by() == [
        "On 2011-12-31 16.0 units were expected to sell in 8 days, by the model.",
        "For a service level of 95.0% over 7 days of lead time and 1 of review the reorder point is 23, the target 51.",
        "5 on hand and 0 on order make a position of 5, at or below the reorder point.",
        "46 were ordered: what is missing to the target, at least 0, in packs of 1.",
        "The rules were those with the hash e3b0c44298fc.",
    ]


NOTHING = "46 were needed, and nothing was ordered: "
FELL_BACK = "On 2011-12-31 16.0 units were expected to sell in 8 days, by the baseline, as the model did not answer."
FOR, S = "For ", " over 7 days of lead time and 1 of review the reorder point is 23, the target 51."
DEAR = "It is worth 117.30 and waits for a planner, who approves what is above 100.00."


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"stock": (30, 1)}, "Nothing was ordered."),
        ({"stock": None}, "The shop has no record of its stock, so that nothing can be said of a need."),
        ({"frozen_until": D}, NOTHING + "the product is frozen by a planner until 2011-12-31."),
        ({"frozen_until": FOR_EVER}, NOTHING + "the product is frozen by a planner."),
        ({"buying": buying(frozen=True)}, NOTHING + "the product is frozen by a rule."),
        (
            {"override": Override(1, 7, FOR_EVER, "Ann")},
            "7 were ordered as a planner (Ann) said; the policy asked for 46.",
        ),
        ({"buying": buying(joined=True, supplier="acme")}, "It waits for the next review of supplier acme."),
        ({"buying": buying(approval_above_minor=100_00, maximum_stock=51), "unit_minor": 255.0}, DEAR),
        (
            {"buying": buying(maximum_stock=30)},
            "25 were ordered, cut to the maximum stock of 30; what is missing to the target comes to 46.",
        ),
        ({"open_orders": OPEN_ORDERS_MAX}, NOTHING + "64 orders are open."),
        ({"forecast_source": "fallback"}, FELL_BACK),
        (
            {"terms": TERMS._replace(fill_rate=0.97, shortage_cost=2.0, holding_cost=0.1)},
            FOR + "a fill rate of 97.0%" + S,
        ),
        (
            {"terms": TERMS._replace(shortage_cost=2.0, holding_cost=0.1)},
            FOR + "a unit missing that costs 2 against 0.1 a day for one held" + S,
        ),
    ],
)
def test_each_reason_has_its_sentence(said, sentence):
    assert sentence in said_by(**said)


def test_sales_that_are_lost_whatever_is_ordered_are_said():
    """Five on hand, and two a day for a week."""
    sentence = next(each for each in said_by(day=(2.0, 0.0), due=()) if "reorder point is" in each)
    assert sentence.endswith("the target 51, without 9 that will be asked for before an order can arrive and be lost.")


def test_what_is_on_its_way_is_known_by_the_days_that_it_takes():
    """What is late may come any day; of what waits to be sent nobody can say."""
    orders = [OpenOrder(1, 5, 0, D - 3), OpenOrder(2, 9, 2, D + 4), OpenOrder(3, 8, 0, D + 1, hold=APPROVAL)]
    assert due_of([*orders, OpenOrder(4, 6, 6, D + 2)], D) == ((0, 5), (4, 7))


def test_a_decision_of_an_older_version_is_made_again_as_it_was():
    """Even where costs decide, and with an empty shelf."""
    terms = TERMS._replace(shortage_cost=5.0, holding_cost=1.0)
    old = [[*KNOWN._replace(terms=terms[:13], stock=(0, 1))[:15]], [25, 53, 53, 53, "ordered", ""]]
    record = record_from(json.loads(json.dumps(old)))
    point = int(total_quantile(5 / 6, 16.0, 0.0))
    assert replay(record)[:4] == (point, point + 28, point + 28, point + 28)


def test_a_decision_is_written_so_that_versions_before_and_after_can_read_it():
    record = DecisionRecord(KNOWN._replace(due=((2, 9),), terms=TERMS._replace(backorders=True)), ruled())
    row = json.loads(json.dumps(record_row(record)))
    assert (len(row[0]), len(row[0][7])) == (15, 13)  # an older version takes the first two lists apart by position
    assert record_from([*row[:2], [*row[2], "what a newer one knows"]]) == record


def written(record):
    """The record as another program would hand it back: lists of lists."""
    return record_from(json.loads(json.dumps(record_row(record))))


totals = st.floats(0.001, 500)
terms_of = st.builds(
    SupplyTerms,
    lead_time_days=st.integers(0, 30),
    review_days=st.integers(1, 9),
    order_cycle_days=st.integers(0, 30),
    service_level=st.floats(0.51, 0.99),
    pack_size=st.integers(1, 12),
    minimum_order_quantity=st.integers(0, 30),
    fill_rate=st.none() | st.floats(0.5, 0.99),
    shortage_cost=st.none() | st.floats(0.01, 9),
    holding_cost=st.none() | st.floats(0.01, 9),
    ordering_cost=st.none() | st.floats(0, 99),
    lead_time_sd_days=st.floats(0, 9),
    maximum_stock=st.none() | st.integers(0, 90),
    shelf_life_days=st.none() | st.integers(1, 90),
    backorders=st.booleans(),
)
ways_to_buy = st.builds(
    Buying,
    rules=st.text("abc"),
    supplier=st.sampled_from(["", "acme"]),
    joined=st.booleans(),
    frozen=st.booleans(),
    maximum_stock=st.none() | st.integers(0, 90),
    unit_cost_minor=st.none() | st.integers(0, 999),
    approval_above_minor=st.none() | st.integers(0, 9_999),
)


@given(
    level=st.none() | st.integers(-20, 120),
    demand=st.tuples(totals, st.floats(0, 25), totals),
    orders=st.lists(st.integers(0, 60), max_size=3),
    terms=terms_of,
    how=ways_to_buy,
    freeze=st.none() | st.builds(Freeze, st.just(1), st.integers(D - 2, D + 2)),
    override=st.none() | st.builds(Override, st.just(1), st.integers(0, 40), st.integers(D - 2, D + 2)),
)
def test_any_decision_is_the_same_when_it_is_made_again_from_its_record(
    level, demand, orders, terms, how, freeze, override
):
    mean, dispersion, period = demand
    state = ProductState(
        MUG,
        cycle=len(orders),
        open_orders=tuple(OpenOrder(n + 1, units, 0, D + 3 * n) for n, units in enumerate(orders)),
        freeze=freeze,
        override=override,
    )
    cover = {1: TotalDemand(1, 1.0, 0.0), 28: TotalDemand(28, period, 0.1)}
    cover.setdefault(terms.protection_days, TotalDemand(terms.protection_days, mean, dispersion))
    forecast = DemandForecast(D, "model", tuple(cover.values()))
    stock = StockLevel(level, 1) if level is not None else None
    decision = decide(state, assess([state], [stock], [terms], [forecast], [7], [how])[0], NOW)
    record = written(decision.record)
    assert record == decision.record
    assert replay(record) == decision.record.ruling
    ordered = decision.order.recommended_order_quantity if decision.order is not None else 0
    assert record.ruling.quantity == ordered
    assert explain_decision(record)
