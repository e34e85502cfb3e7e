"""Mistakes that cfn-lint lets pass, each in one template, and the rule that must find it.

A path leads to what is changed; a function gets what stands there and returns what shall stand there instead."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from deploy.template import names, template

WORKER = ("Resources", "Task", "Properties", "ContainerDefinitions", 0)
SERVICE = ("Resources", "Service", "Properties")
PIPE = ("Resources", "WrittenSales", "Properties")
STATE = ("Resources", "StateTable", "Properties")
GONE = object()


class Planted(NamedTuple):
    """what: the mistake in words; rule: the one that must find it."""

    what: str
    rule: str
    stack: str
    path: tuple[str | int, ...]
    change: Callable[[Any], Any]


def to(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def gone(_: Any) -> Any:
    return GONE


def replaced(old: str, new: str) -> Callable[[Any], Any]:
    def change(text: Any) -> Any:
        if isinstance(text, list):
            return [change(each) for each in text]
        if not isinstance(text, str):
            return text
        return text.replace(old, new)

    return change


def variable(name: str, value: Any) -> Callable[[Any], Any]:
    """Another value for one of the container's variables, or one more."""
    return lambda said: [each for each in said if each["Name"] != name] + [{"Name": name, "Value": value}]


def dashboard(old: str, new: str) -> Planted:
    path = ("Resources", "Dashboard", "Properties", "DashboardBody", "Fn::Sub", 0)
    return Planted(
        f"dashboard: {old!r} is {new!r}", "dashboards_can_be_drawn", "observability", path, replaced(old, new)
    )


