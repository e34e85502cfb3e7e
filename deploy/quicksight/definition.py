"""What does the whole dashboard say?

Sheets with their pictures and where these lie, the data sets they name, ratios, and filters: the days shown and the
category by choice, and of scores either everything or the categories, which would count twice together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.quicksight.data_sets import DATA_SETS, RATIOS
from deploy.quicksight.layout import GRID_COLUMNS, Row, Sheet
from deploy.quicksight.sheets import SHEETS
from deploy.quicksight.visuals import column

Said = dict[str, Any]


class OneLine(dict[str, Any]):
    """What stands on one line of the template."""


DAYS_SHOWN = 90
EVERYTHING = "(all)"  # as domain/accuracy.py names it
WIDTH_PX = 1600
DATA_SET_ARN = "arn:${AWS::Partition}:quicksight:${AWS::Region}:${AWS::AccountId}:dataset/restock${Suffix}"


def definition() -> Said:
    """The DashboardVersionDefinition, with its data sets' ARNs as the template's."""
    named = sorted({visual.data for sheet in SHEETS for visual in sheet.visuals})
    return {
        "DataSetIdentifierDeclarations": [
            OneLine(Identifier=name, DataSetArn={"Fn::Sub": f"{DATA_SET_ARN}-{name}"}) for name in named
        ],
        "CalculatedFields": [
            OneLine(DataSetIdentifier=data, Name=name, Expression=said)
            for data, ratios in RATIOS.items()
            for name, said in ratios.items()
        ],
        "FilterGroups": [group for sheet in SHEETS for group in _filter_groups(sheet)],
        "Sheets": [_sheet(sheet) for sheet in SHEETS],
    }


def _sheet(sheet: Sheet) -> Said:
    controls = [OneLine(RelativeDateTime=_control(sheet, f"days-{data}", "Days shown")) for data in sheet.dates]
    controls += [
        OneLine(Dropdown={**_control(sheet, f"category-{data}", "Category"), "Type": "MULTI_SELECT"})
        for data in _with_category(sheet)
    ]
    canvas = {"ScreenCanvasSizeOptions": {"ResizeOption": "FIXED", "OptimizedViewPortWidth": f"{WIDTH_PX}px"}}
    grid = {"Elements": list(_elements(sheet)), "CanvasSizeOptions": canvas}
    return {
        "SheetId": sheet.name,
        "Name": sheet.title,
        "Description": sheet.about,
        "ContentType": "INTERACTIVE",
        "FilterControls": controls,
        "Visuals": [OneLine(visual.said) for visual in sheet.visuals],
        "Layouts": [{"Configuration": {"GridLayout": grid}}],
    }


def _elements(sheet: Sheet) -> Iterator[Said]:
    top = 0
    for row in sheet.rows:
        left = 0
        for visual, width in zip(row.visuals, widths(row), strict=True):
            yield OneLine(
                ElementId=visual.name,
                ElementType="VISUAL",
                ColumnIndex=left,
                ColumnSpan=width,
                RowIndex=top,
                RowSpan=row.height,
            )
            left += width
        top += row.height


def widths(row: Row) -> tuple[int, ...]:
    """Columns of the grid that each picture of a row takes."""
    return row.widths or (GRID_COLUMNS // len(row.visuals),) * len(row.visuals)


def _control(sheet: Sheet, name: str, title: str) -> Said:
    return {"FilterControlId": f"{sheet.name}-{name}-control", "Title": title, "SourceFilterId": f"{sheet.name}-{name}"}


def _with_category(sheet: Sheet) -> list[str]:
    """The data set by whose category all of a sheet may be narrowed; scores have filters on it already."""
    named = dict.fromkeys(visual.data for visual in sheet.visuals)
    return [name for name in named if "category" in DATA_SETS[name].types and not sheet.whole][:1]


def _filter_groups(sheet: Sheet) -> Iterator[Said]:
    for data, date in sheet.dates.items():
        days = {
            "Column": column(data, date),
            "AnchorDateConfiguration": {"AnchorOption": "NOW"},
            "TimeGranularity": "DAY",
            "RelativeDateType": "LAST",
            "RelativeDateValue": DAYS_SHOWN,
            "NullOption": "NON_NULLS_ONLY",
        }
        yield _group(sheet, f"days-{data}", "RelativeDatesFilter", days)
    for data in _with_category(sheet):
        chosen = {"FilterListConfiguration": {"MatchOperator": "CONTAINS", "SelectAllOptions": "FILTER_ALL_VALUES"}}
        said = {"Column": column(data, "category"), "Configuration": chosen}
        group = _group(sheet, f"category-{data}", "CategoryFilter", said)
        # The columns of that name in the sheet's other data sets are meant as well.
        yield {**group, "CrossDataset": "ALL_DATASETS"}
    for visuals, operator in ((sheet.whole, "EQUALS"), (sheet.parts, "DOES_NOT_EQUAL")):
        if visuals:
            custom = {"MatchOperator": operator, "CategoryValue": EVERYTHING, "NullOption": "NON_NULLS_ONLY"}
            said = {"Column": column("accuracy", "category"), "Configuration": {"CustomFilterConfiguration": custom}}
            yield _group(sheet, operator.lower().replace("_", "-"), "CategoryFilter", said, visuals)


def _group(sheet: Sheet, name: str, kind: str, said: Said, visuals: tuple[str, ...] = ()) -> Said:
    scope: Said = {"SheetId": sheet.name, "Scope": "SELECTED_VISUALS" if visuals else "ALL_VISUALS"}
    if visuals:
        scope["VisualIds"] = list(visuals)
    return {
        "FilterGroupId": f"{sheet.name}-{name}-group",
        "CrossDataset": "SINGLE_DATASET",
        "Status": "ENABLED",
        "Filters": [OneLine({kind: {"FilterId": f"{sheet.name}-{name}", **said}})],
        "ScopeConfiguration": OneLine({"SelectedSheets": {"SheetVisualScopingConfigurations": [scope]}}),
    }
