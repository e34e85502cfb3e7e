"""Would Athena find what a snapshot writes, within a limit, and would a snapshot be taken at all?

A column that Glue names otherwise than the file is null in every row, a location with a slash less finds nothing, a
workgroup that is not enforced limits nobody, and a scheduled task whose role may not be passed on fails unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from deploy.checks.deployed import PLACE, Deployed, Properties
from deploy.checks.rights import listed
from worker.snapshots.tables import FOLDER, PARTITION, TABLES, Table

PARQUET = "parquet.serde.ParquetHiveSerDe"
UNQUOTED = re.compile(r"[a-z][a-z0-9_]*")
PROJECTION = {
    "projection.enabled": "true",
    f"projection.{PARTITION}.type": "date",
    f"projection.{PARTITION}.format": "yyyy-MM-dd",
}


def analytics_bucket(deployed: Deployed) -> str:
    """Where the task writes to; empty if there is none."""
    for _, task in deployed.of("AWS::ECS::TaskDefinition"):
        for container in task["ContainerDefinitions"]:
            for each in container.get("Environment", ()):
                if each["Name"] == "RESTOCK_ANALYTICS_BUCKET":
                    return str(each["Value"])
    return ""


def tables_are_what_snapshots_write(deployed: Deployed) -> Iterator[str]:
    known, bucket, found = {table.name: table for table in TABLES}, analytics_bucket(deployed), set()
    for where, said in deployed.of("AWS::Glue::Table"):
        table = said["TableInput"]
        if table["Name"] not in known:
            yield f"{where}: no snapshot writes {table['Name']}"
            continue
        found.add(table["Name"])
        yield from (f"{where}: {what}" for what in _unlike(table, known[table["Name"]], bucket))
    for where, database in deployed.of("AWS::Glue::Database"):
        if not UNQUOTED.fullmatch(database["DatabaseInput"]["Name"]):
            yield f"{where}: {database['DatabaseInput']['Name']} needs quotes in every query"
        for name in sorted(set(known) - found):
            yield f"{where}: snapshots write {name}, and no table shows it"


def _unlike(said: Properties, table: Table, bucket: str) -> Iterator[str]:
    storage, parameters = said["StorageDescriptor"], said.get("Parameters", {})
    columns = [(each["Name"], each["Type"]) for each in storage["Columns"]]
    wanted = [(column.name, column.kind) for column in table.columns]
    for missing in sorted(set(wanted) - set(columns)):
        yield f"{table.name} is written with {missing[0]} {missing[1]}, which is not there"
    for unknown in sorted(set(columns) - set(wanted)):
        yield f"{table.name} is written without {unknown[0]} {unknown[1]}"
    location = f"s3://{bucket}/{FOLDER}/{table.name}/"
    if storage["Location"] != location:
        yield f"{table.name} is written to {location}, not to {storage['Location']}"
    if not storage["SerdeInfo"]["SerializationLibrary"].endswith(PARQUET):
        yield f"{table.name} is Parquet"
    if [each["Name"] for each in said.get("PartitionKeys", ())] != ([PARTITION] if table.daily else []):
        yield f"{table.name} is {'' if table.daily else 'not '}partitioned by {PARTITION}"
    projected = {**PROJECTION, "storage.location.template": f"{location}{PARTITION}=${{{PARTITION}}}/"}
    for name, value in projected.items() if table.daily else ():
        if parameters.get(name) != value:
            yield f"{name} is {parameters.get(name)!r}, not {value!r}: its days are not found"


def queries_are_limited(deployed: Deployed) -> Iterator[str]:
    buckets = deployed.named("AWS::S3::Bucket", "BucketName")
    for where, group in deployed.of("AWS::Athena::WorkGroup"):
        said = group["WorkGroupConfiguration"]
        if not said.get("EnforceWorkGroupConfiguration"):
            yield f"{where}: a client may leave its limits and its place of answers aside"
        if not said.get("BytesScannedCutoffPerQuery"):
            yield f"{where}: a query may read, and cost, what it likes"
        answers = said.get("ResultConfiguration", {})
        if not answers.get("EncryptionConfiguration"):
            yield f"{where}: answers lie unencrypted"
        bucket, _, prefix = answers.get("OutputLocation", "").removeprefix("s3://").partition("/")
        if bucket not in buckets:
            yield f"{where}: answers go to {bucket or 'no bucket'}, which no stack makes"
        elif not any(_forgets(rule, prefix) for rule in _lifecycle(buckets[bucket])):
            yield f"{where}: answers under {prefix} are kept for ever"


def _lifecycle(bucket: Properties) -> list[Properties]:
    rules: list[Properties] = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    return rules


def _forgets(rule: Properties, prefix: str) -> bool:
    return "ExpirationInDays" in rule and prefix.startswith(rule.get("Prefix", ""))


def scheduled_tasks_can_start(deployed: Deployed) -> Iterator[str]:
    tasks, roles = deployed.by_reference("AWS::ECS::TaskDefinition", "Ref"), deployed.by_reference("AWS::IAM::Role")
    for where, schedule in deployed.of("AWS::Scheduler::Schedule"):
        target = schedule["Target"]
        if "EcsParameters" not in target:
            continue
        if target["EcsParameters"]["TaskDefinitionArn"] not in tasks:
            yield f"{where}: starts a task that no stack makes"
            continue
        _, task = tasks[target["EcsParameters"]["TaskDefinitionArn"]]
        if not target["EcsParameters"].get("NetworkConfiguration"):
            yield f"{where}: a task on Fargate needs its subnets"
        _, starter = roles.get(target["RoleArn"], ("", {}))
        family = f"arn:aws:ecs:{PLACE}:task-definition/{task['Family']}:1"
        wanted = {
            ("ecs:RunTask", family),
            *(("iam:PassRole", task[name]) for name in ("TaskRoleArn", "ExecutionRoleArn")),
        }
        for action, arn in sorted(wanted):
            if not allows(starter, action, arn):
                yield f"{where}: its role may not {action} {arn}"


def allows(role: Properties, action: str, arn: str) -> bool:
    """Whether an inline policy of the role lets it."""
    statements = [each for policy in role.get("Policies", ()) for each in policy["PolicyDocument"]["Statement"]]
    return any(
        action in listed(each["Action"]) and any(fnmatchcase(arn, pattern) for pattern in listed(each["Resource"]))
        for each in statements
    )
