"""Would QuickSight's requests be taken, and would its data sets find their tables?

A data set with a column that its table does not have is made, and fails when it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deploy.checks.analytics import allows
from deploy.checks.deployed import PLACE, Deployed, Properties
from deploy.checks.shapes import request_shape, unfit
from deploy.quicksight.data_sets import TYPES

OPERATIONS = {
    "AWS::QuickSight::DataSource": "CreateDataSource",
    "AWS::QuickSight::DataSet": "CreateDataSet",
    "AWS::QuickSight::Dashboard": "CreateDashboard",
}
COLUMN = re.compile(r"\{([^}]+)\}")


def requests_are_of_quicksight_s_shape(deployed: Deployed) -> Iterator[str]:
    """CloudFormation's properties of these types are the members of the request that makes them; those of a refresh
    schedule are not quite, and are cfn-lint's to check."""
    for kind, operation in OPERATIONS.items():
        shape = request_shape("quicksight", operation)
        for where, said in deployed.of(kind):
            yield from (f"{where}: {what}" for what in unfit(shape, said, operation))


def data_sets_read_tables_that_are_there(deployed: Deployed) -> Iterator[str]:
    sources = deployed.by_reference("AWS::QuickSight::DataSource")
    databases = {said["DatabaseInput"]["Name"] for _, said in deployed.of("AWS::Glue::Database")}
    tables = {said["TableInput"]["Name"]: said["TableInput"] for _, said in deployed.of("AWS::Glue::Table")}
    for where, said in deployed.of("AWS::QuickSight::DataSet"):
        for physical in said["PhysicalTableMap"].values():
            asked = physical["RelationalTable"]
            if asked["DataSourceArn"] not in sources:
                yield f"{where}: its data source is not there"
            if asked["Schema"] not in databases or asked["Name"] not in tables:
                yield f"{where}: {asked['Schema']}.{asked['Name']} is a table that no stack makes"
                continue
            columns = tables[asked["Name"]]["StorageDescriptor"]["Columns"]
            there = {each["Name"]: TYPES[each["Type"]] for each in columns}
            for column in asked["InputColumns"]:
                if there.get(column["Name"]) != column["Type"]:
                    yield f"{where}: {asked['Name']} has no column {column['Name']} of type {column['Type']}"
        yield from (f"{where}: {what}" for what in _misreckoned(said))


def _misreckoned(said: Properties) -> Iterator[str]:
    known = {column["Name"] for column in _input_columns(said)}
    for logical in said["LogicalTableMap"].values():
        if logical["Source"].get("PhysicalTableId") not in said["PhysicalTableMap"]:
            yield f"{logical['Alias']} stands on no table"
        for added in _added(logical):
            for name in sorted(set(COLUMN.findall(added["Expression"])) - known):
                yield f"{added['ColumnName']} is reckoned from {name}, which is not there"
            if added["ColumnName"] in known:
                yield f"{added['ColumnName']} is a column already"


def _input_columns(said: Properties) -> list[Properties]:
    tables = [physical["RelationalTable"] for physical in said["PhysicalTableMap"].values()]
    return [column for table in tables for column in table["InputColumns"]]


def _added(logical: Properties) -> list[Properties]:
    operations = [each.get("CreateColumnsOperation", {}) for each in logical.get("DataTransforms", ())]
    return [column for each in operations for column in each.get("Columns", ())]


def columns_of(said: Properties) -> dict[str, str]:
    """The columns that a data set offers, with their types; of those it reckons itself, texts by their function."""
    columns = {column["Name"]: str(column["Type"]) for column in _input_columns(said)}
    for logical in said["LogicalTableMap"].values():
        for added in _added(logical):
            columns[added["ColumnName"]] = "STRING" if "concat(" in added["Expression"] else "DECIMAL"
    return columns


def readers_reach_what_they_read(deployed: Deployed) -> Iterator[str]:
    roles = deployed.by_reference("AWS::IAM::Role")
    groups = deployed.named("AWS::Athena::WorkGroup", "Name")
    tables = [said["TableInput"] for _, said in deployed.of("AWS::Glue::Table")]
    databases = {said["DatabaseInput"]["Name"] for _, said in deployed.of("AWS::Glue::Database")}
    for where, said in deployed.of("AWS::QuickSight::DataSource"):
        athena = said["DataSourceParameters"]["AthenaParameters"]
        group, (_, role) = groups.get(athena["WorkGroup"]), roles.get(athena.get("RoleArn", ""), ("", {}))
        if group is None:
            yield f"{where}: the workgroup {athena['WorkGroup']} is made by no stack"
            continue
        answers = group["WorkGroupConfiguration"]["ResultConfiguration"]["OutputLocation"]
        wanted = {
            ("athena:StartQueryExecution", f"arn:aws:athena:{PLACE}:workgroup/{athena['WorkGroup']}"),
            ("s3:PutObject", f"{_object(answers)}x"),
            *(("s3:GetObject", f"{_object(table['StorageDescriptor']['Location'])}x") for table in tables),
            *(
                ("glue:GetTable", f"arn:aws:glue:{PLACE}:table/{database}/{table['Name']}")
                for database in databases
                for table in tables
            ),
        }
        for action, arn in sorted(wanted):
            if not allows(role, action, arn):
                yield f"{where}: its role may not {action} {arn}"


def _object(address: str) -> str:
    return f"arn:aws:s3:::{address.removeprefix('s3://')}"
