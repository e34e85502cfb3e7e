"""How is a picture or a table of a data set said in QuickSight's words?

A value is written as `sum:on_hand`, `count:product`, `min:next_arrival_on`, or as `ratio:wape` for a column that has
its sums within it. Names of columns are looked up here, so that a misspelt one is an error and no empty picture."""

from __future__ import annotations

from typing import Any, NamedTuple

from deploy.quicksight.data_sets import DATA_SETS, DATETIME, STRING_TYPE

Said = dict[str, Any]
AGGREGATIONS = {"sum": "SUM", "mean": "AVERAGE", "count": "COUNT", "min": "MIN", "max": "MAX"}
RATIO = "ratio"
ROWS_SHOWN = 20
BARS_SHOWN = 12


class Visual(NamedTuple):
    """kind: its name in QuickSight, as in BarChartVisual."""

    name: str
    title: str
    kind: str
    data: str
    chart: Said

    @property
    def said(self) -> Said:
        title = {"Visibility": "VISIBLE", "FormatText": {"PlainText": self.title}}
        return {self.kind: {"VisualId": self.name, "Title": title, "ChartConfiguration": self.chart}}


def column(data: str, name: str) -> Said:
    """KeyError if the data set has no such column."""
    if name not in DATA_SETS[data].types:
        raise KeyError(f"{data} has no column {name}")
    return {"DataSetIdentifier": data, "ColumnName": name}


def dimension(visual: str, data: str, name: str, granularity: str = "DAY") -> Said:
    field = {"FieldId": f"{visual}.{name}", "Column": column(data, name)}
    kind = DATA_SETS[data].types[name]
    if kind == DATETIME:
        return {"DateDimensionField": {**field, "DateGranularity": granularity}}
    return {"CategoricalDimensionField" if kind == STRING_TYPE else "NumericalDimensionField": field}


def measure(visual: str, data: str, value: str) -> Said:
    how, _, name = value.partition(":")
    field: Said = {"FieldId": field_id(visual, value), "Column": column(data, name)}
    if how == RATIO:
        return {"NumericalMeasureField": field}
    kind, aggregation = DATA_SETS[data].types[name], AGGREGATIONS[how]
    if kind == DATETIME:
        return {"DateMeasureField": {**field, "AggregationFunction": aggregation}}
    if kind == STRING_TYPE:
        return {"CategoricalMeasureField": {**field, "AggregationFunction": aggregation}}
    return {"NumericalMeasureField": {**field, "AggregationFunction": {"SimpleNumericalAggregation": aggregation}}}


def field_id(visual: str, value: str) -> str:
    return f"{visual}.{value.replace(':', '.')}"


def sorted_by(field: str, direction: str) -> list[Said]:
    return [{"FieldSort": {"FieldId": field, "Direction": direction}}]


def kpi(name: str, title: str, data: str, value: str) -> Visual:
    return Visual(name, title, "KPIVisual", data, {"FieldWells": {"Values": [measure(name, data, value)]}})


def line(name: str, title: str, data: str, by: str, values: list[str]) -> Visual:
    """Values over days."""
    wells = {
        "Category": [dimension(name, data, by)],
        "Values": [measure(name, data, value) for value in values],
    }
    chart: Said = {
        "FieldWells": {"LineChartAggregatedFieldWells": wells},
        "SortConfiguration": {"CategorySort": sorted_by(f"{name}.{by}", "ASC")},
        "Type": "LINE",
    }
    return Visual(name, title, "LineChartVisual", data, chart)


def bars(name: str, title: str, data: str, by: str, values: list[str], colors: str = "") -> Visual:
    """Over days in their order, else the greatest first and the rest together; stacked by colour."""
    wells = {
        "Category": [dimension(name, data, by)],
        "Values": [measure(name, data, value) for value in values],
        **({"Colors": [dimension(name, data, colors)]} if colors else {}),
    }
    order: Said = {"CategorySort": sorted_by(f"{name}.{by}", "ASC")}
    if DATA_SETS[data].types[by] != DATETIME:
        limit = {"ItemsLimit": BARS_SHOWN, "OtherCategories": "INCLUDE"}
        order = {"CategorySort": sorted_by(field_id(name, values[0]), "DESC"), "CategoryItemsLimit": limit}
    chart: Said = {
        "FieldWells": {"BarChartAggregatedFieldWells": wells},
        "SortConfiguration": order,
        "Orientation": "VERTICAL",
        "BarsArrangement": "STACKED" if colors else "CLUSTERED",
    }
    return Visual(name, title, "BarChartVisual", data, chart)


def table(name: str, title: str, data: str, by: list[str], values: list[str], order: str) -> Visual:
    """A row a group; order is one of the values, with a minus for the greatest first."""
    wells = {
        "GroupBy": [dimension(name, data, each) for each in by],
        "Values": [measure(name, data, each) for each in values],
    }
    wanted = order.removeprefix("-")
    if wanted not in values:
        raise KeyError(f"{name} is sorted by {wanted}, which it does not show")
    chart: Said = {
        "FieldWells": {"TableAggregatedFieldWells": wells},
        "SortConfiguration": {
            "RowSort": sorted_by(field_id(name, wanted), "DESC" if order != wanted else "ASC"),
            "PaginationConfiguration": {"PageSize": ROWS_SHOWN, "PageNumber": 1},
        },
    }
    return Visual(name, title, "TableVisual", data, chart)
