"""Mistakes in the snapshots' tables, their workgroup and task, and in the dashboard, that cfn-lint lets pass."""

from __future__ import annotations

from typing import Any

from planting import Planted, gone, replaced, to

TABLE = ("Resources", "InventoryTable", "Properties", "TableInput")
GROUP = ("Resources", "WorkGroup", "Properties", "WorkGroupConfiguration")
STARTS = ("Resources", "SnapshotStart", "Properties", "Policies", 0, "PolicyDocument", "Statement")
READS = ("Resources", "ReaderRole", "Properties", "Policies", 0, "PolicyDocument", "Statement")
SET = ("Resources", "Stockouts", "Properties")
PHYSICAL = (*SET, "PhysicalTableMap", "stockouts", "RelationalTable")
ADDED = (*SET, "LogicalTableMap", "stockouts", "DataTransforms", 0, "CreateColumnsOperation", "Columns")
DEFINITION = ("Resources", "Dashboard", "Properties", "Definition")
HEALTH = (*DEFINITION, "Sheets", 0)
FIRST = (*HEALTH, "Visuals", 0, "KPIVisual")
VALUES = (*FIRST, "ChartConfiguration", "FieldWells", "Values", 0)
PLACES = (*HEALTH, "Layouts", 0, "Configuration", "GridLayout", "Elements")


def glue(what: str, *path: str | int, change: Any) -> Planted:
    return Planted(what, "tables_are_what_snapshots_write", "analytics", (*TABLE, *path), change)


def group(what: str, *path: str | int, change: Any) -> Planted:
    return Planted(what, "queries_are_limited", "analytics", (*GROUP, *path), change)


def task(what: str, *path: str | int, change: Any) -> Planted:
    return Planted(what, "scheduled_tasks_can_start", "analytics", path, change)


def asked(what: str, *path: str | int, change: Any, stack: str = "dashboard") -> Planted:
    return Planted(what, "requests_are_of_quicksight_s_shape", stack, path, change)


def data_set(what: str, *path: str | int, change: Any) -> Planted:
    return Planted(what, "data_sets_read_tables_that_are_there", "quicksight", path, change)


def reader(what: str, *path: str | int, change: Any) -> Planted:
    return Planted(what, "readers_reach_what_they_read", "quicksight", path, change)


def picture(what: str, *path: str | int, change: Any) -> Planted:
    return Planted(what, "pictures_show_what_is_there", "dashboard", path, change)


def of_column(name: str) -> dict[str, Any]:
    return {"DataSetIdentifier": "inventory_now", "ColumnName": name}


def first_wider(places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**places[0], "ColumnSpan": places[0]["ColumnSpan"] + 1}, *places[1:]]


