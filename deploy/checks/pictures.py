"""Does everything that a QuickSight dashboard names exist, and can it be drawn?

A walk over the whole definition: every column is one of its data set's and of a fitting type, every field a sort names
is shown, every filter and control is of its sheet, every picture has its place, and no two the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from deploy.checks.data_sets import COLUMN, columns_of
from deploy.checks.deployed import Deployed, Properties
from deploy.checks.shapes import request_shape, unfit

GRID_COLUMNS = 36
NUMBERS = {"INTEGER", "DECIMAL"}
FITTING = {
    "NumericalMeasureField": NUMBERS,
    "NumericalDimensionField": NUMBERS,
    "DateMeasureField": {"DATETIME"},
    "DateDimensionField": {"DATETIME"},
    "CategoricalMeasureField": {"STRING"},
    "CategoricalDimensionField": {"STRING"},
    "RelativeDatesFilter": {"DATETIME"},
    "CategoryFilter": {"STRING"},
}
RECKONED = "of sums"  # the type of a column whose expression has its aggregation within it

Columns = dict[str, dict[str, str]]


def pictures_show_what_is_there(deployed: Deployed) -> Iterator[str]:
    sets = {said["DataSetId"]: columns_of(said) for _, said in deployed.of("AWS::QuickSight::DataSet")}
    for where, dashboard in deployed.of("AWS::QuickSight::Dashboard"):
        if any(unfit(request_shape("quicksight", "CreateDashboard"), dashboard)):
            continue  # told by another rule: there is no walking over what has not its form
        definition = dashboard["Definition"]
        columns: Columns = {}
        for declared in definition["DataSetIdentifierDeclarations"]:
            data_set = declared["DataSetArn"].rpartition("dataset/")[2]
            if data_set not in sets:
                yield f"{where}: the data set {data_set} is made by no stack"
            columns[declared["Identifier"]] = dict(sets.get(data_set, {}))
        for what in (*_reckon(definition, columns), *_astray(definition, columns), *_unlike_sheets(definition)):
            yield f"{where}: {what}"


def _reckon(definition: Properties, columns: Columns) -> Iterator[str]:
    """Adds the calculated fields to the columns."""
    for field in definition.get("CalculatedFields", ()):
        known = columns.get(field["DataSetIdentifier"], {})
        for name in sorted(set(COLUMN.findall(field["Expression"])) - set(known)):
            yield f"{field['Name']} is reckoned from {name}, which {field['DataSetIdentifier']} does not have"
        if field["Name"] in known:
            yield f"{field['Name']} is a column of {field['DataSetIdentifier']} already"
        known[field["Name"]] = RECKONED


def _astray(said: Any, columns: Columns, kind: str = "") -> Iterator[str]:
    """Every column that is named anywhere and does not exist, or does not fit where it stands."""
    if isinstance(said, list):
        for each in said:
            yield from _astray(each, columns, kind)
    elif isinstance(said, dict):
        if isinstance(said.get("Column"), dict) and kind in FITTING:
            yield from _misfit(said, columns, kind)
        elif {"DataSetIdentifier", "ColumnName"} <= set(said) and kind not in FITTING:
            yield from _unknown(said, columns)
        for name, value in said.items():
            # The column of a field was looked at with the field.
            if not (name == "Column" and kind in FITTING):
                yield from _astray(value, columns, name if name in FITTING else "")


def _unknown(column: Properties, columns: Columns) -> Iterator[str]:
    data, name = column["DataSetIdentifier"], column["ColumnName"]
    if name not in columns.get(data, {}):
        yield f"{data} has no column {name}"


def _misfit(field: Properties, columns: Columns, kind: str) -> Iterator[str]:
    unknown = list(_unknown(field["Column"], columns))
    yield from unknown
    if unknown:
        return
    name, of = field["Column"]["ColumnName"], columns[field["Column"]["DataSetIdentifier"]]
    aggregated = "AggregationFunction" in field
    if of[name] == RECKONED:
        if kind != "NumericalMeasureField" or aggregated:
            yield f"{name} has its sums within it: it is shown as it is"
    elif of[name] not in FITTING[kind]:
        yield f"{name} is {of[name]}, which is not for a {kind}"
    elif kind.endswith("MeasureField") and not aggregated:
        yield f"{name} is shown for a group without a word on how it adds up"


def _unlike_sheets(definition: Properties) -> Iterator[str]:
    sheets = {sheet["SheetId"]: {_id(visual) for visual in sheet["Visuals"]} for sheet in definition["Sheets"]}
    visuals = Counter(_id(visual) for sheet in definition["Sheets"] for visual in sheet["Visuals"])
    yield from (f"{name} stands {often} times" for name, often in visuals.items() if often > 1)
    for sheet in definition["Sheets"]:
        yield from (f"sheet {sheet['SheetId']}: {what}" for what in _misplaced(sheet))
        for visual in sheet["Visuals"]:
            yield from (f"{_id(visual)}: {what}" for what in _unshown(visual))
    yield from _unfiltered(definition, sheets)


def _id(visual: Properties) -> str:
    (said,) = visual.values()
    return str(said["VisualId"])


def _misplaced(sheet: Properties) -> Iterator[str]:
    elements = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
    placed, there = {each["ElementId"] for each in elements}, {_id(visual) for visual in sheet["Visuals"]}
    yield from (f"{name} has no place" for name in sorted(there - placed))
    yield from (f"a place is kept for {name}, which is not there" for name in sorted(placed - there))
    taken: dict[tuple[int, int], str] = {}
    for each in elements:
        right = each["ColumnIndex"] + each["ColumnSpan"]
        if right > GRID_COLUMNS:
            yield f"{each['ElementId']} reaches beyond the {GRID_COLUMNS} columns"
        cells = [
            (row, column)
            for row in range(each["RowIndex"], each["RowIndex"] + each["RowSpan"])
            for column in range(each["ColumnIndex"], right)
        ]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"{each['ElementId']} lies over {other}"
        taken |= dict.fromkeys(cells, each["ElementId"])


def _unshown(visual: Properties) -> Iterator[str]:
    """Fields that a sort names and nothing shows."""
    (said,) = visual.values()
    chart = said["ChartConfiguration"]
    shown = Counter(_named(chart.get("FieldWells", {}), "FieldId"))
    if not shown:
        yield "shows nothing"
    yield from (f"the field {name} stands {often} times" for name, often in shown.items() if often > 1)
    for name in _named(chart.get("SortConfiguration", {}), "FieldId"):
        if name not in shown:
            yield f"is sorted by {name}, which it does not show"


def _named(said: Any, key: str) -> Iterator[str]:
    """Every value of a key, however deep."""
    if isinstance(said, list):
        for each in said:
            yield from _named(each, key)
    elif isinstance(said, dict):
        for name, value in said.items():
            if name == key:
                yield str(value)
            else:
                yield from _named(value, key)


def _unfiltered(definition: Properties, sheets: dict[str, set[str]]) -> Iterator[str]:
    of_sheet: dict[str, set[str]] = {name: set() for name in sheets}
    for group in definition.get("FilterGroups", ()):
        names = set(_named(group["Filters"], "FilterId"))
        for scope in group["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"]:
            sheet = scope["SheetId"]
            if sheet not in sheets:
                yield f"{group['FilterGroupId']} is for the sheet {sheet}, which is not there"
                continue
            of_sheet[sheet] |= names
            for visual in sorted(set(scope.get("VisualIds", ())) - sheets[sheet]):
                yield f"{group['FilterGroupId']} is for {visual}, which is not on {sheet}"
    for sheet_ in definition["Sheets"]:
        for name in _named(sheet_.get("FilterControls", []), "SourceFilterId"):
            if name not in of_sheet[sheet_["SheetId"]]:
                yield f"a control on {sheet_['SheetId']} is for the filter {name}, which is not there"