PLANTED = (
    Planted("stopTimeout above Fargate's", "stop_timeout_fits", "worker", (*WORKER, "StopTimeout"), to(180)),
    Planted("no stopTimeout: 30 s", "stop_timeout_fits", "worker", (*WORKER, "StopTimeout"), gone),
    Planted(
        "a drain that does not fit",
        "stop_timeout_fits",
        "worker",
        (*WORKER, "Environment"),
        lambda said: variable("RESTOCK_DRAIN_TIMEOUT_S", "115")(said),
    ),
    Planted(
        "a health command without CMD",
        "health_command_has_its_form",
        "worker",
        (*WORKER, "HealthCheck", "Command"),
        lambda said: said[1:],
    ),
    Planted(
        "CMD-SHELL with many words",
        "health_command_has_its_form",
        "worker",
        (*WORKER, "HealthCheck", "Command", 0),
        to("CMD-SHELL"),
    ),
    Planted("no health check", "health_command_has_its_form", "worker", (*WORKER, "HealthCheck"), gone),
    Planted(
        "a check longer than its interval",
        "health_command_has_its_form",
        "worker",
        (*WORKER, "HealthCheck", "Timeout"),
        to(20),
    ),
    Planted(
        "a misspelt variable",
        "variables_are_settings_that_work",
        "worker",
        (*WORKER, "Environment"),
        variable("RESTOCK_QUEUENAME", "x"),
    ),
    Planted(
        "settings that refuse each other",
        "variables_are_settings_that_work",
        "worker",
        (*WORKER, "Environment"),
        variable("RESTOCK_VISIBILITY_TIMEOUT_S", "60"),
    ),
    Planted(
        "a table nobody makes",
        "variables_name_what_is_deployed",
        "worker",
        (*WORKER, "Environment"),
        variable("RESTOCK_STATE_TABLE", "restock-states"),
    ),
    Planted(
        "a queue nobody makes",
        "variables_name_what_is_deployed",
        "data",
        ("Resources", "SalesQueue3", "Properties", "QueueName"),
        to("retail-sales-33"),
    ),
    Planted(
        "an image by its tag", "images_are_named_by_digest", "worker", (*WORKER, "Image"), to("restock-worker:latest")
    ),
    Planted(
        "a root that can be written", "containers_are_locked_in", "worker", (*WORKER, "ReadonlyRootFilesystem"), gone
    ),
    Planted("the user root", "containers_are_locked_in", "worker", (*WORKER, "User"), to("0:0")),
    Planted("capabilities", "containers_are_locked_in", "worker", (*WORKER, "LinuxParameters"), gone),
    Planted(
        "old tasks go first",
        "deployments_roll_and_go_back",
        "worker",
        (*SERVICE, "DeploymentConfiguration", "MinimumHealthyPercent"),
        to(0),
    ),
    Planted(
        "no way back",
        "deployments_roll_and_go_back",
        "worker",
        (*SERVICE, "DeploymentConfiguration", "DeploymentCircuitBreaker", "Rollback"),
        to(False),
    ),
    Planted(
        "an alarm that is not there",
        "deployments_roll_and_go_back",
        "worker",
        (*SERVICE, "DeploymentConfiguration", "Alarms", "AlarmNames", 0),
        to("restock-quarantined"),
    ),
    Planted(
        "more tasks than partitions carry",
        "scaling_has_queues_to_spread_over",
        "worker",
        ("Resources", "Scaling", "Properties", "MaxCapacity"),
        to(8),
    ),
    Planted(
        "a Pipe's batch above SQS's ten",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "SourceParameters", "DynamoDBStreamParameters", "BatchSize"),
        to(100),
    ),
    Planted(
        "a FIFO target without a group",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "TargetParameters", "SqsQueueParameters", "MessageGroupId"),
        gone,
    ),
    Planted(
        "a Pipe that loses what it gives up",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "SourceParameters", "DynamoDBStreamParameters", "DeadLetterConfig"),
        gone,
    ),
    Planted(
        "a filter on a member that no record has",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "SourceParameters", "FilterCriteria", "Filters", 0, "Pattern"),
        to('{"event_name": ["INSERT"]}'),
    ),
    Planted(
        "maxReceiveCount of one",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "SalesQueue", "Properties", "RedrivePolicy", "maxReceiveCount"),
        to(1),
    ),
    Planted(
        "no dead letters",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "SalesQueue0", "Properties", "RedrivePolicy"),
        gone,
    ),
    Planted(
        "standard dead letters of a FIFO queue",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "FifoSalesQueue", "Properties", "RedrivePolicy", "deadLetterTargetArn"),
        to({"Fn::GetAtt": ["PipeDeadLetters", "Arn"]}),
    ),
    Planted(
        "a visibility below the worker's",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "SalesQueue", "Properties", "VisibilityTimeout"),
        to(30),
    ),
    Planted(
        "no recovery",
        "tables_can_be_restored_and_forget",
        "data",
        (*STATE, "PointInTimeRecoverySpecification"),
        gone,
    ),
    Planted(
        "a time to live on a misspelt attribute",
        "tables_can_be_restored_and_forget",
        "data",
        (*STATE, "TimeToLiveSpecification", "AttributeName"),
        to("expire_at"),
    ),
    Planted(
        "a stream on the state table",
        "tables_can_be_restored_and_forget",
        "data",
        (*STATE, "StreamSpecification"),
        to({"StreamViewType": "NEW_AND_OLD_IMAGES"}),
    ),
    Planted(
        "a stream of keys",
        "tables_can_be_restored_and_forget",
        "data",
        ("Resources", "SalesTable", "Properties", "StreamSpecification", "StreamViewType"),
        to("KEYS_ONLY"),
    ),
    Planted(
        "a log for ever", "logs_are_forgotten", "worker", ("Resources", "Log", "Properties", "RetentionInDays"), gone
    ),
    Planted(
        "a misspelt key of an event",
        "patterns_can_match",
        "data",
        ("Resources", "ReordersRule", "Properties", "EventPattern"),
        to({"source": ["retail.inventory"], "detailType": ["Reorder Required"]}),
    ),
    Planted(
        "a detail-type nobody sends",
        "patterns_can_match",
        "data",
        ("Resources", "ReordersRule", "Properties", "EventPattern", "detail-type", 0),
        to("Reorder required"),
    ),
    Planted(
        "another source",
        "patterns_can_match",
        "forecasting",
        ("Resources", "Suggested", "Properties", "EventPattern", "source", 0),
        to("retail.inventories"),
    ),
    Planted(
        "a comparison that is none",
        "patterns_can_match",
        "data",
        ("Resources", "Published", "Properties", "EventPattern", "replay-name", 0),
        to({"exist": False}),
    ),
    Planted(
        "a rule on a bus nobody makes",
        "rules_reach_a_bus_that_is_there",
        "forecasting",
        ("Resources", "Suggested", "Properties", "EventBusName"),
        to("retail-events"),
    ),
    Planted(
        "a cron of five fields",
        "schedules_go_off",
        "forecasting",
        ("Resources", "Monthly", "Properties", "ScheduleExpression"),
        to("cron(0 3 1 * ?)"),
    ),
    Planted(
        "both kinds of day",
        "schedules_go_off",
        "forecasting",
        ("Resources", "Monthly", "Properties", "ScheduleExpression"),
        to("cron(0 3 1 * MON *)"),
    ),
    Planted(
        "a rate of one days",
        "schedules_go_off",
        "forecasting",
        ("Resources", "Monthly", "Properties", "ScheduleExpression"),
        to("rate(1 days)"),
    ),
    Planted(
        "a pipeline without its sales",
        "pipelines_get_their_parameters",
        "forecasting",
        ("Resources", "Monthly", "Properties", "Target", "SageMakerPipelineParameters", "PipelineParameterList"),
        lambda said: [each for each in said if each["Name"] != "SalesUri"],
    ),
    Planted(
        "a parameter the pipeline has not",
        "pipelines_get_their_parameters",
        "forecasting",
        (
            *("Resources", "Suggested", "Properties", "Targets", 0, "SageMakerPipelineParameters"),
            *("PipelineParameterList", 0, "Name"),
        ),
        to("Image"),
    ),
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
        "everything on a table",
        "grants_are_narrow",
        "permissions",
        ("Resources", "WorkerPolicy", "Properties", "PolicyDocument", "Statement", 1, "Action"),
        to("dynamodb:*"),
    ),
    Planted(
        "any table",
        "grants_are_narrow",
        "permissions",
        ("Resources", "WorkerPolicy", "Properties", "PolicyDocument", "Statement", 1, "Resource"),
        to("*"),
    ),
    Planted(
        "any namespace",
        "grants_are_narrow",
        "forecasting",
        ("Resources", "ModelRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 5, "Condition"),
        gone,
    ),
    Planted(
        "a role for any service",
        "grants_are_narrow",
        "delivery",
        ("Resources", "DeployRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 1, "Condition"),
        gone,
    ),
    Planted(
        "a role for other accounts' tasks",
        "roles_are_for_ours_alone",
        "permissions",
        ("Resources", "TaskRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
        gone,
    ),
    Planted(
        "any branch builds",
        "roles_are_for_ours_alone",
        "delivery",
        (
            *("Resources", "BuildRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
            *("StringEquals", "token.actions.githubusercontent.com:sub"),
        ),
        to({"Fn::Sub": "repo:${Repository}:*"}),
    ),
    Planted(
        "any repository deploys",
        "roles_are_for_ours_alone",
        "delivery",
        (
            *("Resources", "DeployRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
            *("StringEquals", "token.actions.githubusercontent.com:sub"),
        ),
        gone,
    ),
    Planted(
        "anybody's rule sends",
        "policies_name_who_sends",
        "data",
        ("Resources", "ReordersFromTheRule", "Properties", "PolicyDocument", "Statement", 0, "Condition"),
        gone,
    ),
    Planted(
        "anybody tells people",
        "policies_name_who_sends",
        "observability",
        ("Resources", "WhoTells", "Properties", "PolicyDocument", "Statement", 0, "Condition", "ArnLike"),
        gone,
    ),
    Planted(
        "the topic does not take what a rule says",
        "failures_are_told_and_known",
        "observability",
        (
            *("Resources", "WhoTells", "Properties", "PolicyDocument", "Statement", 1, "Condition", "ArnEquals"),
            "aws:SourceArn",
        ),
        lambda said: said[:1],
    ),
    Planted(
        "a failure that the runbook does not know",
        "failures_are_told_and_known",
        "observability",
        ("Resources", "SnapshotFailed", "Properties", "Name"),
        to({"Fn::Sub": "restock-snapshots-failed${Suffix}"}),
    ),
    Planted(
        "a misspelt way to compare, one of several",
        "patterns_can_match",
        "observability",
        (
            *("Resources", "SnapshotFailed", "Properties", "EventPattern", "detail", "$or", 0),
            *("containers", "exitCode", 0),
        ),
        to({"anything_but": [0]}),
    ),
)


@cache
def _templates() -> dict[str, Any]:
    return {name: template(name) for name in names()}


def with_the_mistake(planted: Planted) -> dict[str, Any]:
    """All templates by name, one of them with the mistake."""
    templates = dict(_templates())
    at: Any = copy.deepcopy(templates[planted.stack])
    templates[planted.stack] = at
    *way, last = planted.path
    for step in way:
        at = at[step]
    before = at[last] if isinstance(last, int) else at.get(last)
    after = planted.change(copy.deepcopy(before))
    assert after is not before
    assert after != before, f"{planted.what}: nothing was changed"
    if after is GONE:
        assert before is not None, f"{planted.what}: nothing stood there"
        del at[last]
    else:
        at[last] = after
    return templates
