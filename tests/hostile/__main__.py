"""Are the orders of the whole sample the same, whatever Bedrock does? One command, one answer."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from hostile.compare import MOODS, Compared, compare, sales_of
from worker.local.sample import SAMPLE_PATH


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hostile", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sales", type=Path, default=SAMPLE_PATH, help="CSV, JSONL or Parquet (default: the sample)")
    parser.add_argument("--products", type=int, metavar="N", help="the N products with the most sales only")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the compared files there")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sales = sales_of(chosen.sales, chosen.products)
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        found = asyncio.run(compare(sales, folder, MOODS, say))
    different = [each.mood for each in found if not each.same]
    verdict = f"DIFFERENT: {', '.join(different)}" if different else "the same orders"
    sys.stdout.write(f"{len(sales):,} sales, {len(found)} runs: {verdict}\n")
    return 1 if different else 0


def say(compared: Compared) -> None:
    sys.stdout.write(
        f"{compared.mood:>10}  {'same' if compared.same else 'DIFFERENT':9}  {compared.orders:>6,} orders  "
        f"{compared.insights:>6,} insights, {compared.by_rules:>6,} by rules  {compared.calls:>6,} calls  "
        f"{compared.sentences_dropped:>6,} sentences dropped\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
