"""How is `restock evaluate` asked?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from forecaster.argument_kinds import day, whole

MODELS = ("restock", "naive", "seasonal_naive", "mean_30", "croston_sba", "exponential_smoothing")
HORIZON_MAX = 731
ORIGINS_MAX = 104
LEVELS_MAX = 99

HELP = "forecasters on your own sales, against baselines"
DESCRIPTION = """Trains on the sales before a cutoff, forecasts every period from it on for every series seen before it,
and compares the project's model with plain ones where the file knows what came."""
EPILOG = """examples:
  restock evaluate --sales sales.csv --cutoff 2011-02-01 --horizon 28 --report report
  restock evaluate --sales sales.parquet --cutoff 2011-09-23 --horizon 13 --freq W --origins 4 \\
      --quantiles .05,.5,.95 --calendar calendar.csv --report report
  restock evaluate --sales sales.csv --cutoff 2011-03-01 --horizon 28 --models restock --report report
                                       no baseline; needs nothing beyond the extra [forecaster]

sales: CSV, JSON Lines or Parquet (.gz too) with product_id, date and quantity, and optionally location_id, price,
promotion, category and in_stock. Rows may be single sales or totals of days (weeks, months), zeros included; every row
counts. A series begins with its first row, and a period without a row is a zero. The cutoff is the first day that is
forecast; when the file ends before it, there is a forecast and no score. With --freq W weeks begin on the cutoff's day
of the week, with M months on their first.

calendar: date, optionally location_id and product_id, and any columns that are known ahead: events (text), flags,
prices, promotion. Only restock uses it.

report: summary.json (the metrics of every model, at every origin and their mean), forecasts.parquet (product_id,
location_id, date, mean and a column a quantile, such as q0.25; by restock, or by the first model named),
products.png and accuracy.png. docs/evaluate.md defines every metric and says what each model does.

exit codes: 0 done; 1 failed, with the reason in one line; 2 wrong use."""


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The arguments, and what runs."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--sales", required=True, type=Path, metavar="PATH", help="CSV, JSON Lines or Parquet (.gz too)")
    add(
        "--cutoff", required=True, type=day("2011-09-23"), metavar="DATE", help="first day forecast, such as 2011-09-23"
    )
    add("--horizon", required=True, type=whole(1, HORIZON_MAX), metavar="N", help="periods to forecast")
    add("--freq", choices=("D", "W", "M"), default="D", help="a period is a day, a week or a month (default: D)")
    add(
        "--quantiles",
        type=levels,
        default=(0.1, 0.5, 0.9),
        metavar="Q,Q",
        help="levels between 0 and 1, such as .25,.5,.75 (default: .1,.5,.9)",
    )
    add(
        "--origins",
        type=whole(1, ORIGINS_MAX),
        default=1,
        metavar="K",
        help="score at K cutoffs, each a horizon before the last (default: 1)",
    )
    add("--calendar", type=Path, metavar="PATH", help="what is known ahead, by date")
    add(
        "--models",
        type=models,
        default=MODELS,
        metavar="NAMES",
        help=f"which take part, by commas (default: {','.join(MODELS)})",
    )
    add("--report", required=True, type=Path, metavar="DIR", help="where the report goes")
    parser.set_defaults(run=_run)


def levels(text: str) -> tuple[float, ...]:
    """Quantile levels, rising, each once."""
    try:
        said = {float(part) for part in text.split(",")}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as .25,.5,.75") from None
    if not all(0 < level < 1 for level in said):  # a NaN neither
        raise argparse.ArgumentTypeError(f"{text}: every quantile must lie between 0 and 1")
    if len(said) > LEVELS_MAX:
        raise argparse.ArgumentTypeError(f"at most {LEVELS_MAX} quantiles")
    return tuple(sorted(said))


def models(text: str) -> tuple[str, ...]:
    """Names of MODELS in the order given, each once."""
    said = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in said if name not in MODELS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: unknown; known are {', '.join(MODELS)}")
    return said


def _run(chosen: argparse.Namespace) -> int:
    if chosen.freq == "M" and chosen.cutoff.day != 1:
        sys.stderr.write("restock evaluate: --cutoff must be the first of a month with --freq M\n")
        return 2
    try:
        from forecaster.evaluation.command import evaluate
    except ModuleNotFoundError as exc:
        sys.stderr.write(
            f"restock: evaluate needs the extra [evaluate]: pip install 'restock[evaluate]' ({exc.name} is missing)\n"
        )
        return 1
    return evaluate(chosen)