PLANTED_ANALYTICS = (
    glue("a misspelt column", "StorageDescriptor", "Columns", 0, "Name", change=to("on_date")),
    glue("another type", "StorageDescriptor", "Columns", 0, "Type", change=to("timestamp")),
    glue("a table that nobody writes", "Name", change=to("inventories")),
    glue("a place without its folder", "StorageDescriptor", "Location", "Fn::Sub", change=replaced("/snapshots", "")),
    glue("another format's reader", "StorageDescriptor", "SerdeInfo", change=to({"SerializationLibrary": "x.Json"})),
    glue("no partition", "PartitionKeys", change=gone),
    glue("days in another format", "Parameters", "projection.day.format", change=to("yyyyMMdd")),
    glue("days that are not found", "Parameters", "storage.location.template", "Fn::Sub", change=replaced("day=", "")),
    Planted(
        "a database's name with a hyphen",
        "tables_are_what_snapshots_write",
        "analytics",
        ("Resources", "Database", "Properties", "DatabaseInput", "Name"),
        to("restock-snapshots"),
    ),
    group("limits that nobody must keep", "EnforceWorkGroupConfiguration", change=to(False)),
    group("no limit", "BytesScannedCutoffPerQuery", change=gone),
    group(
        "answers kept",
        "ResultConfiguration",
        "OutputLocation",
        "Fn::Sub",
        change=replaced("athena", "answers"),
    ),
    group("answers unencrypted", "ResultConfiguration", "EncryptionConfiguration", change=gone),
    group("answers in no bucket", "ResultConfiguration", "OutputLocation", "Fn::Sub", change=replaced("retail-", "")),
    task("a task that may not be started", *STARTS, 0, "Action", change=to("ecs:StartTask")),
    task("another family", *STARTS, 0, "Resource", "Fn::Sub", change=replaced("restock-snapshot", "restock-shot")),
    task("a role that may not be passed", *STARTS, 1, "Resource", change=lambda said: said[:1]),
    task(
        "no network",
        *("Resources", "Daily", "Properties", "Target", "EcsParameters", "NetworkConfiguration"),
        change=gone,
    ),
    task(
        "another task",
        *("Resources", "Daily", "Properties", "Target", "EcsParameters", "TaskDefinitionArn"),
        change=to({"Ref": "Snapshot"}),
    ),
    asked("a misspelt aggregation", *VALUES, "CategoricalMeasureField", "AggregationFunction", change=to("TOTAL")),
    asked("a member nobody knows", *FIRST, "Titles", change=to({"Visibility": "VISIBLE"})),
    asked("a picture without an id", *FIRST, "VisualId", change=gone),
    asked("an id with a space", *FIRST, "VisualId", change=to("all products")),
    asked("no sheets as a text", *DEFINITION, "Sheets", change=to("none")),
    asked("too many sheets", *DEFINITION, "Sheets", change=lambda said: said * 5),
    asked("a width as a text", *PLACES, 0, "ColumnSpan", change=to("7")),
    asked("a type of column there is not", *PHYSICAL, "InputColumns", 0, "Type", change=to("DATE"), stack="quicksight"),
    data_set("a table that is not there", *PHYSICAL, "Name", change=to("stock_outs")),
    data_set("another database", *PHYSICAL, "Schema", change=to("default")),
    data_set("no data source", *PHYSICAL, "DataSourceArn", change=to("arn:aws:quicksight:x")),
    data_set("a column that its table lacks", *PHYSICAL, "InputColumns", 0, "Name", change=to("day_of")),
    data_set("a column of another type", *PHYSICAL, "InputColumns", 0, "Type", change=to("STRING")),
    data_set("reckoned from nothing", *ADDED, 0, "Expression", change=to("{product} + 1")),
    data_set("reckoned over a column", *ADDED, 0, "ColumnName", change=to("on_hand")),
    data_set("on nothing", *SET, "LogicalTableMap", "stockouts", "Source", change=to({"PhysicalTableId": "x"})),
    reader("files of another folder", *READS, 4, "Resource", "Fn::Sub", change=replaced("snapshots", "inventory")),
    reader("answers it cannot keep", *READS, 5, "Action", change=to(["s3:GetObject"])),
    reader("tables it cannot see", *READS, 2, "Resource", change=lambda said: said[:2]),
    reader(
        "a workgroup that is not there",
        *("Resources", "DataSource", "Properties", "DataSourceParameters", "AthenaParameters", "WorkGroup"),
        change=to("primary"),
    ),
    picture("a misspelt column", *VALUES, "CategoricalMeasureField", "Column", "ColumnName", change=to("products")),
    picture("another's column", *VALUES, "CategoricalMeasureField", "Column", change=to(of_column("missing_units"))),
    picture(
        "a sum of texts",
        *VALUES,
        change=to({"NumericalMeasureField": {"FieldId": "products.count.product", "Column": of_column("band")}}),
    ),
    picture(
        "a number for a group without its sum",
        *VALUES,
        change=to({"NumericalMeasureField": {"FieldId": "products.count.product", "Column": of_column("on_hand")}}),
    ),
    picture(
        "a ratio of ratios",
        *(*DEFINITION, "Sheets", 1, "Visuals", 2, "KPIVisual", "ChartConfiguration", "FieldWells", "Values", 0),
        *("NumericalMeasureField", "AggregationFunction"),
        change=to({"SimpleNumericalAggregation": "AVERAGE"}),
    ),
    picture("a ratio of what is not there", *DEFINITION, "CalculatedFields", 0, "Expression", change=to("sum({err})")),
    picture("a ratio by a column's name", *DEFINITION, "CalculatedFields", 0, "Name", change=to("sold")),
    picture(
        "a data set that nobody makes",
        *(*DEFINITION, "DataSetIdentifierDeclarations", 0, "DataSetArn", "Fn::Sub"),
        change=replaced("accuracy", "accuracies"),
    ),
    picture(
        "a sort by what is not shown",
        *(*HEALTH, "Visuals", 5, "BarChartVisual", "ChartConfiguration", "SortConfiguration", "CategorySort", 0),
        *("FieldSort", "FieldId"),
        change=to("by-band.sum.on_hand"),
    ),
    picture("two pictures of one id", *FIRST, "VisualId", change=to("out")),
    picture("a picture of nothing", *FIRST, "ChartConfiguration", "FieldWells", change=to({})),
    picture("a picture without a place", *PLACES, change=lambda said: said[1:]),
    picture("one picture over another", *PLACES, change=first_wider),
    picture("beyond the edge", *PLACES, 4, "ColumnSpan", change=to(9)),
    picture(
        "a filter of another sheet's picture",
        *(*DEFINITION, "FilterGroups", 0, "ScopeConfiguration", "SelectedSheets", "SheetVisualScopingConfigurations"),
        *(0, "VisualIds"),
        change=to(["missing-days"]),
    ),
    picture(
        "a filter of no sheet",
        *(*DEFINITION, "FilterGroups", 0, "ScopeConfiguration", "SelectedSheets", "SheetVisualScopingConfigurations"),
        *(0, "SheetId"),
        change=to("stocks"),
    ),
    picture(
        "a filter of dates on a text",
        *(*DEFINITION, "FilterGroups", 0, "Filters", 0, "RelativeDatesFilter", "Column", "ColumnName"),
        change=to("band"),
    ),
    picture(
        "a control of no filter",
        *(*HEALTH, "FilterControls", 0, "RelativeDateTime", "SourceFilterId"),
        change=to("health-days"),
    ),
)
