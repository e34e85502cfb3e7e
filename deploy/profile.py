"""Which parameters fit a shop of this size, and what would it cost?

A profile is a file of parameters. What the worker's settings are with them is read off the template itself, so that
`restock cost` reckons with what would be deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.template import FOLDER, Resolved, resolve, template

PROFILES = FOLDER.parent / "profiles"
STACKS = ("data", "permissions", "observability", "worker", "forecasting")
"""In the order of their making: deployments of the workers heed the alarms, which must be there before."""
ASKED_FOR = ("analytics", "quicksight", "dashboard")
"""Made only if they are named: a shop may do without, and QuickSight must be signed up for."""
# Stand for what a profile cannot know, wherever no account is asked.
EXAMPLE = {
    "Image": f"000000000000.dkr.ecr.us-east-1.amazonaws.com/restock-worker@sha256:{'0' * 64}",
    "ForecasterImage": f"000000000000.dkr.ecr.us-east-1.amazonaws.com/restock-forecaster@sha256:{'0' * 64}",
    "Subnets": "subnet-00000000000000000,subnet-11111111111111111",
    "SecurityGroup": "sg-00000000000000000",
    "Repository": "example/restock",
    "ModelImage": f"000000000000.dkr.ecr.us-east-1.amazonaws.com/restock-forecaster@sha256:{'1' * 64}",
    "ModelData": "s3://retail-models-000000000000/model.tar.gz",
    "QuickSightPrincipal": "arn:aws:quicksight:us-east-1:000000000000:user/default/planner",
    "PipelineKey": "pipelines/retrain.json",
}
ALARM_METRIC_USD = 0.10  # a month, standard resolution: CloudWatch's pricing page; ten are free


class UnknownProfile(ValueError):
    """No such file; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Profile:
    """sales_per_day and products are what it was made for."""

    name: str
    about: str
    sales_per_day: int
    products: int
    parameters: Mapping[str, str]


def profile_names() -> list[str]:
    return sorted(path.stem for path in PROFILES.glob("*.json"))


def profile(name: str) -> Profile:
    path = Path(name) if name.endswith(".json") else PROFILES / f"{name}.json"
    if not path.exists():
        raise UnknownProfile(f"no profile {name!r}: there are {', '.join(profile_names())}, or name a .json file")
    said = json.loads(path.read_text())
    return Profile(path.stem, said["about"], said["sales_per_day"], said["products"], said["parameters"])


def resolved(chosen: Profile, stack: str) -> Resolved:
    """A stack as this profile makes it, with examples for what only an account knows."""
    return resolve(stack, template(stack), {**EXAMPLE, **chosen.parameters})


def environment(worker: Resolved) -> dict[str, str]:
    """The variables of the worker's container."""
    (container,) = worker.of("AWS::ECS::TaskDefinition")["Task"]["ContainerDefinitions"]
    return {each["Name"]: str(each["Value"]) for each in container["Environment"]}


def cost_arguments(chosen: Profile) -> list[str]:
    """What `restock cost` is asked. It knows tasks and instances that are there all month: the least that are."""
    worker, forecasting = resolved(chosen, "worker"), resolved(chosen, "forecasting")
    task = worker.of("AWS::ECS::TaskDefinition")["Task"]
    scaling = worker.of("AWS::ApplicationAutoScaling::ScalableTarget")["Scaling"]
    hosting = forecasting.of("AWS::ApplicationAutoScaling::ScalableTarget").get("HostingScaling", {})
    return [
        *("--events-per-day", str(chosen.sales_per_day)),
        *("--products", str(chosen.products)),
        *("--tasks", str(max(1, int(scaling["MinCapacity"])))),
        *("--task-vcpu", str(int(task["Cpu"]) / 1024)),
        *("--task-gb", str(int(task["Memory"]) / 1024)),
        *("--endpoints", str(hosting.get("MinCapacity", 0))),
        *("--retention-days", str(worker.of("AWS::Logs::LogGroup")["Log"]["RetentionInDays"])),
        *(["--arm"] if task["RuntimePlatform"]["CpuArchitecture"] == "ARM64" else []),
    ]


def beside_the_cost(chosen: Profile) -> list[str]:
    """Sentences on what `restock cost` does not know of this profile."""
    alarms = [properties for stack in STACKS for properties in resolved(chosen, stack).of(ALARM).values()]
    metrics = sum(map(alarm_metrics, alarms))
    said = [f"{len(alarms)} alarms on {metrics} metrics: {metrics * ALARM_METRIC_USD:.2f} dollars, the first ten free"]
    if chosen.parameters.get("MinTasks") == "0":
        said.append("the task is paid while it runs: it stops when nothing has come for 15 minutes")
        said.append("while nothing comes: no task, no request, no metric; storage and the alarms above are all")
    if chosen.parameters.get("Hosting", "serverless") == "serverless":
        said.append("the endpoint is serverless: paid by the second it computes, nothing while idle")
    return said


ALARM = "AWS::CloudWatch::Alarm"


def alarm_metrics(properties: Mapping[str, Any]) -> int:
    """How many metrics an alarm is billed for."""
    return sum("MetricStat" in each for each in properties["Metrics"]) if "Metrics" in properties else 1
