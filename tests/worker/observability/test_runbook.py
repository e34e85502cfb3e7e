"""Whoever is woken finds the alarm, what it means and what to do; and the queries ask for what the worker says."""

from __future__ import annotations

import re
from pathlib import Path

from handlers.metrics import Metric
from worker.observability.exposed import COUNTERS, HISTOGRAMS, name_of

ROOT = Path(__file__).parents[3]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PAGE = (ROOT / "docs" / "observability.md").read_text()


def test_every_alarm_has_its_line_in_the_runbook():
    template = (ROOT / "deploy" / "templates" / "observability.yaml").read_text()
    alarms = re.findall(r'AlarmName: !Sub "restock\$\{Suffix\}-([a-z-]+)"', template)
    assert len(alarms) > 10
    rows = {
        name: row
        for row in OPERATIONS.splitlines()
        if row.startswith("| `restock-")
        for name in re.findall("`restock-([a-z-]+)`", row)
    }
    assert set(alarms) <= set(rows)
    assert all(len([cell for cell in row.split("|") if cell.strip()]) == 3 for row in rows.values())


def test_the_queries_and_expressions_name_what_is_there():
    sources = [path.read_text() for package in ("worker", "handlers") for path in (ROOT / package).rglob("*.py")]
    said = {event for text in sources for event in re.findall(r'log\.\w+\(\s*"([a-z_]+\.[a-z_]+)"', text)}
    asked = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', PAGE))
    assert len(asked) > 10
    assert asked <= said
    names = {name_of(metric) for metric in Metric} | {f"{name_of(metric)}_total" for metric in COUNTERS}
    names |= {f"{name_of(metric)}_bucket" for metric in HISTOGRAMS}
    names |= {"restock_ready", "restock_loop_lag_seconds", "restock_build_info"}
    assert set(re.findall(r"restock_[a-z_]+", PAGE)) <= names
