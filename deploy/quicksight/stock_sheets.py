"""How does every product stand, what was ordered, and what do empty shelves cost?

Money is drawn where prices are known, and a picture of money that nobody told is empty."""

from __future__ import annotations

from deploy.quicksight.layout import Row, Sheet
from deploy.quicksight.visuals import bars, kpi, line, table

NOW, DAYS = "inventory_now", "inventory"
HEALTH = Sheet(
    "health",
    "Inventory health",
    "How every product stands: the newest snapshot above, its days below",
    (
        Row(
            5,
            (
                kpi("products", "Products", NOW, "count:product"),
                kpi("out", "Out of stock", NOW, "sum:is_out"),
                kpi("due", "Due to be ordered", NOW, "sum:is_due"),
                kpi("overdue", "Orders overdue", NOW, "sum:overdue_orders"),
                kpi("stock-value", "Stock at cost", NOW, "sum:stock_value"),
            ),
            (7, 7, 7, 7, 8),
        ),
        Row(
            9,
            (
                bars("by-band", "Products by days of cover", NOW, "band", ["count:product"]),
                bars("category-band", "The same by category", NOW, "category", ["count:product"], colors="band"),
            ),
        ),
        Row(
            9,
            (
                line(
                    "out-days",
                    "Out, due and above target, by day",
                    DAYS,
                    "on_day",
                    ["sum:is_out", "sum:is_due", "sum:is_excess"],
                ),
                line(
                    "units-days", "Units on hand and on order, by day", DAYS, "on_day", ["sum:on_hand", "sum:on_order"]
                ),
            ),
        ),
        Row(
            12,
            (
                table(
                    "least-cover",
                    "The shortest cover first",
                    NOW,
                    ["product", "category", "band"],
                    [
                        *("sum:on_hand", "sum:on_order", "sum:reorder_point", "sum:target", "sum:daily_demand"),
                        *("sum:cover_days", "min:next_arrival_on", "max:stock_at"),
                    ],
                    "sum:cover_days",
                ),
            ),
        ),
    ),
    {DAYS: "on_day"},
)
REORDERS = Sheet(
    "reorders",
    "Reorder history",
    "Every order by the day of its decision, and what became of it",
    (
        Row(
            5,
            (
                kpi("orders", "Orders", "reorders", "count:reorder_id"),
                kpi("ordered-units", "Units ordered", "reorders", "sum:quantity"),
                kpi("outstanding-units", "Outstanding", "reorders", "sum:outstanding"),
                kpi("overdue-orders", "Overdue", "reorders", "sum:is_overdue"),
                kpi("ordered-value", "Value ordered", "reorders", "sum:value"),
            ),
            (7, 7, 7, 7, 8),
        ),
        Row(
            9,
            (
                bars(
                    "orders-days",
                    "Orders by day and state",
                    "reorders",
                    "decided_on",
                    ["count:reorder_id"],
                    colors="status",
                ),
            ),
        ),
        Row(
            9,
            (
                bars(
                    "orders-supplier", "Units by supplier", "reorders", "supplier", ["sum:quantity", "sum:outstanding"]
                ),
                bars("orders-urgency", "Orders by urgency", "reorders", "urgency", ["count:reorder_id"], colors="why"),
            ),
        ),
        Row(
            12,
            (
                table(
                    "orders-newest",
                    "The newest first",
                    "reorders",
                    ["reorder_id", "product", "supplier", "status", "urgency"],
                    [
                        *("max:decided_at", "sum:quantity", "sum:received", "sum:outstanding"),
                        *("max:expected_on", "sum:value"),
                    ],
                    "-max:decided_at",
                ),
            ),
        ),
    ),
    {"reorders": "decided_on"},
)
STOCKOUTS = Sheet(
    "stockouts",
    "Cost of stock-outs",
    "Units that each day's demand was expected to miss, by the forecast; money where prices are known",
    (
        Row(
            5,
            (
                kpi("missing-units", "Units missing", "stockouts", "sum:missing_units"),
                kpi("missing-revenue", "Revenue missing", "stockouts", "sum:missing_revenue"),
                kpi("missing-margin", "Margin missing", "stockouts", "sum:missing_margin"),
            ),
        ),
        Row(
            10,
            (
                line("missing-days", "Units missing, by day", "stockouts", "on_day", ["sum:missing_units"]),
                line(
                    "missing-money",
                    "Revenue and margin missing, by day",
                    "stockouts",
                    "on_day",
                    ["sum:missing_revenue", "sum:missing_margin"],
                ),
            ),
        ),
        Row(
            12,
            (
                bars(
                    "missing-category", "Revenue missing by category", "stockouts", "category", ["sum:missing_revenue"]
                ),
                table(
                    "missing-product",
                    "The most expensive first",
                    "stockouts",
                    ["product", "supplier"],
                    [
                        *("sum:missing_units", "sum:missing_revenue", "sum:missing_margin", "mean:daily_demand"),
                        *("max:next_arrival_on", "max:on_day"),
                    ],
                    "-sum:missing_revenue",
                ),
            ),
            (14, 22),
        ),
    ),
    {"stockouts": "on_day"},
)
