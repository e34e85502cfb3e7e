"""What does QuickSight see of each table of the snapshots?

A data set a table: its columns by QuickSight's types, and a few of its own: a product with its location, and money in
whole units. Columns that the dashboard reckons with sums are calculated there, after everything that filters."""

from __future__ import annotations

from typing import Any, NamedTuple

from worker.snapshots.tables import DATE, MOMENT, REAL, STRING, TABLES, WHOLE, Table

STRING_TYPE, INTEGER, DECIMAL, DATETIME = "STRING", "INTEGER", "DECIMAL", "DATETIME"
TYPES = {STRING: STRING_TYPE, WHOLE: INTEGER, REAL: DECIMAL, DATE: DATETIME, MOMENT: DATETIME}
MONEY = "_minor"
PRODUCT = "product"
PRODUCT_EXPRESSION = "ifelse(isNull({location_id}), {product_id}, concat({product_id}, ' @ ', {location_id}))"
# Ratios of sums, by data set: they are right for whatever is chosen, as a mean of ratios would not be.
RATIOS = {
    "forecast_weeks": {"wape": "sum({error}) / sum({sold})", "coverage": "sum({covered}) / count({covered})"},
    "accuracy": {
        "wape": "sum({error}) / sum({sold})",
        "baseline_wape": "sum({baseline_error}) / sum({sold})",
        "bias": "(sum({forecast}) - sum({sold})) / sum({sold})",
        "coverage": "sum({covered}) / sum({windows})",
    },
}

Said = dict[str, Any]


class DataSet(NamedTuple):
    """own: the columns it adds, each with its expression."""

    table: Table
    own: dict[str, str]

    @property
    def logical(self) -> str:
        """Its logical id in the template."""
        return "".join(part.capitalize() for part in self.table.name.split("_"))

    @property
    def types(self) -> dict[str, str]:
        """Every column that a visual may name, with its type."""
        own = {name: STRING_TYPE if name == PRODUCT else DECIMAL for name in self.own}
        ratios = dict.fromkeys(RATIOS.get(self.table.name, {}), DECIMAL)
        return {column.name: TYPES[column.kind] for column in self.table.columns} | own | ratios


def data_set(table: Table) -> DataSet:
    names = [column.name for column in table.columns]
    own = {PRODUCT: PRODUCT_EXPRESSION} if "location_id" in names else {}
    own |= {name.removesuffix(MONEY): f"{{{name}}} / ${{MinorUnits}}" for name in names if name.endswith(MONEY)}
    return DataSet(table, own)


DATA_SETS = {table.name: data_set(table) for table in TABLES}


def resource(found: DataSet) -> Said:
    """The data set as a resource of the template."""
    table = found.table
    columns = [{"Name": column.name, "Type": TYPES[column.kind]} for column in table.columns]
    physical = {
        "DataSourceArn": {"Fn::GetAtt": ["DataSource", "Arn"]},
        "Catalog": "AwsDataCatalog",
        "Schema": {"Fn::Join": ["_", {"Fn::Split": ["-", {"Fn::Sub": "restock${Suffix}"}]}]},
        "Name": table.name,
        "InputColumns": columns,
    }
    added = [
        {"ColumnName": name, "ColumnId": name, "Expression": {"Fn::Sub": said} if "${" in said else said}
        for name, said in found.own.items()
    ]
    logical: Said = {"Alias": table.name, "Source": {"PhysicalTableId": table.name.replace("_", "-")}}
    if added:
        logical["DataTransforms"] = [{"CreateColumnsOperation": {"Columns": added}}]
    return {
        "Type": "AWS::QuickSight::DataSet",
        "Properties": {
            "AwsAccountId": {"Ref": "AWS::AccountId"},
            "DataSetId": {"Fn::Sub": f"restock${{Suffix}}-{table.name}"},
            "Name": {"Fn::Sub": f"Restock${{Suffix}} {table.name}"},
            "ImportMode": {"Ref": "ImportMode"},
            "PhysicalTableMap": {table.name.replace("_", "-"): {"RelationalTable": physical}},
            "LogicalTableMap": {table.name.replace("_", "-"): logical},
            "Permissions": [{"Principal": {"Ref": "QuickSightPrincipal"}, "Actions": OWNER}],
        },
    }


def refresh(found: DataSet) -> Said:
    """When SPICE reads the table again; nothing where each look asks Athena."""
    return {
        "Type": "AWS::QuickSight::RefreshSchedule",
        "Condition": "Spice",
        "Properties": {
            "AwsAccountId": {"Ref": "AWS::AccountId"},
            "DataSetId": {"Fn::Sub": f"restock${{Suffix}}-{found.table.name}"},
            "Schedule": {
                "ScheduleId": "daily",
                "RefreshType": "FULL_REFRESH",
                "ScheduleFrequency": {"Interval": "DAILY", "TimeOfTheDay": {"Ref": "RefreshAt"}, "TimeZone": "UTC"},
            },
        },
        "DependsOn": found.logical,
    }


# QuickSight's developer guide, "DataSet" permissions: what an owner may.
OWNER = [
    "quicksight:DescribeDataSet",
    "quicksight:DescribeDataSetPermissions",
    "quicksight:PassDataSet",
    "quicksight:DescribeIngestion",
    "quicksight:ListIngestions",
    "quicksight:UpdateDataSet",
    "quicksight:DeleteDataSet",
    "quicksight:CreateIngestion",
    "quicksight:CancelIngestion",
    "quicksight:UpdateDataSetPermissions",
]
