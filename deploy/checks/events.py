"""Would what the worker publishes be matched, and would schedules go off?

An event pattern with a misspelt key, or for a detail-type that nobody sends, is valid and matches nothing; a cron of
five fields, or with both kinds of day, is refused only when the stack is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.checks.deployed import PLACE, Deployed
from handlers import announcements, insight_text
from worker.aws.eventbridge import SOURCE

# EventBridge User Guide, "AWS service event metadata": the members of an event; replay-name is on replayed ones.
EVENT_KEYS = {
    *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"),
}
OPERATORS = {
    *("prefix", "suffix", "anything-but", "numeric", "cidr", "exists", "equals-ignore-case", "wildcard"),
}
# Amazon ECS Developer Guide, "task state change events"; SageMaker Developer Guide, "Events that SageMaker AI sends".
OF_AWS = {
    "aws.ecs": {"ECS Task State Change"},
    "aws.sagemaker": {"SageMaker Model Building Pipeline Execution Status Change"},
}
CRON_FIELDS = 6  # minute, hour, day of month, month, day of week, year
RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")


def published_types() -> set[str]:
    """The detail-types that the code sends: the constants of capitals that read as one."""
    said = {**vars(announcements), **vars(insight_text)}
    return {value for name, value in said.items() if name.isupper() and isinstance(value, str) and " " in value}


def patterns_can_match(deployed: Deployed) -> Iterator[str]:
    sent = {**OF_AWS, SOURCE: published_types()}
    for kind in ("AWS::Events::Rule", "AWS::Events::Archive"):
        for where, rule in deployed.of(kind):
            pattern = rule.get("EventPattern", {})
            yield from (f"{where}: {said}" for said in _unmatchable(pattern, 0))
            sources = _texts(pattern.get("source", [SOURCE]))
            for source in sources:
                if source not in sent:
                    yield f"{where}: nobody whom we know is {source!r}: the worker's source is {SOURCE}"
            types = set().union(*(sent.get(source, ()) for source in sources))
            for detail_type in _texts(pattern.get("detail-type", ())):
                if types and detail_type not in types:
                    yield f"{where}: nobody publishes {detail_type!r}; there are {', '.join(sorted(types))}"


def _texts(values: Iterable[Any]) -> list[str]:
    """What a pattern asks for word by word; a comparison is a mapping."""
    return [each for each in values if isinstance(each, str)]


def _unmatchable(pattern: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in pattern.items():
        if key == "$or" and isinstance(value, list) and len(value) > 1:
            for each in value:
                yield from _unmatchable(each, depth)
        elif depth == 0 and key not in EVENT_KEYS:
            yield f"an event has no {key!r}: nothing ever matches"
        elif isinstance(value, dict):
            yield from _unmatchable(value, depth + 1)
        elif not isinstance(value, list) or not value:
            yield f"{key}: a pattern's values stand in a list that is not empty"
        else:
            for each in value:
                if isinstance(each, dict) and not set(each) <= OPERATORS:
                    yield f"{key}: {set(each) - OPERATORS} is no way to compare"


def patterns_name_jobs_that_are_there(deployed: Deployed) -> Iterator[str]:
    """Of AWS's own events: the family of a task, the pipeline."""
    families = {f"family:{name}" for name in deployed.named("AWS::ECS::TaskDefinition", "Family")}
    pipelines = {
        f"arn:aws:sagemaker:{PLACE}:pipeline/{name}"
        for name in deployed.named("AWS::SageMaker::Pipeline", "PipelineName")
    }
    for where, rule in deployed.of("AWS::Events::Rule"):
        detail = rule.get("EventPattern", {}).get("detail", {})
        for key, there in (("group", families), ("pipelineArn", pipelines)):
            # A shop that does not retrain has no pipeline, and nothing ever happens to it.
            if there and (named := [name for name in _texts(detail.get(key, ())) if name not in there]):
                yield f"{where}: {key} {', '.join(named)} is made by no stack"


def rules_reach_a_bus_that_is_there(deployed: Deployed) -> Iterator[str]:
    kind = "AWS::Events::EventBus"
    buses = {"default", *deployed.named(kind, "Name"), *deployed.by_reference(kind, "Ref")}
    for where, rule in deployed.of("AWS::Events::Rule"):
        if rule.get("EventBusName", "default") not in buses:
            yield f"{where}: the bus {rule['EventBusName']} is made by no stack"


def schedules_go_off(deployed: Deployed) -> Iterator[str]:
    said = [(where, each["ScheduleExpression"]) for where, each in deployed.of("AWS::Scheduler::Schedule")]
    for where, expression in said:
        if expression.startswith("cron("):
            fields = expression.removeprefix("cron(").removesuffix(")").split()
            if len(fields) != CRON_FIELDS:
                yield f"{where}: {expression} has {len(fields)} fields, not {CRON_FIELDS}"
            elif (fields[2] == "?") == (fields[4] == "?"):
                yield f"{where}: {expression}: one of day of month and day of week is ?, and only one"
        elif not RATE.fullmatch(expression) and not expression.startswith("at("):
            yield f"{where}: {expression} is no schedule"


def pipelines_get_their_parameters(deployed: Deployed) -> Iterator[str]:
    """A pipeline that is started without a parameter that has no default fails at once, once a month."""
    declared = _pipeline_parameters()
    starts = [(where, each["Target"]) for where, each in deployed.of("AWS::Scheduler::Schedule")]
    starts += [(where, target) for where, rule in deployed.of("AWS::Events::Rule") for target in rule["Targets"]]
    for where, target in starts:
        if "SageMakerPipelineParameters" not in target:
            continue
        given = {each["Name"] for each in target["SageMakerPipelineParameters"]["PipelineParameterList"]}
        for name in sorted(given - set(declared)):
            yield f"{where}: the pipeline has no parameter {name}"
        for name in sorted(name for name, default in declared.items() if not default and name not in given):
            yield f"{where}: the pipeline needs {name}"


def _pipeline_parameters() -> dict[str, bool]:
    """Each parameter of the retraining pipeline, and whether it has a default."""
    import json

    from deploy.template import FOLDER

    said = json.loads((FOLDER.parent / "pipelines" / "retrain.json").read_text())
    return {each["Name"]: "DefaultValue" in each for each in said["Parameters"]}
