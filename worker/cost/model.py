"""How many dollars a month is that, by service?

Rates of a day times what each takes times AWS's prices. SageMaker's endpoint and the logs stand apart: an endpoint
costs the same whatever is sold, and how much is logged and kept is the user's choice. Not here, because Restock does
not make it: data transfer, NAT gateways, backups, alarms, the image's registry, dashboards, taxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from domain.buckets import HORIZON_DAYS
from domain.ledger import ENTRY_BYTES
from handlers.metrics import Metric
from worker.aws.forecasts import KEPT_DAYS as FORECASTS_KEPT_DAYS
from worker.aws.insights import KEPT_DAYS as INSIGHTS_KEPT_DAYS
from worker.aws.item_size import units
from worker.aws.metered_run import METRICS
from worker.aws.metering import CHUNK_BYTES
from worker.aws.state_codec import SHARDS
from worker.cost.prices import DAYS_A_MONTH, HOURS_A_MONTH, METRICS_FIRST, dollars, model_price
from worker.cost.rates import DAY_S, Asked, Rates
from worker.cost.takes import Takes
from worker.cost.touched import touched
from worker.runner import FORECAST_METRICS_EVERY_S
from worker.settings import MESSAGES_A_RECEIVE, Settings
from worker.sources.partition_leases import LOOK_EVERY_S

GB = 1e9
PROVISIONED_USED = 0.7  # the target that Application Auto Scaling is usually given; bursts above it may be throttled
STARTS_A_MONTH = 30  # of each task: deployments and moved tasks, after which the products are read again
SWEEP_READS = SHARDS * 2  # a consistent query of each shard of the outbox and of the agenda
SCANNED_A_UNIT = 2 * 4_096  # bytes, of an eventually consistent scan
ITEM_OVERHEAD_BYTES = 100  # DynamoDB adds them to each stored item (its developer guide, "Item sizes and formats")
INSIGHT_BYTES = (
    1_320  # with its keys: rules' words on the 150 products of the sample that sell most are 1,230 in the mean
)
OF_STREAMS = ("STREAM", "SHARDS", "LEASES")
OF_RULES = ("ORDERS_PROPOSED", "PURCHASES", "LEAD_TIME", "RULES")  # what no worker without rules ever counts
LOG_COMPRESSED = 0.15  # what CloudWatch keeps of a log byte (its pricing page)


@dataclass(frozen=True, slots=True)
class Line:
    """What one part costs a month. apart: not in the total."""

    service: str
    what: str
    quantity: float
    unit: str
    dollars: float
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Bill:
    """A month of a design at so many sales."""

    name: str
    sales_a_month: float
    lines: Sequence[Line]

    @property
    def total(self) -> float:
        return sum(line.dollars for line in self.lines if not line.apart)

    @property
    def apart(self) -> float:
        return sum(line.dollars for line in self.lines if line.apart)

    @property
    def per_million(self) -> float:
        """Dollars a million sales, without what stands apart."""
        return self.total / self.sales_a_month * 1e6

    @property
    def per_million_with_all(self) -> float:
        return (self.total + self.apart) / self.sales_a_month * 1e6

    def of(self, service: str) -> float:
        return sum(line.dollars for line in self.lines if line.service == service)


def bill(asked: Asked, settings: Settings, rates: Rates, took: Takes) -> Bill:
    """What Restock costs with these settings."""
    lines = [
        _tasks(asked),
        *_queue(asked, settings, rates, took),
        *_table_units(asked, settings, rates, took),
        _table_storage(asked, rates, took),
        _snapshots(asked, rates, took),
        *_words(settings, rates, took),
        *_metrics(asked, settings, took),
        *_objects(rates, took),
        *_apart(asked, rates, took),
    ]
    return Bill("Restock", asked.events_per_day * DAYS_A_MONTH, [line for line in lines if line.quantity])


def _tasks(asked: Asked) -> Line:
    kind = "_arm" if asked.arm else ""
    hours = asked.tasks * HOURS_A_MONTH
    price = dollars(f"fargate_vcpu{kind}", asked.task_vcpu) + dollars(f"fargate_gb{kind}", asked.task_gb)
    what = f"{asked.tasks} x {asked.task_vcpu:g} vCPU, {asked.task_gb:g} GB{', ARM' if asked.arm else ''}"
    return Line("ECS Fargate", what, hours, "task-hours", hours * price)


def _queue(asked: Asked, settings: Settings, rates: Rates, took: Takes) -> list[Line]:
    """A message is sent alone and received alone, as where there is no backlog; whatever comes in tens is cheaper.
    While it waits for its batch to fill, its visibility is renewed. A queue that has nothing is polled once at a time
    by each task, or each partition once by one of them."""
    if not settings.queue_name:
        return []
    price = "sqs_fifo" if settings.queue_name.endswith(".fifo") else "sqs"
    chunks = units(math.ceil(took.message_bytes_a_sale * rates.sales / rates.messages), CHUNK_BYTES)
    a_batch = rates.messages / rates.batches
    held_s = rates.batch_sales / (asked.events_per_day / DAY_S / asked.tasks) / 2
    renewals = rates.messages * held_s / (settings.visibility_timeout_s / 3) / MESSAGES_A_RECEIVE
    polled = settings.queue_partitions if settings.queue_partitions > 1 else asked.tasks
    idle = polled * DAY_S / max(1, settings.long_poll_s)
    parts = {
        "messages sent": rates.messages * chunks,
        "messages received": rates.messages * chunks + idle * math.exp(-rates.messages / idle),
        "messages deleted": rates.batches * math.ceil(a_batch / MESSAGES_A_RECEIVE),
        "visibility renewed": renewals if held_s * 2 > settings.visibility_timeout_s / 3 else 0.0,
    }
    return [_line("SQS", what, number * DAYS_A_MONTH, "requests", price) for what, number in parts.items()]


def write_units(rates: Rates, took: Takes) -> dict[str, float]:
    """Write units a day, by what they are for. An entry of the agenda is put and deleted."""
    return {
        "sales committed": rates.commits * took.commit,
        "event ids in segments": rates.sales * took.sale,
        "decisions committed": rates.decisions * took.decision,
        "agenda": rates.batches * 2 * units(math.ceil(took.agenda_bytes * rates.commits / rates.batches), 1_024),
        "forecasts saved": rates.saves * took.saved,
        "orders and outbox": rates.orders * took.order,
    }


def _table_units(asked: Asked, settings: Settings, rates: Rates, took: Takes) -> list[Line]:
    sweeps = asked.tasks * DAY_S / settings.sweep_interval_s
    starts = asked.tasks * STARTS_A_MONTH / DAYS_A_MONTH
    reads = {
        "stock read": rates.decisions * took.stock_reads,
        "sweeps": sweeps * SWEEP_READS,
        "products read after a start": starts * asked.products * units(int(took.header_bytes), 4_096) * 2,
    }
    written = write_units(rates, took)
    # By the size of an item, not by a count: the runs that were counted kept none.
    written["insights kept"] = rates.insights * units(INSIGHT_BYTES, 1_024)
    if settings.queue_partitions > 1:
        # By how leases are kept, not by a count: each is renewed three times a lease, and all are looked at.
        written["leases of partitions"] = settings.queue_partitions * DAY_S / settings.lease_s * 3
        reads["leases of partitions"] = asked.tasks * DAY_S / min(LOOK_EVERY_S, settings.lease_s / 3)
    lines = [_units(asked, what, number, "write") for what, number in written.items()]
    lines += [_units(asked, what, number, "read") for what, number in reads.items()]
    stream = took.stream_reads_a_sale * rates.sales * DAYS_A_MONTH
    return [*lines, _line("DynamoDB reads", "stream", stream, "stream read units", "stream_read")]


def _units(asked: Asked, what: str, a_day: float, kind: str) -> Line:
    service, month = f"DynamoDB {kind}s", a_day * DAYS_A_MONTH
    if not asked.provisioned:
        return _line(service, what, month, f"{kind} units", kind)
    hours = a_day / DAY_S / PROVISIONED_USED * HOURS_A_MONTH
    return _line(service, what, hours, f"{kind} capacity unit-hours", f"{kind}_provisioned")


def _stored(asked: Asked, rates: Rates, took: Takes) -> dict[str, float]:
    """Bytes in the tables."""
    sold_a_day = touched(asked.events_per_day, asked.products, asked.zipf)
    return {
        "headers": asked.products * (took.header_bytes + ITEM_OVERHEAD_BYTES),
        "event ids": rates.sales * HORIZON_DAYS * ENTRY_BYTES * 1.5,  # and their items' names and overhead
        "forecasts": sold_a_day * FORECASTS_KEPT_DAYS * (took.saved_bytes + ITEM_OVERHEAD_BYTES),
        "insights": rates.insights * INSIGHTS_KEPT_DAYS * (INSIGHT_BYTES + ITEM_OVERHEAD_BYTES),
        "orders": rates.orders * 365 * 300,  # they are never deleted; a year of them
    }


def _table_storage(asked: Asked, rates: Rates, took: Takes) -> Line:
    stored = sum(_stored(asked, rates, took).values())
    return _line("DynamoDB storage", "states, ids, forecasts, insights, orders", stored / GB, "GB", "table_gb")


def _snapshots(asked: Asked, rates: Rates, took: Takes) -> Line:
    """All of the state table, and of each product the stock and a forecast. Minutes of a task and some files a day are
    cents."""
    stored = _stored(asked, rates, took)
    scanned = (sum(stored.values()) - stored["forecasts"]) / SCANNED_A_UNIT
    return _units(asked, "snapshots", asked.snapshots * (scanned + asked.products * (took.stock_reads + 0.5)), "read")


def _words(settings: Settings, rates: Rates, took: Takes) -> list[Line]:
    """What goes to the bus, and what Bedrock is asked."""
    month, questions = rates.insights * DAYS_A_MONTH, rates.questions * DAYS_A_MONTH
    price = model_price(settings.bedrock_model)
    asked = questions * (took.tokens_in * price.token_in + took.tokens_out * price.token_out)
    events = rates.orders * DAYS_A_MONTH + month
    return [
        _line("EventBridge", "orders and insights", events, "events", "event"),
        Line("Bedrock", f"insights, {price.name}", questions, "calls", asked),
    ]


def _metrics(asked: Asked, settings: Settings, took: Takes) -> list[Line]:
    """All that a month may bring, or what a run was seen to bring if that is more."""
    own = 2 * len(settings.metrics_products)
    never = (() if settings.stream_table else OF_STREAMS) + (() if settings.rules else OF_RULES)
    ever = [metric for metric in Metric if not metric.name.startswith(never)]
    known = len(ever) - (0 if settings.meter_calls else 1 + len(METRICS))
    requests = asked.tasks * DAY_S / FORECAST_METRICS_EVERY_S * DAYS_A_MONTH
    return [
        metrics_line(max(took.metrics, known) + own),
        _line("CloudWatch metrics", "PutMetricData", requests, "requests", "metric_request"),
    ]


def metrics_line(count: float) -> Line:
    """Custom metrics for a month, by the first two steps of their price."""
    first = min(count, METRICS_FIRST)
    price = dollars("metric", first) + dollars("metric_next", count - first)
    return Line("CloudWatch metrics", "custom metrics", count, "metrics", price)


def _objects(rates: Rates, took: Takes) -> list[Line]:
    month = rates.sales * DAYS_A_MONTH
    return [
        _line("S3", "quarantined bodies", took.s3_writes_a_sale * month, "requests", "s3_write"),
        _line("S3", "oversized bodies", took.s3_reads_a_sale * month, "requests", "s3_read"),
    ]


def _apart(asked: Asked, rates: Rates, took: Takes) -> list[Line]:
    written = (rates.batches + rates.assessments) * took.log_bytes_a_flush
    taken_in, kept = written * DAYS_A_MONTH / GB, written * asked.retention_days * LOG_COMPRESSED / GB
    price = dollars("log_gb", taken_in) + dollars("log_gb_kept", kept)
    hours = asked.endpoints * HOURS_A_MONTH
    return [
        Line("CloudWatch logs", f"taken in, kept {asked.retention_days} days", taken_in, "GB", price, apart=True),
        Line(
            "SageMaker endpoint", f"{asked.endpoints} x ml.m5.large", hours, "hours", dollars("endpoint", hours), True
        ),
    ]


def _line(service: str, what: str, quantity: float, unit: str, price: str) -> Line:
    return Line(service, what, quantity, unit, dollars(price, quantity))
