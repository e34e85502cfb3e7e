"""What does AWS ask for each unit?

List prices of us-east-1 as noted in 2026-11, without free tier, savings plans or taxes: check them before relying on
them. AWS's own price pages could not be read when these were written down. Those marked `seen` agree with pages of
third parties of 2026; the others are as remembered. A free tier would lower small bills, never raise them."""

from __future__ import annotations

from typing import NamedTuple

from handlers.insight_text import Usage

AS_OF = "2026-11"
REGION = "us-east-1"
HOURS_A_MONTH = 730.0
DAYS_A_MONTH = 365 / 12
MILLION = 1e6


class Price(NamedTuple):
    """dollars for one unit. page is where AWS lists it."""

    dollars: float
    unit: str
    page: str
    seen: bool


PRICES = {
    "fargate_vcpu": Price(0.04048, "vCPU-hour, Linux on x86", "aws.amazon.com/fargate/pricing", True),
    "fargate_gb": Price(0.004445, "GB-hour, Linux on x86", "aws.amazon.com/fargate/pricing", True),
    "fargate_vcpu_arm": Price(0.03238, "vCPU-hour, Linux on ARM", "aws.amazon.com/fargate/pricing", True),
    "fargate_gb_arm": Price(0.00356, "GB-hour, Linux on ARM", "aws.amazon.com/fargate/pricing", True),
    "sqs": Price(0.40 / MILLION, "request of a standard queue, 64 KB each", "aws.amazon.com/sqs/pricing", True),
    "sqs_fifo": Price(0.50 / MILLION, "request of a FIFO queue, 64 KB each", "aws.amazon.com/sqs/pricing", True),
    "write": Price(0.625 / MILLION, "write request unit, on demand", "aws.amazon.com/dynamodb/pricing", True),
    "read": Price(0.125 / MILLION, "read request unit, on demand", "aws.amazon.com/dynamodb/pricing", True),
    "write_provisioned": Price(0.00065, "write capacity unit-hour", "aws.amazon.com/dynamodb/pricing", True),
    "read_provisioned": Price(0.00013, "read capacity unit-hour", "aws.amazon.com/dynamodb/pricing", True),
    "table_gb": Price(0.25, "GB-month of a table", "aws.amazon.com/dynamodb/pricing", False),
    "stream_read": Price(0.20 / MILLION, "streams read request unit", "aws.amazon.com/dynamodb/pricing", False),
    "event": Price(1.00 / MILLION, "custom event, 64 KB each", "aws.amazon.com/eventbridge/pricing", True),
    "metric": Price(0.30, "custom metric and month, of the first 10,000", "aws.amazon.com/cloudwatch/pricing", True),
    "metric_next": Price(
        0.10, "custom metric and month, of the next 240,000", "aws.amazon.com/cloudwatch/pricing", False
    ),
    "metric_request": Price(0.01 / 1_000, "PutMetricData request", "aws.amazon.com/cloudwatch/pricing", True),
    "log_gb": Price(0.50, "GB of logs taken in", "aws.amazon.com/cloudwatch/pricing", True),
    "log_gb_kept": Price(0.03, "GB-month of compressed logs", "aws.amazon.com/cloudwatch/pricing", False),
    "endpoint": Price(0.115, "hour of an ml.m5.large endpoint", "aws.amazon.com/sagemaker/pricing", False),
    "s3_write": Price(0.005 / 1_000, "PUT, COPY, POST or LIST request", "aws.amazon.com/s3/pricing", False),
    "s3_read": Price(0.0004 / 1_000, "GET request", "aws.amazon.com/s3/pricing", False),
}
METRICS_FIRST = 10_000


class ModelPrice(NamedTuple):
    """Dollars a token of a Bedrock model, on demand, by its global endpoint; a regional one may ask a tenth more."""

    name: str
    token_in: float
    token_out: float

    def dollars(self, usage: Usage) -> float:
        """What an answer costs that took and gave so many tokens."""
        return usage.tokens_in * self.token_in + usage.tokens_out * self.token_out


SONNET = ModelPrice("Sonnet class", 3.00 / MILLION, 15.00 / MILLION)
SMALL = ModelPrice("Nova Micro class", 0.035 / MILLION, 0.14 / MILLION)
MODELS = {
    "haiku-4-5": ModelPrice("Claude Haiku 4.5", 1.00 / MILLION, 5.00 / MILLION),
    "sonnet": SONNET,
    "nova-micro": SMALL,
    "nova-lite": ModelPrice("Nova Lite", 0.06 / MILLION, 0.24 / MILLION),
}


def model_price(model_id: str) -> ModelPrice:
    """The price of a Bedrock model by its id; one that is not known is taken for the dearest that is."""
    known = [price for part, price in MODELS.items() if part in model_id]
    return known[0] if known else SONNET._replace(name=f"{model_id}, price not known: as {SONNET.name}")


def dollars(name: str, quantity: float) -> float:
    """What so many units cost."""
    return PRICES[name].dollars * quantity
