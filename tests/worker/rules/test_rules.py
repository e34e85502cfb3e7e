"""Rules say what they say, whatever they are written in; what they may not say is refused with its place."""

from __future__ import annotations

import json

import pytest

from domain.buying import NO_RULES, Rule, RuleSet, buying_of, longest_gap, next_review_day, review_day
from domain.events import ProductKey
from domain.policy import SupplyTerms
from handlers.order_ports import InvalidRules
from worker.aws.clients import Clients
from worker.rules.formats import rules_in
from worker.rules.sources import FileRules, TableRules, rules_source

DEFAULT = SupplyTerms()
MUG, MUG_IN_LEEDS = ProductKey("MUG"), ProductKey("MUG", "LEEDS")

TOML = b"""
[defaults]
service_level = 0.9
[categories.Lights]
service_level = 0.98
supplier = "acme"
[suppliers.acme]
order_on = ["mon", "Thursday"]
minimum_order_value = 250.5
lead_time_days = 12
[products.MUG]
pack_size = 6
unit_cost = 2.55
[products."MUG#LEEDS"]
freeze = true
"""
AS_JSON = {
    "products": {"MUG#LEEDS": {"freeze": True}, "MUG": {"unit_cost": 2.55, "pack_size": 6}},
    "suppliers": {"acme": {"lead_time_days": 12, "order_on": "thu, mon", "minimum_order_value": 250.5}},
    "categories": {"Lights": {"service_level": 0.98, "supplier": "acme"}},
    "defaults": {"service_level": 0.9},
}
CSV = b"""scope,name,service_level,lead_time_days,order_on,minimum_order_value,pack_size,unit_cost,freeze,supplier
default,,0.9,,,,,,,
category,Lights,0.98,,,,,,,acme
supplier,acme,,12,mon thu,250.5,,,,
product,MUG,,,,,6,2.55,,
product,MUG#LEEDS,,,,,,,yes,
"""


def bought(rules, product, *, category=None, supplier=None, told=DEFAULT, learned=None):
    return buying_of(rules, product, category, supplier, told, DEFAULT, learned or {})


def test_the_same_rules_in_three_formats_are_the_same_rules_with_the_same_digest():
    read = [
        rules_in(TOML, "rules.toml"),
        rules_in(json.dumps(AS_JSON).encode(), "rules.json"),
        rules_in(CSV, "s3://bucket/rules.csv"),
    ]
    assert read[0] == read[1] == read[2]
    assert len(read[0].digest) == 64
    assert read[0].suppliers["acme"].minimum_order_value_minor == 25_050
    assert read[0].products["MUG"].unit_cost_minor == 255


def test_another_rule_is_another_digest():
    one = rules_in(b'{"defaults": {"lead_time_days": 3}}', "a.json")
    other = rules_in(b'{"defaults": {"lead_time_days": 4}}', "a.json")
    assert one.digest != other.digest


def test_the_most_specific_rule_wins_field_by_field():
    rules = rules_in(TOML, "rules.toml")
    buying, terms = bought(rules, MUG_IN_LEEDS, category="Lights")
    assert terms == DEFAULT._replace(service_level=0.98, lead_time_days=12, pack_size=6, review_days=4)
    assert (buying.supplier, buying.joined, buying.frozen, buying.unit_cost_minor) == ("acme", True, True, 255)
    assert buying.rules == rules.digest
    assert bought(rules, MUG)[0].supplier == ""
    assert bought(rules, MUG)[1].service_level == 0.9


def test_what_the_shops_table_says_outdoes_all_rules_but_those_for_the_product_itself():
    rules = RuleSet(
        "d", Rule(lead_time_days=3, pack_size=2), products={"MUG": Rule(pack_size=6)}, suppliers={"acme": Rule()}
    )
    told = DEFAULT._replace(lead_time_days=20, pack_size=10)
    assert bought(rules, MUG, told=told)[1] == DEFAULT._replace(lead_time_days=20, pack_size=6)
    assert bought(rules, MUG, supplier="acme")[0].supplier == "acme"


def stocked_for(terms):
    return terms.service_level, terms.fill_rate, terms.shortage_cost, terms.holding_cost


def test_what_a_product_is_stocked_for_is_what_the_most_specific_rule_says():
    rules = RuleSet(
        "d",
        Rule(fill_rate=0.97, holding_cost=0.01),
        categories={"Lights": Rule(service_level=0.9), "Mugs": Rule(shortage_cost=2.0)},
        products={"MUG": Rule(fill_rate=0.99)},
    )
    other = ProductKey("OTHER")
    assert stocked_for(bought(rules, other)[1]) == (0.95, 0.97, None, 0.01)
    assert stocked_for(bought(rules, other, category="Lights")[1]) == (0.9, None, None, 0.01)
    assert stocked_for(bought(rules, other, category="Mugs")[1]) == (0.95, None, 2.0, 0.01)
    assert stocked_for(bought(rules, MUG, category="Mugs")[1]) == (0.95, 0.99, 2.0, 0.01)
    told = DEFAULT._replace(service_level=0.8)
    assert stocked_for(bought(rules, other, told=told)[1]) == (0.8, None, None, 0.01)


