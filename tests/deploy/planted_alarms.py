"""Mistakes in alarms, their figures, who is told of them, and the dashboard, that cfn-lint lets pass."""

from __future__ import annotations

from planting import Planted, gone, replaced, to

SPOKEN = ("Resources", "WhoTells", "Properties", "PolicyDocument", "Statement")


def dashboard(old: str, new: str) -> Planted:
    path = ("Resources", "Dashboard", "Properties", "DashboardBody", "Fn::Sub", 0)
    return Planted(
        f"dashboard: {old!r} is {new!r}", "dashboards_can_be_drawn", "observability", path, replaced(old, new)
    )


PLANTED_ALARMS = (
    Planted(
        "an alarm on a metric that is not",
        "alarms_watch_metrics_that_exist",
        "observability",
        ("Resources", "Quarantine", "Properties", "MetricName"),
        to("SalesQuarantine"),
    ),
    Planted(
        "an alarm in another namespace",
        "alarms_watch_metrics_that_exist",
        "observability",
        ("Resources", "Outbox", "Properties", "Namespace"),
        to("Retail"),
    ),
    Planted(
        "an alarm by product",
        "alarms_watch_metrics_that_exist",
        "observability",
        ("Resources", "Outbox", "Properties", "Dimensions"),
        to([{"Name": "ProductId", "Value": "A"}]),
    ),
    Planted(
        "metric math on what is not there",
        "metric_math_refers_to_what_is_there",
        "observability",
        ("Resources", "BreakerOpen", "Properties", "Metrics", 0, "Expression"),
        to("IF(fallback > 0 AND FILL(call, 0) == 0, 1, 0)"),
    ),
    Planted(
        "two results",
        "metric_math_refers_to_what_is_there",
        "observability",
        ("Resources", "Fallbacks", "Properties", "Metrics", 1, "ReturnData"),
        to(True),
    ),
    Planted(
        "backlog by tasks that are not asked for",
        "metric_math_refers_to_what_is_there",
        "worker",
        (
            *("Resources", "BacklogPerTaskPolicy", "Properties", "TargetTrackingScalingPolicyConfiguration"),
            *("CustomizedMetricSpecification", "Metrics", 1, "Id"),
        ),
        to("running"),
    ),
    Planted(
        "an alarm that tells nobody",
        "alarms_are_told_and_known",
        "observability",
        ("Resources", "Undecided", "Properties", "AlarmActions"),
        gone,
    ),
    Planted(
        "an alarm that nobody knows",
        "alarms_are_told_and_known",
        "observability",
        ("Resources", "Undecided", "Properties", "AlarmName"),
        to("restock-unheard-of"),
    ),
    dashboard('"widgets": [', '"widgets": [,'),
    dashboard('"SalesApplied"', '"SalesAplied"'),
    dashboard('"x": 16, "y": 3, "width": 8', '"x": 16, "y": 3, "width": 12'),
    dashboard('"type": "metric", "x": 0, "y": 3', '"type": "metrics", "x": 0, "y": 3'),
    Planted(
        "a failure that the runbook does not know",
        "failures_are_known",
        "observability",
        ("Resources", "SnapshotFailed", "Properties", "Name"),
        to({"Fn::Sub": "restock-snapshots-failed${Suffix}"}),
    ),
    *[
        Planted(f"the topic is deaf: {what}", "topics_take_what_they_are_sent", "observability", path, change)
        for what, path, change in (
            ("to a rule", (*SPOKEN, 1, "Condition", "ArnEquals", "aws:SourceArn"), lambda said: said[:1]),
            ("to all alarms", SPOKEN, lambda said: said[1:]),
            ("to a misspelt service", (*SPOKEN, 0, "Principal", "Service"), to("cloudwatch.amazon.com")),
            ("to alarms of other names", (*SPOKEN, 0, "Condition", "ArnLike", "aws:SourceArn"), to("arn:aws:*:rule/*")),
            ("by a no", (*SPOKEN, 1, "Effect"), to("Deny")),
            ("but for subscribers", (*SPOKEN, 1, "Action"), to("sns:Subscribe")),
            ("without a policy", ("Resources", "WhoTells"), gone),
        )
    ],
)
