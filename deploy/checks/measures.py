"""Do alarms and the dashboard look at something that exists, and does somebody know what to do?

A metric that is misspelt never breaches; a dashboard whose JSON is broken is refused when the stack is made; an alarm
without an entry in the runbook wakes somebody who does not know why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from deploy.checks.deployed import Deployed, Properties
from deploy.template import FOLDER
from handlers.metrics import Metric
from worker.telemetry import NAMESPACE

RUNBOOK = FOLDER.parent.parent / "docs" / "operations.md"
METRICS = {metric.label for metric in Metric}
WIDGETS = {"metric": "metrics", "alarm": "alarms", "text": "markdown", "log": "query"}
COLUMNS = 24
ID = re.compile(r"[a-z][A-Za-z0-9_]*")
FUNCTION_OR_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
WORDS = {"IF", "FILL", "MAX", "MIN", "SUM", "AVG", "AND", "OR", "REPEAT", "LINEAR", "SEARCH", "METRICS"}


def _metrics_of(properties: Properties) -> Iterator[tuple[str, str, bool]]:
    """Namespace, name and whether dimensions are asked for, of each metric of an alarm or a scaling policy."""
    if "MetricName" in properties:
        yield properties["Namespace"], properties["MetricName"], bool(properties.get("Dimensions"))
    for each in properties.get("Metrics", ()):
        if metric := each.get("MetricStat", {}).get("Metric"):
            yield metric["Namespace"], metric["MetricName"], bool(metric.get("Dimensions"))


def alarms_watch_metrics_that_exist(deployed: Deployed) -> Iterator[str]:
    for where, alarm in deployed.of("AWS::CloudWatch::Alarm"):
        for namespace, name, dimensions in _metrics_of(alarm):
            if namespace.startswith("AWS/"):
                continue
            if namespace != NAMESPACE:
                yield f"{where}: the worker's namespace is {NAMESPACE}, not {namespace}"
            elif name not in METRICS:
                yield f"{where}: {name} is no metric of handlers/metrics.py"
            elif dimensions:
                yield f"{where}: {name} is published without dimensions, and with them is another metric"


def metric_math_refers_to_what_is_there(deployed: Deployed) -> Iterator[str]:
    asked = [(where, alarm["Metrics"]) for where, alarm in deployed.of("AWS::CloudWatch::Alarm") if "Metrics" in alarm]
    for where, policy in deployed.of("AWS::ApplicationAutoScaling::ScalingPolicy"):
        said = policy.get("TargetTrackingScalingPolicyConfiguration", {}).get("CustomizedMetricSpecification", {})
        if "Metrics" in said:
            asked.append((where, said["Metrics"]))
    for where, metrics in asked:
        yield from (f"{where}: {said}" for said in _unsound(metrics))


def _unsound(metrics: list[dict[str, Any]]) -> Iterator[str]:
    ids = [each["Id"] for each in metrics]
    if len(set(ids)) != len(ids):
        yield f"an id stands twice: {ids}"
    for name in ids:
        if not ID.fullmatch(name):
            yield f"{name} is no id: they begin with a small letter"
    if sum(bool(each.get("ReturnData", True)) for each in metrics) != 1:
        yield "exactly one of the metrics returns data"
    used: set[str] = set()
    for each in metrics:
        words = set(FUNCTION_OR_ID.findall(each.get("Expression", "")))
        used |= words
        for word in sorted(words - WORDS - set(ids)):
            yield f"{each['Expression']!r} refers to {word}, which is not there"
    for each in metrics:
        if "MetricStat" in each and each["Id"] not in used and not each.get("ReturnData", True):
            yield f"{each['Id']} is asked for and used nowhere"


def alarms_are_told_and_known(deployed: Deployed) -> Iterator[str]:
    for where, alarm in deployed.of("AWS::CloudWatch::Alarm"):
        if not alarm.get("AlarmActions"):
            yield f"{where}: nobody is told"
        yield from unknown_to_the_runbook(where, alarm["AlarmName"])


def unknown_to_the_runbook(where: str, name: str) -> Iterator[str]:
    if f"`{name}`" not in RUNBOOK.read_text():
        yield f"{where}: docs/operations.md does not say what to do at `{name}`"


def dashboards_can_be_drawn(deployed: Deployed) -> Iterator[str]:
    for where, dashboard in deployed.of("AWS::CloudWatch::Dashboard"):
        try:
            widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        except (ValueError, KeyError) as exc:
            yield f"{where}: no dashboard's JSON: {exc}"
            continue
        for number, widget in enumerate(widgets):
            yield from (f"{where} widget {number}: {said}" for said in _undrawable(widget))


def _undrawable(widget: dict[str, Any]) -> Iterator[str]:
    kind, said = widget.get("type"), widget.get("properties", {})
    if kind not in WIDGETS:
        yield f"{kind!r} is no type of widget"
        return
    if not said.get(WIDGETS[kind]):
        yield f"has no {WIDGETS[kind]}"
    if widget["x"] + widget["width"] > COLUMNS:
        yield f"reaches beyond the {COLUMNS} columns"
    if kind == "metric" and not said.get("region"):
        yield "has no region"
    before: list[Any] = []
    for row in said.get("metrics", ()):
        names = [each for each in row if isinstance(each, str)]
        if names[:1] == ["..."]:
            names = before
        if names[:1] == [NAMESPACE] and (len(names) != 2 or names[1] not in METRICS):
            yield f"{' '.join(names[1:])} is no metric of handlers/metrics.py"
        before = names
