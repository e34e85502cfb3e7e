"""What can an operator set?

One frozen object, read once from RESTOCK_* variables, checked before anything starts, printed without secrets. A
configuration that cannot work is refused with the relation it breaks."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.policy import FORECAST_DAYS, SupplyTerms
from worker.endpoint_hosts import collector_urls, configured_urls, is_this_machine, why_not

DASHBOARD_TOKEN = "RESTOCK_DASHBOARD_TOKEN"  # noqa: S105 - the name of a variable, which is no setting: those are logged
TOKEN_CHARS_MIN = 16
MESSAGES_A_RECEIVE = 10
RECORDS_A_READ = 1_000
POLLS_MAX = 48  # of the 64 connections to a service: the others are for deletions
SALE_FIELDS = (
    "product_id",
    "location_id",
    "event_id",
    "occurred_at",
    "quantity",
    "unit_price",
    "promotion",
    "category",
    "lines",
)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESTOCK_", frozen=True, extra="ignore")

    region: str = Field("us-east-1", description="AWS region of everything below")
    endpoint_url: str | None = Field(None, description="An AWS stand-in for every service but the two runtimes")
    runtime_endpoint_url: str | None = Field(None, description="A stand-in for sagemaker-runtime and bedrock-runtime")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="JSON list of hosts that requests may go to, beside those of AWS and this machine"
    )

    queue_name: str = Field(
        "retail-sales", description="SQS queue of sale events; a name ending in .fifo is FIFO; empty: none is read"
    )
    queue_partitions: int = Field(
        1,
        ge=1,
        le=64,
        description="With more than 1, the queues <queue_name>-0, -1 … are read, each by one worker at a time; "
        "producers must send by the same number",
    )
    stream_table: str = Field(
        "", description="DynamoDB table whose stream is read as well: each new item is a sale; empty: none is read"
    )
    table_fields: dict[str, str] = Field(
        {},
        description="JSON object: what that table calls our fields, as in "
        '{"product_id": "sku", "lines": "order_lines"}',
    )
    leases_table: str = Field(
        "restock-leases", description="DynamoDB table of a stream's shards and a queue's partitions: who reads which"
    )
    state_table: str = Field("restock-state", description="DynamoDB table of product states, ours alone")
    inventory_table: str = Field("retail-inventory", description="DynamoDB table of the shop's stock; only read")
    forecasts_table: str = Field("retail-forecasts", description="DynamoDB table forecasts are written to")
    quarantine_bucket: str = Field(
        "retail-quarantine", description="S3 bucket for quarantined bodies too large for an item"
    )
    quarantine_days: int = Field(90, ge=1, le=3_650, description="Days a quarantined line is kept")
    analytics_bucket: str = Field("retail-analytics", description="S3 bucket that `restock snapshot` writes to")
    event_bus: str = Field("default", description="EventBridge bus for Reorder Required and Insight Published")
    sagemaker_endpoint: str = Field("retail-forecast-endpoint", description="SageMaker endpoint of the forecaster")
    endpoint_format: Literal["restock", "chronos", "deepar", "autogluon", "guide"] = Field(
        "restock", description="What that endpoint speaks: our container's short form, or another's (docs/endpoints.md)"
    )
    endpoint_prediction_length: int = Field(
        64,
        ge=1,
        le=1_024,
        description="Days a foreign endpoint forecasts ahead: the model's own number for deepar and autogluon, the "
        "most to ask for otherwise",
    )
    endpoint_day_correlation: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Assumed correlation between the errors of two days of a product, where an endpoint answers with "
        "quantiles of days",
    )
    bedrock_model: str = Field(
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        description="Bedrock model id or, for newer models, inference profile; `restock doctor` tries it; "
        "empty: no insights",
    )
    bedrock_guardrail: str = Field("", description="Bedrock guardrail that questions and answers pass; empty: none")
    bedrock_guardrail_version: str = Field("DRAFT", description="Version of that guardrail")
    insights_per_hour: int = Field(
        10,
        ge=0,
        description="Calls of Bedrock that all workers together may make in an hour; beyond that rules explain",
    )
    insight_tokens_per_hour: int = Field(
        60_000, ge=0, description="Tokens that those may take and give in an hour, at most"
    )
    metrics_products: tuple[str, ...] = Field(
        (), description="JSON list of product ids with metrics of their own (each one is billed)"
    )
    calendar: Literal["wall", "event"] = Field(
        "wall", description="Forecast from today, or from the newest day sold (for replays of old sales)"
    )

    lead_time_days: int = Field(7, ge=0, le=365, description="Lead time where retail-inventory names none")
    review_days: int = Field(1, ge=1, le=90, description="Days between chances to order")
    order_cycle_days: int = Field(
        14, ge=0, le=365, description="Days of demand an order brings beyond the reorder point; 0: what is missing"
    )
    service_level: float = Field(0.95, gt=0.5, lt=1, description="Probability of no stock-out until the next chance")
    pack_size: int = Field(1, ge=1, description="Units a pack where retail-inventory names none")
    minimum_order_quantity: int = Field(0, ge=0, description="Smallest order where retail-inventory names none")

    rules: str = Field(
        "", description="Business rules: a path (.json, .toml, .csv), s3://bucket/key or dynamodb://table; empty: none"
    )
    rules_interval_s: float = Field(30, ge=0.2, le=3_600, description="How often the rules are read again")
    purchases_interval_s: float = Field(
        60, ge=0.2, le=3_600, description="How often suppliers' reviews, overdue orders and lead times are looked at"
    )

    payload_bucket: str = Field("retail-payloads", description="S3 bucket that oversized message bodies may lie in")

    pollers: int = Field(
        4, ge=1, le=POLLS_MAX, description="Receive calls in flight, at most; one while there is little"
    )
    shard_readers: int = Field(2, ge=1, le=64, description="Shards of a stream that are read at the same time")
    shard_idle_s: float = Field(
        1, ge=0.1, le=60, description="How often a shard that has nothing new is read, at least"
    )
    lease_s: float = Field(30, ge=1, le=600, description="A shard whose lease was not renewed for so long may be taken")
    discover_interval_s: float = Field(30, ge=1, le=600, description="How often new shards are looked for")
    checkpoint_interval_s: float = Field(1, ge=0.1, le=60, description="How often a shard's progress is written")
    long_poll_s: int = Field(20, ge=0, le=20, description="How long a receive call waits for a first message")
    messages_in_flight: int = Field(1_000, ge=10, le=100_000, description="Messages received and not yet settled")
    records_in_flight: int = Field(
        5_000, ge=1_000, le=1_000_000, description="Records of a stream read and not yet settled"
    )
    batch_sales: int = Field(1_000, ge=1, le=50_000, description="Sales in one micro-batch, at most about")
    batch_linger_s: float = Field(0.05, ge=0, le=5, description="How long a micro-batch waits to grow")
    decide_products: int = Field(500, ge=1, le=5_000, description="Products in one assessment")
    decide_interval_s: float = Field(
        0.1, ge=0.01, le=300, description="Shortest time between assessments of dirty products"
    )
    cached_products: int = Field(50_000, ge=1, description="Product states kept in memory")
    cached_mb: int = Field(512, ge=1, description="Megabytes those may take, about")
    sweep_interval_s: float = Field(10, ge=0.2, description="How often what a dead worker left behind is looked for")
    sweep_age_s: float = Field(15, ge=0, description="How old it must be")
    watch_products: int = Field(
        1_000, ge=0, le=5_000, description="Products a worker measures the forecasts' accuracy on; 0: none is measured"
    )
    watch_interval_s: float = Field(
        900, ge=0.2, description="How often a worker looks whether a week of forecasts is to be promised or compared"
    )
    visibility_timeout_s: int = Field(120, ge=10, le=43_200, description="Visibility timeout of received messages")
    commit_deadline_s: float = Field(30, gt=0, description="Longest time for one call to the state table")
    drain_timeout_s: float = Field(60, gt=0, le=100, description="Time for an orderly stop; ECS allows at most 120")
    fast_client: bool = Field(
        True, description="Our own short way to SQS, DynamoDB and EventBridge; false: every call through aiobotocore"
    )
    health_port: int = Field(8081, ge=0, le=65_535, description="Port of the health check; 0 picks one")
    health_host: str = Field(
        "127.0.0.1", min_length=1, description="Address the health port listens on; 0.0.0.0 where others must reach it"
    )
    prometheus: bool = Field(False, description="Answer GET /metrics on the health port for Prometheus")
    dashboard: bool = Field(False, description="Serve the live page (docs/dashboard.md)")
    dashboard_port: int = Field(8090, ge=0, le=65_535, description="Port of the live page; 0 picks one")
    dashboard_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address the live page listens on; any but this machine's own needs RESTOCK_DASHBOARD_TOKEN",
    )
    dashboard_plans: bool = Field(
        False, description="Let planners approve, freeze and override on the page; false: it is read-only"
    )
    dashboard_products: int = Field(200_000, ge=1, le=2_000_000, description="Products the page knows, at most")
    dashboard_scan_interval_s: float = Field(
        600, ge=1, description="How often the page reads the state table, for what other workers decided"
    )
    traces: bool = Field(
        False, description="Send traces by OTLP, where OTEL_EXPORTER_OTLP_ENDPOINT says; needs the extra otel"
    )
    meter_calls: bool = Field(
        False, description="Count every AWS call and its units as AWS bills them, and report them with the metrics"
    )

    @model_validator(mode="after")
    def _must_work(self) -> Self:
        if self.visibility_timeout_s <= self.commit_deadline_s + self.drain_timeout_s:
            raise ValueError(
                "visibility_timeout_s must exceed commit_deadline_s + drain_timeout_s, or messages come back "
                f"while still owned ({self.visibility_timeout_s} <= {self.commit_deadline_s} + {self.drain_timeout_s})"
            )
        if self.drain_timeout_s <= self.long_poll_s:
            raise ValueError(
                "drain_timeout_s must exceed long_poll_s, or a stop cuts the open long polls and what they bring "
                f"waits for its visibility timeout ({self.drain_timeout_s} <= {self.long_poll_s})"
            )
        if not self.queue_name and not self.stream_table:
            raise ValueError("queue_name and stream_table are both empty: there is nothing to read sales from")
        unknown = sorted(set(self.table_fields) - set(SALE_FIELDS))
        if unknown:
            raise ValueError(f"table_fields: {unknown[0]!r} is no field of a sale: {', '.join(SALE_FIELDS)}")
        if self.records_in_flight < RECORDS_A_READ * self.shard_readers:
            raise ValueError(
                f"records_in_flight must be at least {RECORDS_A_READ} x shard_readers, or readers would wait for each "
                f"other's slots ({self.records_in_flight} < {RECORDS_A_READ} x {self.shard_readers})"
            )
        if self.lease_s < 3 * self.checkpoint_interval_s:
            raise ValueError(
                "lease_s must be at least 3 x checkpoint_interval_s, or leases run out between two renewals "
                f"({self.lease_s} < 3 x {self.checkpoint_interval_s})"
            )
        if self.messages_in_flight < MESSAGES_A_RECEIVE * self.polls:
            polls = "pollers" if self.queue_partitions == 1 else "(pollers + queue_partitions - 1)"
            raise ValueError(
                f"messages_in_flight must be at least {MESSAGES_A_RECEIVE} x {polls}, or pollers would wait for each "
                f"other's slots ({self.messages_in_flight} < {MESSAGES_A_RECEIVE} x {self.polls})"
            )
        return self

    @model_validator(mode="after")
    def _endpoint_must_reach(self) -> Self:
        needed = max(FORECAST_DAYS, self.terms.protection_days)
        if self.endpoint_format != "restock" and self.endpoint_prediction_length < needed:
            raise ValueError(
                f"endpoint_prediction_length must be at least {FORECAST_DAYS} and lead_time_days + review_days, or the "
                f"endpoint's forecast ends too early for every product ({self.endpoint_prediction_length} < {needed})"
            )
        return self

    @model_validator(mode="after")
    def _must_be_safe(self) -> Self:
        said = [("endpoint_url", self.endpoint_url), ("runtime_endpoint_url", self.runtime_endpoint_url)]
        said += configured_urls(os.environ)
        said += collector_urls(os.environ) if self.traces else ()
        for name, url in said:
            if url is not None and (reason := why_not(url, self.allowed_hosts)):
                raise ValueError(f"{name} {reason}")
        if self.traces and not all(map(find_spec, ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"))):
            raise ValueError("traces needs the extra otel: pip install 'restock[otel]'")
        return self

    @model_validator(mode="after")
    def _page_must_be_safe(self) -> Self:
        token = os.environ.get(DASHBOARD_TOKEN, "")
        if self.dashboard and not is_this_machine(self.dashboard_host) and not token:
            raise ValueError(
                f"dashboard_host {self.dashboard_host!r} is reached by others: {DASHBOARD_TOKEN} must hold a token "
                f"of {TOKEN_CHARS_MIN} characters or more"
            )
        if self.dashboard and token and len(token) < TOKEN_CHARS_MIN:
            raise ValueError(f"{DASHBOARD_TOKEN} must have at least {TOKEN_CHARS_MIN} characters")
        return self

    @property
    def guardrail(self) -> tuple[str, str] | None:
        """The id and version of Bedrock's guardrail, if one is set."""
        return (self.bedrock_guardrail, self.bedrock_guardrail_version) if self.bedrock_guardrail else None

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues that are read, in the order of their partitions."""
        if self.queue_partitions == 1:
            return (self.queue_name,)
        base, dot, kind = self.queue_name.partition(".fifo")
        return tuple(f"{base}-{partition}{dot}{kind}" for partition in range(self.queue_partitions))

    @property
    def polls(self) -> int:
        """Receive calls in flight at most: pollers, and one more for each further partition that may be idle."""
        return max(self.pollers, min(self.pollers + self.queue_partitions - 1, POLLS_MAX))

    @property
    def terms(self) -> SupplyTerms:
        return SupplyTerms(
            self.lead_time_days,
            self.review_days,
            self.order_cycle_days,
            self.service_level,
            self.pack_size,
            self.minimum_order_quantity,
        )
