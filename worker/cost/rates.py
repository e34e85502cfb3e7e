"""How often does what happens that costs?

By the day, from the sales of a day and the worker's settings: how large its batches get, how many products they touch,
how often those are decided, ordered and explained. Or as a run has counted it, scaled to the sales of a day."""

from __future__ import annotations

import math
from dataclasses import dataclass

from worker.cost.touched import touched
from worker.cost.usage import Usage
from worker.settings import MESSAGES_A_RECEIVE, Settings

DAY_S = 86_400
MESSAGES_MAX = 1e9
MONTH_DAYS = 30
INSIGHTS_A_PRODUCT_MONTH = 0.75
"""python -m bench.insights with a trained model: docs/insights.md."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a price is asked for. batch_sales: sales of a micro-batch, None for what the settings lead to;
    insight_share: Bedrock calls a sale, None for what the settings lead to. snapshots: `restock snapshot`, a day."""

    events_per_day: int = 1_000_000
    products: int = 50_000
    zipf: float = 1.0
    sales_per_message: float = 10
    batch_sales: float | None = None
    insight_share: float | None = None
    tasks: int = 1
    task_vcpu: float = 0.25
    task_gb: float = 1.0
    arm: bool = False
    provisioned: bool = False
    endpoints: int = 1
    retention_days: int = 30
    snapshots: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a day, over all tasks. commits and decisions are states written: of products that sold, and as decided; saves
    are forecasts written. insights: crossings told of, by whomever; questions: calls of Bedrock for them."""

    sales: float
    messages: float
    batches: float
    commits: float
    decisions: float
    assessments: float
    saves: float
    orders: float
    insights: float
    questions: float

    @property
    def batch_sales(self) -> float:
        return self.sales / self.batches


def expected(asked: Asked, settings: Settings) -> Rates:
    """From the settings and the distribution of sales over products."""
    sales, products, zipf = asked.events_per_day, asked.products, asked.zipf
    batch = asked.batch_sales if asked.batch_sales is not None else batch_of(asked, settings)
    # Dirty products are decided when they become dirty, unless others were just decided.
    window = max(batch, sales / DAY_S / asked.tasks * settings.decide_interval_s)
    decided = touched(window, products, zipf)
    return Rates(
        sales=sales,
        messages=sales / asked.sales_per_message,
        batches=sales / batch,
        commits=sales / batch * touched(batch, products, zipf),
        decisions=sales / window * decided,
        assessments=sales / window * math.ceil(decided / settings.decide_products),
        saves=min(sales / window * decided, _once_in(1, asked)),  # one is saved again when the day has changed it
        orders=_once_in(max(1, settings.order_cycle_days), asked),
        insights=(insights := _insights(asked, settings)),
        questions=within_budget(insights, asked, settings),
    )


def batch_of(asked: Asked, settings: Settings) -> float:
    """Sales in a micro-batch. It grows as long as the next message comes within batch_linger_s, which of messages that
    come by chance (Poisson) are exp(rate x linger) in the mean; it ends at batch_sales, and where messages_in_flight
    leaves no room to receive another."""
    gaps = asked.events_per_day / DAY_S / asked.tasks / asked.sales_per_message * settings.batch_linger_s
    messages = math.exp(min(gaps, math.log(MESSAGES_MAX)))
    messages = min(messages, settings.messages_in_flight - MESSAGES_A_RECEIVE + 1)
    return max(asked.sales_per_message, min(messages * asked.sales_per_message, settings.batch_sales))


def _once_in(days: float, asked: Asked) -> float:
    """Products a day, if each that sells has its turn once in so many days."""
    return touched(asked.events_per_day * days, asked.products, asked.zipf) / days


def _insights(asked: Asked, settings: Settings) -> float:
    """What products cross levels, as a replay of real sales has counted it a month."""
    if not settings.bedrock_model:
        return 0.0
    if asked.insight_share is not None:
        return asked.insight_share * asked.events_per_day
    return _once_in(MONTH_DAYS, asked) * INSIGHTS_A_PRODUCT_MONTH


def within_budget(insights: float, asked: Asked, settings: Settings) -> float:
    """Calls of Bedrock a day for so many insights; what is beyond the budget rules explain. Products that are asked
    about together are taken for a call each."""
    return min(insights, settings.insights_per_hour * 24.0 * asked.tasks)


def counted(asked: Asked, settings: Settings, usage: Usage) -> Rates:
    """As a run has counted them, for as many sales as are asked for. What is asked for beyond that holds instead."""
    if asked.batch_sales is not None:
        return expected(asked, settings)
    scale = asked.events_per_day / usage.sales
    questions = usage.calls["bedrock-runtime.Converse"] * scale
    insights = max(questions, usage.items["insight"] * scale)
    if asked.insight_share is not None:
        insights = questions = _insights(asked, settings)
    return Rates(
        sales=asked.events_per_day,
        messages=usage.units["messages"] * scale or asked.events_per_day / asked.sales_per_message,
        batches=usage.batches * scale,
        commits=usage.product_commits * scale,
        decisions=usage.decisions * scale,
        assessments=usage.assessments * scale,
        saves=usage.items[settings.forecasts_table] * scale,
        orders=usage.items["order"] * scale,
        insights=insights,
        questions=within_budget(questions, asked, settings),
    )
