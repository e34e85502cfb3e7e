"""Are the orders the same, whatever Bedrock does?

The same sales are played once without a model of words and once in each mood; what was ordered, decided and kept is
written to a file each time, and the files are compared byte by byte."""

from __future__ import annotations

import filecmp
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from domain.events import SaleRecorded
from handlers.metrics import Metric
from hostile.shop import Shop, bedrock
from worker.local.items import sale_of
from worker.local.mood_names import OFF
from worker.local.moods import mood
from worker.local.sample import SAMPLE_PATH
from worker.sources.files import open_sales

LATE_S = 0.05
DEADLINES_S = {"slow": 0.02, "late": 5.0}
MOODS = (OFF, "rules", "late", "slow", "lying", "throttled", "away", "retired", "malformed", "cut", "guarded", "old")


class Compared(NamedTuple):
    """A mood beside no model at all. insights: published, of them written by rules; calls: questions asked."""

    mood: str
    same: bool
    orders: int
    insights: int
    by_rules: int
    calls: int
    sentences_dropped: int


def sales_of(path: Path = SAMPLE_PATH, products: int | None = None) -> list[SaleRecorded]:
    """The sales of a file, or those of so many products that have the most."""
    sales = [sale for row in open_sales(path).rows if (sale := sale_of(row)) is not None]
    if products is None:
        return sales
    most = {product for product, _ in Counter(sale.product for sale in sales).most_common(products)}
    return [sale for sale in sales if sale.product in most]


async def compare(
    sales: Sequence[SaleRecorded], folder: Path, moods: Sequence[str] = MOODS, say: Callable[[Compared], None] = print
) -> list[Compared]:
    """Plays each mood, the one without a model first."""
    found = []
    without = folder / f"orders-{OFF}.txt"
    for name in moods:
        shop = await play(sales, name)
        path = shop.write(folder / f"orders-{name}.txt")
        count = shop.metrics.counts
        compared = Compared(
            name,
            filecmp.cmp(without, path, shallow=False),
            len(shop.store.orders),
            len(shop.insights),
            count[Metric.INSIGHTS_BY_RULES],
            count[Metric.INSIGHT_CALLS],
            count[Metric.INSIGHT_LINES_DROPPED],
        )
        say(compared)
        found.append(compared)
    return found


async def play(sales: Sequence[SaleRecorded], name: str) -> Shop:
    """The shop after these sales, with a Bedrock in this mood."""
    if name == OFF:
        shop = Shop(None)
        await shop.play(sales)
        return shop
    answering = mood("slow", slow_s=LATE_S) if name in DEADLINES_S else mood(name)
    async with bedrock(answering, deadline_s=DEADLINES_S.get(name, 5.0)) as explainer:
        shop = Shop(explainer)
        await shop.play(sales)
        return shop
