"""What must have been counted?

Plain dictionaries made from what was sent, sharing no code with what is tested."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date

from chaos.sales import Line

EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Counted:
    """Of one product. days: day -> [units sold, their revenue, units returned, their refund, units promoted], money in
    minor units."""

    sales: int = 0
    units: int = 0
    days: dict[int, list[int]] = field(default_factory=dict)


def day_of(occurred_at: str) -> int:
    return (date.fromisoformat(occurred_at[:10]) - EPOCH).days


def twin_of(lines: Iterable[Line], refused: Collection[str]) -> dict[str, Counted]:
    """Every sale once. refused: the marks of those that were set aside because their id was taken by another sale."""
    seen: set[str] = set()
    counted: dict[str, Counted] = {}
    for line in lines:
        if line.kind == "poison" or line.mark in seen or line.mark in refused or isinstance(line.fields, str):
            continue
        seen.add(line.mark)
        product = counted.setdefault(line.product, Counted())
        quantity = line.fields["quantity"]
        minor = round(line.fields["unit_price"] * 100) * quantity
        row = product.days.setdefault(day_of(line.fields["occurred_at"]), [0, 0, 0, 0, 0])
        if quantity >= 0:
            row[0] += quantity
            row[1] += minor
            row[4] += quantity if line.fields["promotion"] else 0
        else:
            row[2] -= quantity
            row[3] -= minor
        product.sales += 1
        product.units += quantity
    return counted


def reused_ids(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """The marks of the two sales that came under one id; exactly one of each pair may be counted."""
    rivals = sorted({line.mark for line in lines if line.kind == "rival"})
    return [(f"{rival[:-1]}a", rival) for rival in rivals]