def test_the_most_to_hold_is_what_the_product_s_own_rule_says_or_the_shops_table_or_another_rule():
    rules = RuleSet("d", Rule(maximum_stock=50), products={"MUG": Rule(maximum_stock=5)})
    told = DEFAULT._replace(maximum_stock=500)
    found = [bought(rules, MUG, told=told), bought(rules, ProductKey("X"), told=told), bought(rules, ProductKey("X"))]
    assert [buying.maximum_stock for buying, _ in found] == [5, 500, 50]
    assert {terms.maximum_stock for _, terms in found} == {None}


def test_a_learned_lead_time_is_used_only_where_a_rule_asks_for_it():
    asked = RuleSet("d", suppliers={"acme": Rule(lead_time_days=7, learn_lead_time=True), "other": Rule()})
    learned = {"acme": 11, "other": 30}
    assert bought(asked, MUG, supplier="acme", learned=learned)[1].lead_time_days == 11
    assert bought(asked, MUG, supplier="acme")[1].lead_time_days == 7
    assert bought(asked, MUG, supplier="other", learned=learned)[1].lead_time_days == 7


def test_without_rules_everything_is_as_the_settings_and_the_table_say():
    told = DEFAULT._replace(pack_size=9)
    buying, terms = bought(NO_RULES, MUG, category="Lights", told=told)
    assert (buying._replace(supplier=""), terms) == (type(buying)(), told)


@pytest.mark.parametrize(
    ("weekdays", "gap", "before", "after"),
    [((0,), 7, 4, 11), ((0, 3), 4, 7, 11), ((0, 1, 2, 3, 4), 3, 8, 11), ((0, 1, 2, 3, 4, 5, 6), 1, 10, 11)],
)
def test_review_days_by_the_calendar(weekdays, gap, before, after):
    """1970-01-11 is a Sunday: the Monday before it is day 4, the Thursday day 7, the Friday day 8."""
    assert longest_gap(weekdays) == gap
    assert review_day(weekdays, 10) == before if weekdays != (0, 1, 2, 3, 4, 5, 6) else 10
    assert next_review_day(weekdays, 10) == after


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.toml", b"[defaults]\nlead_time_days = -1", "a.toml: defaults.lead_time_days: Input should be greater"),
        ("a.json", b'{"products": {"A": {"colour": "red"}}}', "a.json: products.A.colour: Extra inputs"),
        ("a.json", b'{"defaults": {"supplier": "nobody"}}', "defaults: supplier 'nobody' has no rules"),
        ("a.json", b'{"suppliers": {"s": {"order_on": ["someday"]}}}', "suppliers.s.order_on: days of the week"),
        ("a.json", b'{"suppliers": {"s": {"order_on": ["mon"], "review_days": 3}}}', "leave one out"),
        ("a.json", b'{"defaults": {"maximum_stock": 5, "minimum_order_quantity": 6}}', "maximum_stock 5 is less than"),
        ("a.json", b'{"defaults": {"order_on": ["mon"]}}', "defaults.order_on: Extra inputs"),
        ("a.json", b'{"defaults": {"fill_rate": 1}}', "defaults.fill_rate: Input should be less than 1"),
        ("a.json", b'{"defaults": {"holding_cost": 0}}', "defaults.holding_cost: Input should be greater than 0"),
        ("a.json", b"[]", "no object"),
        ("a.json", b"{", "a.json: "),
        ("a.json", b'{"defaults": {"unit_cost": 1e99999999999999999999}}', "1e99999999999999999999: no number"),
        ("a.toml", b"[defaults]\nunit_cost = 1e99999999999999999999", "1e99999999999999999999: no number"),
        ("a.csv", b"scope,name\nplanet,Mars\n", "row 1: scope is default"),
        ("a.csv", b"scope,name,freeze\nproduct,A,yes\nproduct,A,no\n", "row 2: a second row for product A"),
        ("a.csv", b"what,ever\n1,2\n", "first line names the columns"),
        ("a.csv", b"scope,name\nproduct,A,3,4\n", "row 1: more cells than columns"),
        ("a.xml", b"<rules/>", "not in .xml"),
    ],
)
def test_what_rules_may_not_say_is_refused_with_its_place(name, body, said):
    with pytest.raises(InvalidRules) as refused:
        rules_in(body, name)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_file_that_is_not_there_is_a_clear_line(tmp_path):
    with pytest.raises(InvalidRules, match="No such file"):
        await FileRules(tmp_path / "rules.toml").read()


@pytest.mark.parametrize("named", ["s3://bucket", "dynamodb://", "ftp://x/y", "dynamodb://a/b"])
def test_a_place_that_can_hold_no_rules_is_refused(named):
    nothing = Clients(*[None] * 8)
    with pytest.raises(InvalidRules, match="rules lie in a file"):
        rules_source(named, nothing)


class Pages:
    """A table whose scan has two pages."""

    async def scan(self, TableName, ConsistentRead, ExclusiveStartKey=None):  # noqa: N803 - as AWS calls them
        first = {"scope": {"S": "default"}, "name": {"S": "-"}, "service_level": {"N": "0.9"}}
        second = {"scope": {"S": "supplier"}, "name": {"S": "acme"}, "order_on": {"L": [{"S": "mon"}]}}
        if ExclusiveStartKey is None:
            return {"Items": [first], "LastEvaluatedKey": {"scope": first["scope"]}}
        return {"Items": [second]}


async def test_the_items_of_a_table_are_rows():
    rules = await TableRules(Pages(), "rules").read()
    assert (rules.defaults.service_level, rules.suppliers["acme"].order_weekdays) == (0.9, (0,))
