"""Did what was forecast sell, and how good are the forecasts?"""

from __future__ import annotations

from deploy.quicksight.layout import Row, Sheet
from deploy.quicksight.visuals import bars, kpi, line, table

WEEKS = "forecast_weeks"
FORECAST = Sheet(
    "forecast",
    "Forecast against actual",
    "What was promised of each week before it began, and what sold: of the sample of products that is watched",
    (
        Row(
            5,
            (
                kpi("promised-sold", "Units sold", WEEKS, "sum:sold"),
                kpi("promised-units", "Units forecast", WEEKS, "sum:forecast"),
                kpi("promised-wape", "Error a unit sold", WEEKS, "ratio:wape"),
                kpi("promised-coverage", "Within the 90 %", WEEKS, "ratio:coverage"),
            ),
        ),
        Row(
            10,
            (
                line(
                    "weeks",
                    "Sold, forecast and baseline, by week",
                    WEEKS,
                    "week_on",
                    ["sum:sold", "sum:forecast", "sum:baseline"],
                ),
            ),
        ),
        Row(
            12,
            (
                bars(
                    "weeks-category", "Sold and forecast by category", WEEKS, "category", ["sum:sold", "sum:forecast"]
                ),
                table(
                    "weeks-product",
                    "The greatest errors first",
                    WEEKS,
                    ["product", "week_on"],
                    ["sum:sold", "sum:forecast", "sum:upper", "sum:baseline", "sum:error"],
                    "-sum:error",
                ),
            ),
            (14, 22),
        ),
    ),
    {WEEKS: "week_on"},
)
ACCURACY = Sheet(
    "accuracy",
    "Accuracy",
    "The scores of each closed week as the workers judged by them: the model beside the baseline",
    (
        Row(
            5,
            (
                kpi("wape", "Error a unit sold", "accuracy", "ratio:wape"),
                kpi("baseline-wape", "Baseline's error", "accuracy", "ratio:baseline_wape"),
                kpi("bias", "Bias a unit sold", "accuracy", "ratio:bias"),
                kpi("coverage", "Within the 90 %", "accuracy", "ratio:coverage"),
            ),
        ),
        Row(
            10,
            (
                line(
                    "wape-weeks",
                    "Error by week, model and baseline",
                    "accuracy",
                    "week_on",
                    ["ratio:wape", "ratio:baseline_wape"],
                ),
                line("bias-weeks", "Bias and cover by week", "accuracy", "week_on", ["ratio:bias", "ratio:coverage"]),
            ),
        ),
        Row(
            12,
            (
                table(
                    "accuracy-category",
                    "By category, the greatest first",
                    "accuracy",
                    ["category"],
                    [
                        *("sum:sold", "sum:windows", "ratio:wape", "ratio:baseline_wape", "ratio:bias"),
                        *("ratio:coverage", "max:on_baseline"),
                    ],
                    "-sum:sold",
                ),
            ),
        ),
    ),
    {"accuracy": "week_on"},
    whole=("wape", "baseline-wape", "bias", "coverage", "wape-weeks", "bias-weeks"),
    parts=("accuracy-category",),
)
