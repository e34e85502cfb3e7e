"""Are these valid rules, and what do they say?

Every field is checked for itself, and a few against each other: rules that could never be met are refused as a whole,
with the place and the reason. Money is written as in a sale, 2.55, and kept in minor units. The digest is that of what
the rules say, not of how they are written: the same rules in another order or format are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from domain.buying import Rule, RuleSet
from handlers.order_ports import InvalidRules

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINOR_UNITS = 100
MONEY_MAX = 10**12
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Share = Annotated[float, Field(gt=0.5, lt=1)]
Cost = Annotated[float, Field(le=1e9, allow_inf_nan=False)]
Money = Annotated[Decimal, Field(ge=0, le=MONEY_MAX, allow_inf_nan=False)]


def _weekdays(value: Any) -> Any:
    """Names of days, as a list or in one text; None stays."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if not isinstance(value, list | tuple | set):
        return value
    unknown = [day for day in value if str(day).strip().lower()[:3] not in WEEKDAYS]
    if unknown or not value:
        raise ValueError(f"days of the week such as mon, thu; not {unknown[0] if unknown else 'none at all'!r}")
    return tuple(sorted({WEEKDAYS.index(str(day).strip().lower()[:3]) for day in value}))


class RuleModel(BaseModel):
    """What may be said for all products, for a category, and for a product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_level: Share | None = None
    fill_rate: Share | None = None
    shortage_cost: Annotated[Cost, Field(ge=0)] | None = None
    holding_cost: Annotated[Cost, Field(gt=0)] | None = None
    ordering_cost: Annotated[Cost, Field(ge=0)] | None = None
    lead_time_days: Annotated[int, Field(ge=0, le=365)] | None = None
    lead_time_sd_days: Annotated[float, Field(ge=0, le=365)] | None = None
    learn_lead_time: bool | None = None
    review_days: Annotated[int, Field(ge=1, le=90)] | None = None
    order_cycle_days: Annotated[int, Field(ge=0, le=365)] | None = None
    pack_size: Annotated[int, Field(ge=1, le=10**6)] | None = None
    minimum_order_quantity: Annotated[int, Field(ge=0, le=10**8)] | None = None
    maximum_stock: Annotated[int, Field(ge=0, le=10**8)] | None = None
    shelf_life_days: Annotated[int, Field(ge=1, le=3_650)] | None = None
    backorders: bool | None = None
    unit_cost: Money | None = None
    approval_above: Money | None = None
    freeze: bool | None = None
    supplier: Name | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        most, least = self.maximum_stock, self.minimum_order_quantity
        if most is not None and least is not None and most < least:
            raise ValueError(f"maximum_stock {most} is less than minimum_order_quantity {least}")
        return self

    def rule(self) -> Rule:
        said = self.model_dump(exclude_none=True)
        money = {"unit_cost": "unit_cost_minor", "approval_above": "approval_above_minor"}
        money["minimum_order_value"] = "minimum_order_value_minor"
        for name, ours in money.items():
            if name in said:
                said[ours] = int((said.pop(name) * MINOR_UNITS).to_integral_value(ROUND_HALF_EVEN))
        if "order_on" in said:
            said["order_weekdays"] = tuple(said.pop("order_on"))
        return Rule(**said)


class SupplierModel(RuleModel):
    """What may be said for a supplier: also on which days it is ordered from, and from which value on."""

    order_on: Annotated[tuple[int, ...], BeforeValidator(_weekdays)] | None = None
    minimum_order_value: Money | None = None

    @model_validator(mode="after")
    def _is_no_product(self) -> Self:
        if self.supplier is not None:
            raise ValueError("supplier: a supplier has none")
        if self.order_on is not None and self.review_days is not None:
            raise ValueError("order_on and review_days both say when it is ordered from: leave one out")
        return self


class RulesModel(BaseModel):
    """All rules, by what they are for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    defaults: RuleModel = RuleModel()
    categories: dict[Annotated[str, StringConstraints(max_length=256)], RuleModel] = {}
    suppliers: dict[Name, SupplierModel] = {}
    products: dict[Annotated[str, StringConstraints(min_length=1, max_length=1024)], RuleModel] = {}

    @model_validator(mode="after")
    def _suppliers_are_known(self) -> Self:
        for where, rule in [("defaults", self.defaults), *self.categories.items(), *self.products.items()]:
            if rule.supplier is not None and rule.supplier not in self.suppliers:
                raise ValueError(f"{where}: supplier {rule.supplier!r} has no rules of its own under suppliers")
        return self


def rules_of(said: Mapping[str, Any], where: str) -> RuleSet:
    """The rules that somebody wrote; InvalidRules with where, the place and the reason."""
    try:
        model = RulesModel.model_validate(said)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("function-before", "tuple[int, ...]"))
        reason = first["msg"].removeprefix("Value error, ")
        raise InvalidRules(f"{where}: {place}: {reason}" if place else f"{where}: {reason}") from exc
    rules = RuleSet(
        "",
        model.defaults.rule(),
        {name: rule.rule() for name, rule in model.categories.items()},
        {name: rule.rule() for name, rule in model.suppliers.items()},
        {name: rule.rule() for name, rule in model.products.items()},
    )
    return RuleSet(digest_of(rules), rules.defaults, rules.categories, rules.suppliers, rules.products)


def digest_of(rules: RuleSet) -> str:
    """The SHA-256 of what rules say, in hex digits."""
    parts = {"categories": rules.categories, "suppliers": rules.suppliers, "products": rules.products}
    said: dict[str, Any] = {part: {n: _said(r) for n, r in named.items()} for part, named in parts.items()}
    text = json.dumps({**said, "defaults": _said(rules.defaults)}, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _said(rule: Rule) -> dict[str, Any]:
    return {name: value for name, value in rule._asdict().items() if value is not None}
