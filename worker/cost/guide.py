"""What would the same sales cost with one call of everything for each?

The design that Restock replaces, as the inventory guide it grew from shows it in code: for each event the product's
year of sales is queried, its stock read, the endpoint invoked, the model asked for an insight, an order event put, the
metrics put. It names no compute, and none is counted; a month of its endpoint stands apart as it does for Restock, as
do the two metrics that it gives each product."""

from __future__ import annotations

from collections.abc import Sequence

from worker.aws.item_size import READ_UNIT_BYTES, units
from worker.cost.model import Bill, Line, metrics_line
from worker.cost.prices import DAYS_A_MONTH, HOURS_A_MONTH, SMALL, SONNET, ModelPrice, dollars
from worker.cost.rates import Asked

TOKENS_IN, TOKENS_OUT = 200, 160
"""Of its prompt, and of a short answer in the JSON that it wants: it allows a thousand."""
HISTORY_ROWS = 365
ROW_BYTES = 110  # product_id, date, quantity_sold, price, category, season, promotion, by DynamoDB's rule
METRICS_A_PRODUCT = 2


def guide_bills(asked: Asked) -> Sequence[Bill]:
    """With the class of model that the guide names, and with a small one."""
    return [_bill(asked, SONNET), _bill(asked, SMALL)]


def _bill(asked: Asked, model: ModelPrice) -> Bill:
    events = asked.events_per_day * DAYS_A_MONTH
    history = units(HISTORY_ROWS * ROW_BYTES, READ_UNIT_BYTES) / 2  # eventually consistent, as is its GetItem
    answered = events * (TOKENS_IN * model.token_in + TOKENS_OUT * model.token_out)
    hours = asked.endpoints * HOURS_A_MONTH
    metrics = metrics_line(METRICS_A_PRODUCT * asked.products)
    lines = [
        Line("DynamoDB writes", "the sale itself", events, "write units", dollars("write", events)),
        Line("DynamoDB reads", "a year of sales", events * history, "read units", dollars("read", events * history)),
        Line("DynamoDB reads", "stock", events / 2, "read units", dollars("read", events / 2)),
        Line("EventBridge", "an event each", events, "events", dollars("event", events)),
        Line("CloudWatch metrics", "PutMetricData", events, "requests", dollars("metric_request", events)),
        Line("Bedrock", model.name, events, "calls", answered),
        Line(
            "SageMaker endpoint", f"{asked.endpoints} x ml.m5.large", hours, "hours", dollars("endpoint", hours), True
        ),
        metrics_a_product(metrics),
    ]
    return Bill(f"the guide, {model.name}", events, lines)


def metrics_a_product(line: Line) -> Line:
    """The metrics that it gives each product, apart: an allow-list would spare them."""
    return Line("Metrics of products", "two a product", line.quantity, line.unit, line.dollars, apart=True)
