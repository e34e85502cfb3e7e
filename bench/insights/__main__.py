"""How many insights would the real sales of a shop have led to, a product and month?

Replays the bundled sample, or another file of sales, and counts the crossings that deserve an insight; of those alike
up to three are one question. No model of words is asked. The exit code is 0 only if it is less than one a product and
month."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.insights.replay import Forecast, Replay, Said, Told
from domain.events import ProductKey, SaleRecorded
from domain.features import DailySeries, Ints
from domain.forecast import baseline_totals
from domain.policy import SupplyTerms
from domain.product import product_label
from worker.local.items import sale_of
from worker.local.sample import SAMPLE_PATH
from worker.sources.files import UnreadableSales, open_sales

COMMAND = "python -m bench.insights"
A_MONTH_MAX = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _read(arguments)
    try:
        sales = read(chosen.sales)
    except UnreadableSales as exc:
        sys.stderr.write(f"{COMMAND}: {exc}\n")
        return 1
    forecast = by_baseline if chosen.model is None else by_model(chosen.model)
    told = Replay(sales, forecast, SupplyTerms()).run()
    sys.stdout.write("\n".join(lines(told)) + "\n")
    return 0 if told.told < A_MONTH_MAX * told.product_months else 1


def read(path: Path) -> list[SaleRecorded]:
    """The sales of a file in the order in which they happened; rows that are none are left out."""
    return [sale for row in open_sales(path).rows if (sale := sale_of(row)) is not None]


def lines(told: Told) -> list[str]:
    """The figures, for people."""
    months, busiest = told.product_months, max(told.by_day.values(), default=0)
    said = [
        f"{len(told.products):,} products, {months:,.0f} product-months, {told.decisions:,} decisions",
        f"{told.told:,} crossings told of: {told.told / months:.3f} a product and month, {busiest} on the busiest day",
    ]
    by_level: Counter[str] = Counter()
    for crossing, n in told.crossings.items():
        by_level[crossing.level] += n
    for crossing, n in sorted(told.crossings.items(), key=lambda each: (-by_level[each[0].level], -each[1])):
        said.append(f"  {crossing.level:>9} {crossing.before:>12} -> {crossing.after:<12} {n:>6,} {n / months:.3f}")
    return said


def by_baseline(keys: Sequence[ProductKey], series: DailySeries, cover: Ints) -> list[Said]:
    """The baseline's totals, under the model's name: nobody should hear of a model that was not there to begin with."""
    return [("model", totals) for totals in baseline_totals(series, [cover[:, j] for j in range(cover.shape[1])])]


def by_model(folder: Path) -> Forecast:
    """The totals of a model that `restock train` has written there, and the baseline's of what it cannot forecast."""
    from forecaster.formats import ItemFailed, request_of
    from forecaster.model import DemandModel

    model = DemandModel.load(folder)

    def forecast(keys: Sequence[ProductKey], series: DailySeries, cover: Ints) -> list[Said]:
        answers = model.predict(request_of(tuple(map(product_label, keys)), series, cover), threads=1)
        baseline = by_baseline(keys, series, cover)
        return [
            ("fallback", baseline[row][1]) if isinstance(said, ItemFailed) else ("model", said)
            for row, said in enumerate(answers)
        ]

    return forecast


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sales", type=Path, default=SAMPLE_PATH, help="CSV, JSONL or Parquet (default: the sample)")
    parser.add_argument("--model", type=Path, metavar="DIR", help="what `restock train` wrote (default: the baseline)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
