"""What is odd about a history, before anybody learns from it?

Pure. Nothing is repaired: days without a sale are counted, days far above a product's usual ones are named, ids that
differ in nothing but their writing are put side by side, and stock that is below zero is told."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np

from domain.product import product_of
from worker.history.daily import EPOCH, Ints, Window, daily
from worker.rebuilding.shadow import Shadow, SoldRows

SELLING_DAYS_MIN = 14  # fewer say nothing about what is usual
OUTLIER_DEVIATIONS = 8.0
NORMAL_MAD = 1.4826  # the standard deviation of a normal distribution is so many median absolute deviations
NAMED_MAX = 200
_WRITING = re.compile(r"[\s._-]+")


class ProductQuality(NamedTuple):
    """A product in the window. missing_days lie between its first and last sale, longest_gap_days is the longest run of
    them; returned_days came to less than nothing."""

    label: str
    sales: int
    units: int
    first: str
    last: str
    missing_days: int
    longest_gap_days: int
    outliers: int
    returned_days: int


class Outlier(NamedTuple):
    label: str
    day: str
    units: int
    usual: float


@dataclass(slots=True)
class Quality:
    """What was found. rows of history are each once; outside are those that lie outside the window."""

    window: Window
    rows: int = 0
    outside: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    products: list[ProductQuality] = field(default_factory=list)
    outliers: list[Outlier] = field(default_factory=list)
    negative_stock: list[tuple[str, int]] = field(default_factory=list)

    def take(self, shadow: Shadow) -> None:
        self.duplicates += shadow.duplicates
        self.conflicts += shadow.conflicts
        for sold in shadow.products():
            self._product(sold)

    def _product(self, sold: SoldRows) -> None:
        inside = (sold.days >= self.window.first) & (sold.days <= self.window.last)
        self.rows += len(sold.days)
        self.outside += int((~inside).sum())
        if not inside.any():
            return
        kept = sold.kept(inside)
        filled = daily(kept, self.window)[:, 0]
        first, last = int(kept.days.min()), int(kept.days.max())
        selling = np.unique(kept.days).astype(np.int64)
        gaps = np.diff(selling) - 1
        found = list(outliers_of(sold.label, filled, selling - self.window.first, self.window.first))
        self.outliers += found
        self.products.append(
            ProductQuality(
                sold.label,
                len(kept.days),
                kept.units,
                day_text(first),
                day_text(last),
                int(gaps.sum()),
                int(gaps.max(initial=0)),
                len(found),
                int((filled < 0).sum()),
            )
        )

    def summary(self) -> dict[str, Any]:
        """For summary.json: figures, and the worst of each kind."""
        variants = code_variants(each.label for each in self.products)
        worst = sorted(self.outliers, key=lambda each: each.usual - each.units)[:NAMED_MAX]
        gappy = sorted(self.products, key=lambda each: -each.longest_gap_days)[:NAMED_MAX]
        return {
            "first_day": day_text(self.window.first),
            "last_day": day_text(self.window.last),
            "rows": self.rows,
            "rows_outside": self.outside,
            "products": len(self.products),
            "duplicates": self.duplicates,
            "conflicts": self.conflicts,
            "refused_rows": self.refused.total(),
            "refused": dict(self.refused.most_common(NAMED_MAX)),
            "missing_days": sum(each.missing_days for each in self.products),
            "days_below_zero": sum(each.returned_days for each in self.products),
            "outliers": len(self.outliers),
            "outlier_days": [each._asdict() for each in worst],
            "code_variants": variants[:NAMED_MAX],
            "negative_stock": [{"label": label, "stock": stock} for label, stock in self.negative_stock[:NAMED_MAX]],
            "longest_gaps": [{"label": p.label, "days": p.longest_gap_days} for p in gappy if p.longest_gap_days],
        }


def outliers_of(label: str, filled: Ints, selling: Ints, first: int) -> Iterable[Outlier]:
    """Days far above the median of the days on which it sold, measured by their median absolute deviation."""
    sold = filled[selling]
    if len(sold) < SELLING_DAYS_MIN:
        return
    usual = float(np.median(sold))
    spread = max(NORMAL_MAD * float(np.median(np.abs(sold - usual))), 1.0)
    for at in selling[sold > usual + OUTLIER_DEVIATIONS * spread].tolist():
        yield Outlier(label, day_text(first + at), int(filled[at]), usual)


def code_variants(labels: Iterable[str]) -> list[list[str]]:
    """Ids of one place that are the same but for case, spaces, dots and dashes, or zeros in front."""
    written: Mapping[tuple[str, str | None], list[str]] = defaultdict(list)
    for label in labels:
        product_id, location_id = product_of(label)
        plain = _WRITING.sub("", product_id).casefold()
        written[plain.lstrip("0") or plain, location_id].append(product_id)
    return sorted(sorted(ids) for ids in written.values() if len(ids) > 1)


def day_text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()
