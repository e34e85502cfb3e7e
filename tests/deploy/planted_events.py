"""Mistakes in patterns, rules, schedules and what they start, that cfn-lint lets pass."""

from __future__ import annotations

from planting import Planted, to

PLANTED_EVENTS = (
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
        "a misspelt way to compare, one of several",
        "patterns_can_match",
        "observability",
        (
            *("Resources", "SnapshotFailed", "Properties", "EventPattern", "detail", "$or", 0),
            *("containers", "exitCode", 0),
        ),
        to({"anything_but": [0]}),
    ),
    Planted(
        "one source of two misspelt",
        "patterns_can_match",
        "observability",
        ("Resources", "SnapshotFailed", "Properties", "EventPattern", "source"),
        to(["aws.ecs", "aws.esc"]),
    ),
    Planted(
        "a task of no family",
        "patterns_name_jobs_that_are_there",
        "observability",
        ("Resources", "SnapshotFailed", "Properties", "EventPattern", "detail", "group"),
        to(["family:restock-snapshots"]),
    ),
    Planted(
        "a pipeline nobody makes",
        "patterns_name_jobs_that_are_there",
        "observability",
        ("Resources", "RetrainingFailed", "Properties", "EventPattern", "detail", "pipelineArn"),
        to(["arn:aws:sagemaker:us-east-1:000000000000:pipeline/restock-retraining"]),
    ),
)
