"""Under which rules is a product bought?

Rules are said for all products, for a category, for a supplier, and for a product: the most specific that says
something wins, field by field. What the shop's own table says of a product stands between: it is more specific than
any rule but one for that very product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.events import ProductKey
from domain.policy import SupplyTerms
from domain.product import product_label

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, and Monday is 0


class Rule(NamedTuple):
    """What one rule says; None: nothing. supplier: whom the product is bought from. order_weekdays (Monday is 0) and
    minimum_order_value (minor units) are said of suppliers alone."""

    service_level: float | None = None
    fill_rate: float | None = None
    shortage_cost: float | None = None
    holding_cost: float | None = None
    ordering_cost: float | None = None
    lead_time_days: int | None = None
    lead_time_sd_days: float | None = None
    learn_lead_time: bool | None = None
    review_days: int | None = None
    order_cycle_days: int | None = None
    pack_size: int | None = None
    minimum_order_quantity: int | None = None
    maximum_stock: int | None = None
    shelf_life_days: int | None = None
    backorders: bool | None = None
    unit_cost_minor: int | None = None
    approval_above_minor: int | None = None
    freeze: bool | None = None
    supplier: str | None = None
    order_weekdays: tuple[int, ...] | None = None
    minimum_order_value_minor: int | None = None

    @property
    def joins(self) -> bool:
        """Whether the products of this supplier are bought together, at its reviews."""
        return self.order_weekdays is not None or bool(self.minimum_order_value_minor)


NOTHING = Rule()
# The most to hold is no term of supply here: whoever it keeps from ordering is told so (ruling.py).
TERMS = tuple(name for name in SupplyTerms._fields if name in Rule._fields and name != "maximum_stock")
# What a product is stocked for is one of three: whoever says one of them takes back what was said of those before it.
TAKEN_BACK = {"service_level": ("fill_rate", "shortage_cost"), "shortage_cost": ("fill_rate",)}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules, and the SHA-256 of what they say. products by product_id or by product_id#location_id."""

    digest: str = ""
    defaults: Rule = NOTHING
    categories: Mapping[str, Rule] = field(default_factory=dict)
    suppliers: Mapping[str, Rule] = field(default_factory=dict)
    products: Mapping[str, Rule] = field(default_factory=dict)


NO_RULES = RuleSet()


class Buying(NamedTuple):
    """How a product is bought, beside its terms of supply. joined: its orders wait for a review of the supplier."""

    rules: str = ""
    supplier: str = ""
    joined: bool = False
    frozen: bool = False
    maximum_stock: int | None = None
    unit_cost_minor: int | None = None
    approval_above_minor: int | None = None


FREELY = Buying()


def buying_of(
    rules: RuleSet,
    product: ProductKey,
    category: str | None,
    supplier: str | None,
    told: SupplyTerms,
    default: SupplyTerms,
    learned: Mapping[str, int],
) -> tuple[Buying, SupplyTerms]:
    """How a product is bought. supplier and told are what the shop's table says, default what holds where it says
    nothing. learned: the lead time in days that the receipts of a supplier show, of those that have shown enough."""
    own = over(rules.products.get(product.product_id, NOTHING), rules.products.get(product_label(product), NOTHING))
    of_category = rules.categories.get(category, NOTHING) if category is not None else NOTHING
    name = own.supplier or supplier or of_category.supplier or rules.defaults.supplier or ""
    of_supplier = rules.suppliers.get(name, NOTHING)
    general = over(over(rules.defaults, of_category), of_supplier)
    rule = over(general, own)
    # What the table says differs from what holds where it says nothing.
    said: dict[str, Any] = {f: v for f, v, d in zip(told._fields, told, default, strict=True) if v != d}
    terms = _told(_ruled(default, general), said)._replace(maximum_stock=None)
    if rule.learn_lead_time and name in learned:
        terms = terms._replace(lead_time_days=learned[name])
    terms = _ruled(terms, own)
    if of_supplier.order_weekdays is not None:
        terms = terms._replace(review_days=longest_gap(of_supplier.order_weekdays))
    buying = Buying(
        rules.digest,
        name,
        of_supplier.joins,
        bool(rule.freeze),
        next((most for most in (own.maximum_stock, told.maximum_stock, rule.maximum_stock) if most is not None), None),
        rule.unit_cost_minor,
        rule.approval_above_minor,
    )
    return buying, terms


def over(general: Rule, special: Rule) -> Rule:
    """The special rule, and the general one where that says nothing."""
    said: dict[str, Any] = {name: value for name, value in special._asdict().items() if value is not None}
    return general._replace(**_taken_back(said), **said)


def _ruled(terms: SupplyTerms, rule: Rule) -> SupplyTerms:
    said = {name: getattr(rule, name) for name in TERMS}
    return _told(terms, {name: value for name, value in said.items() if value is not None})


def _told(terms: SupplyTerms, said: Mapping[str, Any]) -> SupplyTerms:
    return terms._replace(**_taken_back(said), **said)


def _taken_back(said: Mapping[str, Any]) -> dict[str, Any]:
    return {old: None for new, olds in TAKEN_BACK.items() if new in said for old in olds if old not in said}


def longest_gap(weekdays: tuple[int, ...]) -> int:
    """The most days from one ordering day to the next: how long an order may have to wait for its review."""
    days = sorted(set(weekdays))
    return max(later - day for day, later in zip(days, [*days[1:], days[0] + 7], strict=True))


def review_day(weekdays: tuple[int, ...], today: int) -> int:
    """The newest day up to today on which the supplier is ordered from."""
    return next(day for day in range(today, today - 7, -1) if (day + EPOCH_WEEKDAY) % 7 in weekdays)


def next_review_day(weekdays: tuple[int, ...], today: int) -> int:
    """The first day after today on which the supplier is ordered from."""
    return next(day for day in range(today + 1, today + 8) if (day + EPOCH_WEEKDAY) % 7 in weekdays)
