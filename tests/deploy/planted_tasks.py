"""Mistakes in the worker's task, its service and its scaling, that cfn-lint lets pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from planting import Planted, gone, to

WORKER = ("Resources", "Task", "Properties", "ContainerDefinitions", 0)
SERVICE = ("Resources", "Service", "Properties")


def variable(name: str, value: Any) -> Callable[[Any], Any]:
    """Another value for one of the container's variables, or one more."""
    return lambda said: [each for each in said if each["Name"] != name] + [{"Name": name, "Value": value}]


PLANTED_TASKS = (
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
        "a log for ever", "logs_are_forgotten", "worker", ("Resources", "Log", "Properties", "RetentionInDays"), gone
    ),
)
