"""Which tables does a snapshot consist of, and what does each column mean?

The one description that the Parquet files, the Glue tables (deploy/templates/analytics.yaml) and the data sets
(deploy/quicksight) are held against. A table lies in partitions by day: of those that say how things stand, the day of
the snapshot; of those that say what happened, the day on which it did. Kinds are Athena's own words. Money is in minor
units (`_minor`), and null wherever no price or cost is known: it is never guessed."""

from __future__ import annotations

from typing import NamedTuple

STRING, WHOLE, REAL, DATE, MOMENT = "string", "bigint", "double", "date", "timestamp"
FOLDER = "snapshots"  # of the bucket
PARTITION = "day"
FILE = "restock.parquet"


class Column(NamedTuple):
    """about: its meaning, for Glue's comment and the docs."""

    name: str
    kind: str
    about: str


class Table(NamedTuple):
    """daily: whether it lies in partitions by day; else it is one file, of the newest snapshot."""

    name: str
    about: str
    columns: tuple[Column, ...]
    daily: bool = True

    def key(self, day: str) -> str:
        """Where the file of a day (YYYY-MM-DD) lies, under the place of the snapshots."""
        return f"{self.name}/{PARTITION}={day}/{FILE}" if self.daily else f"{self.name}/{FILE}"


_PRODUCT = (
    Column("product_id", STRING, "the product"),
    Column("location_id", STRING, "where; null for a product without locations"),
    Column("category", STRING, "as the shop's table or the sales name it"),
    Column("supplier", STRING, "as a rule or the shop's table names it"),
)
_HEALTH = (
    Column("on_day", DATE, "the day of the snapshot"),
    *_PRODUCT,
    Column("band", STRING, "out, low, covered or excess: days of cover against the lead time"),
    Column("on_hand", WHOLE, "units; the newer of the shop's table and a StockChanged event"),
    Column("stock_at", MOMENT, "when that was so, UTC"),
    Column("on_order", WHOLE, "units that are still to come"),
    Column("position", WHOLE, "on hand and on order"),
    Column("reorder_point", WHOLE, "of the newest forecast that was saved, for a shop that loses no sale"),
    Column("target", WHOLE, "the order-up-to level of that forecast"),
    Column("is_out", WHOLE, "1 if nothing is on hand of what is stocked: its target is above zero, or it is owed"),
    Column("is_due", WHOLE, "1 if the worker would find something needed to order"),
    Column("is_excess", WHOLE, "1 if more is on hand than the target"),
    Column("daily_demand", REAL, "units a day, the mean of the forecast of 28 days"),
    Column("cover_days", REAL, "days that the stock on hand lasts at that rate"),
    Column("lead_time_days", WHOLE, "days from an order to its arrival"),
    Column("open_orders", WHOLE, "orders that something is outstanding of"),
    Column("overdue_orders", WHOLE, "those that should have come before the day"),
    Column("next_arrival_on", DATE, "the first day something is due"),
    Column("sold_28_days", WHOLE, "units sold in the 28 days before; returns are not taken off"),
    Column("forecast_on", DATE, "the first day of the forecast it was judged by"),
    Column("forecast_source", STRING, "model, or fallback for the baseline"),
    Column("price_minor", REAL, "what a unit was sold for, the mean of the days kept; null without prices"),
    Column("unit_cost_minor", REAL, "what a unit costs by the rules; null without one"),
    Column("stock_value_minor", REAL, "on hand at that cost"),
)
INVENTORY = Table("inventory", "How each product stood at the end of each snapshot", _HEALTH)
INVENTORY_NOW = Table("inventory_now", "The same of the newest snapshot alone", _HEALTH, daily=False)
STOCKOUTS = Table(
    "stockouts",
    "Units that a day's demand is expected to miss, of products that have too little on hand",
    (
        Column("on_day", DATE, "the day of the snapshot"),
        *_PRODUCT,
        Column("on_hand", WHOLE, "units"),
        Column("on_order", WHOLE, "units that are still to come"),
        Column("next_arrival_on", DATE, "the first day something is due"),
        Column("daily_demand", REAL, "units a day, the mean of the forecast of 28 days"),
        Column("missing_units", REAL, "expected: demand of one day beyond what is on hand"),
        Column("missing_revenue_minor", REAL, "those at the mean price sold for; null without prices"),
        Column("missing_margin_minor", REAL, "the same less the cost of a unit; null without both"),
    ),
)
REORDERS = Table(
    "reorders",
    "Every order by the day it was decided, and what became of it",
    (
        Column("decided_on", DATE, "the day of the decision, UTC"),
        Column("decided_at", MOMENT, "its moment, UTC"),
        *_PRODUCT,
        Column("reorder_id", STRING, "the id that was published"),
        Column("quantity", WHOLE, "units ordered, as approved if a planner did"),
        Column("on_hand", WHOLE, "units then"),
        Column("on_order", WHOLE, "units then, without this order"),
        Column("reorder_point", WHOLE, "then"),
        Column("target", WHOLE, "the order-up-to level then"),
        Column("lead_time_days", WHOLE, "then"),
        Column("urgency", STRING, "as published"),
        Column("forecast_source", STRING, "model, or fallback for the baseline"),
        Column("why", STRING, "ordered, or overridden by a planner; null by an older version"),
        Column("status", STRING, "proposed … closed; settled if the product's state has let it go"),
        Column("requested_on", DATE, "the day it was sent; null while it waits"),
        Column("expected_on", DATE, "the supplier's word, else by the lead time"),
        Column("shipped", WHOLE, "units"),
        Column("received", WHOLE, "units"),
        Column("outstanding", WHOLE, "units"),
        Column("is_overdue", WHOLE, "1 if it should have come before the day of the snapshot"),
        Column("value_minor", REAL, "at the cost by the rules, else at what a unit was sold for; null if neither"),
    ),
)
FORECAST_WEEKS = Table(
    "forecast_weeks",
    "What was promised of a week before it began, and what sold; of the sample of products that is watched",
    (
        Column("week_on", DATE, "the first day of the week"),
        Column("promised_on", DATE, "the first day of the promise"),
        Column("days", WHOLE, "of the promise, to the end of the week"),
        *_PRODUCT[:3],
        Column("sold", WHOLE, "units, a day of net returns as zero"),
        Column("forecast", REAL, "units, the mean of the model"),
        Column("upper", WHOLE, "units that the model puts at 90 %"),
        Column("baseline", REAL, "units, the mean of the baseline"),
        Column("error", REAL, "absolute, of the model"),
        Column("baseline_error", REAL, "absolute, of the baseline"),
        Column("covered", REAL, "1 below the 90 %, 0 above, between them at it"),
    ),
)
ACCURACY = Table(
    "accuracy",
    "The scores of each closed week by category, as the workers judged by them; sums add up over weeks",
    (
        Column("week_on", DATE, "the first day of the week"),
        Column("category", STRING, "(all) for everything"),
        Column("windows", REAL, "promises that were scored"),
        Column("sold", REAL, "units"),
        Column("forecast", REAL, "units"),
        Column("error", REAL, "absolute, of the model"),
        Column("baseline_error", REAL, "absolute, of the baseline"),
        Column("covered", REAL, "windows at or below the 90 %"),
        Column("on_baseline", WHOLE, "1 if the baseline serves the category since"),
    ),
)
TABLES = (INVENTORY_NOW, INVENTORY, STOCKOUTS, REORDERS, FORECAST_WEEKS, ACCURACY)
