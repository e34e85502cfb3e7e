"""What does `restock cost` do?

Reads the settings and, if asked, the counts of a run; reckons; prints. It calls nobody."""

from __future__ import annotations

import argparse
import json
import sys

from worker.cost.measured import shipped_runs
from worker.cost.picture import draw
from worker.cost.rates import Asked
from worker.cost.reckoning import basis, figures, reckon
from worker.cost.text import told
from worker.cost.usage import NoUsage, Usage, read_summary
from worker.process import read_settings

WRONG_USE, FAILED = 2, 1


def run(chosen: argparse.Namespace) -> int:
    """Returns the exit code."""
    try:
        settings = read_settings()
        own: Usage | None = read_summary(chosen.measured) if chosen.measured is not None else None
    except (NoUsage, ValueError) as exc:
        return _said(str(exc), WRONG_USE)
    asked = Asked(
        events_per_day=chosen.events_per_day,
        products=chosen.products,
        zipf=chosen.zipf,
        sales_per_message=chosen.sales_per_message,
        batch_sales=chosen.batch_sales,
        insight_share=chosen.bedrock_share,
        tasks=chosen.tasks,
        task_vcpu=chosen.task_vcpu,
        task_gb=chosen.task_gb,
        arm=chosen.arm,
        provisioned=chosen.provisioned,
        endpoints=chosen.endpoints,
        retention_days=chosen.retention_days,
        snapshots=chosen.snapshots,
    )
    if asked.batch_sales is not None and asked.batch_sales < asked.sales_per_message:
        return _said("--batch-sales is below --sales-per-message: a batch holds one message at least", WRONG_USE)
    runs = shipped_runs()
    now = reckon(asked, settings, runs, own)
    said = basis(now, runs, str(chosen.measured) if own is not None else None)
    numbers = figures(now, said)
    sys.stdout.write(json.dumps(numbers, indent=2) + "\n" if chosen.json else told(now, said))
    if chosen.report is not None:
        try:
            chosen.report.mkdir(parents=True, exist_ok=True)
            (chosen.report / "summary.json").write_text(json.dumps(numbers, indent=2) + "\n")
            (chosen.report / "cost.svg").write_text(draw(now))
        except OSError as exc:
            return _said(f"{chosen.report}: {exc.strerror}", FAILED)
        sys.stderr.write(f"{chosen.report / 'summary.json'}, {chosen.report / 'cost.svg'}\n")
    return 0


def _said(line: str, code: int) -> int:
    sys.stderr.write(f"restock cost: {line}\n")
    return code
