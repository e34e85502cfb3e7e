"""Would ECS start, ask and stop the tasks as the worker needs it?

cfn-lint lets pass a stopTimeout above Fargate's 120 s, a health command without its first word, variables that no
setting reads and settings that refuse each other, and alarms that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from deploy.checks.deployed import Deployed, Properties
from worker.settings import Settings

STOP_MAX_S = 120  # Fargate's most: ECS Developer Guide, "Container timeouts"
CLOSING_S = 10.0  # after the drain: handing over and closing (docs/operations.md, "Start, health, stop")
HEALTH_FORMS = ("CMD", "CMD-SHELL", "NONE")


def _containers(deployed: Deployed) -> Iterator[tuple[str, Properties]]:
    for where, task in deployed.of("AWS::ECS::TaskDefinition"):
        for container in task["ContainerDefinitions"]:
            yield f"{where} {container['Name']}", container


def _settings_of(container: Properties) -> dict[str, Any]:
    said = {each["Name"]: str(each["Value"]) for each in container.get("Environment", ())}
    prefix = "RESTOCK_"
    return {name.removeprefix(prefix).lower(): value for name, value in said.items() if name.startswith(prefix)}


def stop_timeout_fits(deployed: Deployed) -> Iterator[str]:
    for where, container in _containers(deployed):
        stop_s = int(container.get("StopTimeout", 30))
        drain_s = float(
            _settings_of(container).get("drain_timeout_s", Settings.model_fields["drain_timeout_s"].default)
        )
        if stop_s > STOP_MAX_S:
            yield f"{where}: StopTimeout {stop_s} is above Fargate's {STOP_MAX_S}"
        if stop_s < drain_s + CLOSING_S:
            yield f"{where}: StopTimeout {stop_s} is less than the drain of {drain_s:g} s and {CLOSING_S:g}"


def health_command_has_its_form(deployed: Deployed) -> Iterator[str]:
    for where, container in _containers(deployed):
        check = container.get("HealthCheck")
        if check is None:
            if "run" in container.get("Command", ["run"]):
                yield f"{where}: no HealthCheck, and ECS ignores the image's"
            continue
        command = check["Command"]
        if not isinstance(command, list) or command[0] not in HEALTH_FORMS or len(command) < 2:
            yield f"{where}: a health command begins with CMD or CMD-SHELL and then says what: {command}"
        elif command[0] == "CMD-SHELL" and len(command) != 2:
            yield f"{where}: CMD-SHELL takes one text"
        if check.get("Timeout", 5) >= check.get("Interval", 30):
            yield f"{where}: a health check takes longer than the time between two"


def variables_are_settings_that_work(deployed: Deployed) -> Iterator[str]:
    for where, container in _containers(deployed):
        said = _settings_of(container)
        for name in sorted(set(said) - set(Settings.model_fields)):
            yield f"{where}: RESTOCK_{name.upper()} is no setting"
        known = {name: value for name, value in said.items() if name in Settings.model_fields}
        try:
            Settings.model_validate(known)
        except ValidationError as exc:
            yield f"{where}: {exc.errors(include_url=False)[0]['msg']}"


def variables_name_what_is_deployed(deployed: Deployed) -> Iterator[str]:
    """A queue, table, bucket or bus by a name that no stack makes is a worker that never becomes ready."""
    made = {
        **dict.fromkeys(deployed.named("AWS::DynamoDB::Table", "TableName"), "table"),
        **dict.fromkeys(deployed.named("AWS::S3::Bucket", "BucketName"), "bucket"),
        **{f"bus {name}": "bus" for name in deployed.named("AWS::Events::EventBus", "Name")},
    }
    queues = deployed.named("AWS::SQS::Queue", "QueueName")
    for where, container in _containers(deployed):
        settings = _settings_of(container)
        for name, value in settings.items():
            kind = name.rpartition("_")[2]
            if name == "stream_table" or kind not in ("table", "bucket", "bus"):
                continue
            if made.get(f"bus {value}" if kind == "bus" else value) != kind:
                yield f"{where}: RESTOCK_{name.upper()} is {value}, which no stack makes"
        for queue in _queues_read(settings):
            if queue not in queues:
                yield f"{where}: reads the queue {queue}, which no stack makes"


def _queues_read(settings: dict[str, Any]) -> tuple[str, ...]:
    try:
        return Settings.model_validate(settings).queue_names if "queue_name" in settings else ()
    except ValidationError:
        return ()  # told by the rule above


def images_are_named_by_digest(deployed: Deployed) -> Iterator[str]:
    for where, container in _containers(deployed):
        if "@sha256:" not in container["Image"]:
            yield f"{where}: {container['Image']} is a name that may mean another image tomorrow"


def containers_are_locked_in(deployed: Deployed) -> Iterator[str]:
    for where, container in _containers(deployed):
        if not container.get("ReadonlyRootFilesystem"):
            yield f"{where}: its root can be written to"
        if container.get("User", "0").partition(":")[0] in ("0", "root"):
            yield f"{where}: runs as root"
        if container.get("LinuxParameters", {}).get("Capabilities", {}).get("Drop") != ["ALL"]:
            yield f"{where}: keeps capabilities"


def deployments_roll_and_go_back(deployed: Deployed) -> Iterator[str]:
    alarms = deployed.named("AWS::CloudWatch::Alarm", "AlarmName")
    for where, service in deployed.of("AWS::ECS::Service"):
        said = service.get("DeploymentConfiguration", {})
        if (said.get("MinimumHealthyPercent"), said.get("MaximumPercent")) != (100, 200):
            yield f"{where}: a rolling deployment needs 100 and 200 %: the new task stands before the old one goes"
        breaker, heeded = said.get("DeploymentCircuitBreaker", {}), said.get("Alarms", {})
        if not (breaker.get("Enable") and breaker.get("Rollback")):
            yield f"{where}: no circuit breaker that rolls back"
        if not (heeded.get("Enable") and heeded.get("Rollback") and heeded.get("AlarmNames")):
            yield f"{where}: no alarms that roll back"
        for name in heeded.get("AlarmNames", ()):
            if name not in alarms:
                yield f"{where}: heeds the alarm {name}, which no stack makes"


def scaling_has_queues_to_spread_over(deployed: Deployed) -> Iterator[str]:
    """Tasks on one standard queue redo each other's commits: docs/decisions/0007-partitioned-queues.md."""
    targets = [target for _, target in deployed.of("AWS::ApplicationAutoScaling::ScalableTarget")]
    most = max((int(each["MaxCapacity"]) for each in targets if each["ServiceNamespace"] == "ecs"), default=1)
    for where, container in _containers(deployed):
        settings = _settings_of(container)
        if "queue_name" not in settings or settings["queue_name"].endswith(".fifo"):
            continue
        partitions = int(settings.get("queue_partitions", "1"))
        if most > 1 and partitions < 2 * most:
            yield f"{where}: up to {most} tasks share {partitions} partitions; two a task are the least"
