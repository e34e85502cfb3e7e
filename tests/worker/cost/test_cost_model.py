"""Dollars, line by line, against sums done by hand."""

from dataclasses import replace

import pytest

from worker.cost.guide import guide_bills
from worker.cost.model import INSIGHT_BYTES, bill, metrics_line, write_units
from worker.cost.prices import DAYS_A_MONTH, MODELS, PRICES, SONNET, model_price
from worker.cost.rates import Asked, Rates
from worker.cost.takes import INSTRUCTION_TOKENS, Takes, takes
from worker.cost.usage import Usage
from worker.settings import Settings

SETTINGS = Settings.model_construct()
ASKED = Asked(events_per_day=1_000_000, products=50_000)
RATES = Rates(
    sales=1_000_000,
    messages=100_000,
    batches=1_000,
    commits=400_000,
    decisions=300_000,
    assessments=2_000,
    saves=50_000,
    orders=4_000,
    insights=300,
    questions=100,
)
TAKES = Takes(
    commit=6,
    decision=5,
    sale=0.1,
    saved=1,
    order=5,
    stock_reads=1,
    agenda_bytes=16,
    message_bytes_a_sale=200,
    log_bytes_a_flush=1_000,
    header_bytes=2_700,
    saved_bytes=200,
    tokens_in=900,
    tokens_out=200,
    metrics=30,
    cpu_s_a_sale=0.001,
    s3_writes_a_sale=0,
    s3_reads_a_sale=0,
    stream_reads_a_sale=0,
)


def line(what, *, asked=ASKED, settings=SETTINGS, rates=RATES, took=TAKES):
    (found,) = [each for each in bill(asked, settings, rates, took).lines if each.what.startswith(what)]
    return found


def test_a_task_is_paid_by_the_hour():
    assert line("1 x 0.25 vCPU").dollars == pytest.approx(730 * (0.25 * 0.04048 + 1.0 * 0.004445))
    large = replace(ASKED, tasks=3, task_vcpu=1, task_gb=2, arm=True)
    assert line("3 x", asked=large).dollars == pytest.approx(3 * 730 * (0.03238 + 2 * 0.00356))


def test_writes_are_what_each_thing_takes():
    assert write_units(RATES, TAKES) == {
        "sales committed": 2_400_000,
        "event ids in segments": 100_000,
        "decisions committed": 1_500_000,
        "agenda": 1_000 * 2 * 7,  # an entry of 400 products, 6,400 bytes, put and deleted
        "forecasts saved": 50_000,
        "orders and outbox": 20_000,
    }
    whole = bill(ASKED, SETTINGS, RATES, TAKES)
    assert whole.of("DynamoDB writes") == pytest.approx(4.0846 * DAYS_A_MONTH * 0.625)


def test_a_snapshot_scans_the_state_and_reads_each_product_s_stock_and_forecast():
    headers, ids, orders = 50_000 * 2_800, 1_000_000 * 35 * 20 * 1.5, 4_000 * 365 * 300
    insights = 300 * 400 * (INSIGHT_BYTES + 100)
    a_time = (headers + ids + orders + insights) / 8_192 + 50_000 * 1.5
    found = line("snapshots", asked=replace(ASKED, snapshots=1))
    assert found.quantity == pytest.approx(a_time * DAYS_A_MONTH)
    assert found.dollars == pytest.approx(found.quantity * 0.125e-6)
    assert not [each for each in bill(ASKED, SETTINGS, RATES, TAKES).lines if each.what == "snapshots"]


def test_provisioned_capacity_is_paid_by_the_hour_and_used_to_seventy_percent():
    provisioned = bill(replace(ASKED, provisioned=True), SETTINGS, RATES, TAKES)
    assert provisioned.of("DynamoDB writes") == pytest.approx(4_084_600 / 86_400 / 0.7 * 730 * 0.00065)


def test_a_message_is_sent_received_and_deleted_and_renewed_while_it_waits():
    assert line("messages sent").quantity == pytest.approx(100_000 * DAYS_A_MONTH)
    assert line("messages received").quantity == pytest.approx(100_000 * DAYS_A_MONTH, rel=0.01)
    assert line("messages deleted").quantity == pytest.approx(1_000 * 10 * DAYS_A_MONTH)
    held_s = 1_000 / (1_000_000 / 86_400) / 2
    assert line("visibility renewed").quantity == pytest.approx(100_000 * held_s / 40 / 10 * DAYS_A_MONTH)
    assert line("messages sent").dollars == pytest.approx(3.041_667 * 0.40, rel=1e-6)


def test_a_message_beyond_64_kilobytes_is_several_requests_and_a_fifo_queue_is_dearer():
    packed = replace(RATES, messages=2_000, batches=1_000)  # 100 KB each
    assert line("messages sent", rates=packed).quantity == pytest.approx(2 * 2_000 * DAYS_A_MONTH)
    fifo = SETTINGS.model_copy(update={"queue_name": "sales.fifo"})
    assert line("messages sent", settings=fifo).dollars == pytest.approx(1.25 * line("messages sent").dollars)


def test_batches_that_fill_at_once_renew_nothing_and_an_idle_queue_is_polled():
    quick = replace(RATES, batches=50_000)
    assert not [each for each in bill(ASKED, SETTINGS, quick, TAKES).lines if each.what == "visibility renewed"]
    asked, rare = replace(ASKED, events_per_day=100), replace(RATES, sales=100, messages=10, batches=10)
    polls = 86_400 / 20
    received = line("messages received", asked=asked, rates=rare).quantity
    assert received == pytest.approx((10 + polls) * DAYS_A_MONTH, rel=0.01)
    parted = SETTINGS.model_copy(update={"queue_partitions": 8})
    received = line("messages received", asked=asked, settings=parted, rates=rare).quantity
    assert received == pytest.approx((10 + 8 * polls) * DAYS_A_MONTH, rel=0.01)


def test_the_leases_of_partitions_are_renewed_three_times_each_and_looked_at():
    parted = SETTINGS.model_copy(update={"queue_partitions": 8, "lease_s": 30})
    kept = [each for each in bill(ASKED, parted, RATES, TAKES).lines if each.what == "leases of partitions"]
    assert {each.service: each.quantity for each in kept} == {
        "DynamoDB writes": pytest.approx(8 * 8_640 * DAYS_A_MONTH),
        "DynamoDB reads": pytest.approx(28_800 * DAYS_A_MONTH),
    }


def test_without_a_queue_nothing_is_paid_for_one():
    assert bill(ASKED, SETTINGS.model_copy(update={"queue_name": ""}), RATES, TAKES).of("SQS") == 0


def test_reads_are_stock_sweeps_and_starts():
    assert line("stock read").quantity == pytest.approx(300_000 * DAYS_A_MONTH)
    assert line("sweeps").quantity == pytest.approx(8_640 * 8 * DAYS_A_MONTH)
    assert line("products read after a start").quantity == pytest.approx(30 * 50_000 * 2)


def test_insights_that_rules_write_are_published_and_kept_like_those_of_a_model():
    assert line("insights kept").quantity == pytest.approx(300 * 2 * DAYS_A_MONTH)
    without = replace(RATES, insights=0, questions=0)
    kept = line("states, ids").quantity - line("states, ids", rates=without).quantity
    assert kept == pytest.approx(300 * 400 * (INSIGHT_BYTES + 100) / 1e9)


def test_words_are_paid_by_the_token_and_events_by_the_event():
    calls = 100 * DAYS_A_MONTH
    assert line("insights, ").dollars == pytest.approx(calls * (900 * 1e-6 + 200 * 5e-6))
    assert line("orders and insights").dollars == pytest.approx((4_000 + 300) * DAYS_A_MONTH * 1e-6)


def test_metrics_are_billed_each_and_per_product_only_where_asked_for():
    assert metrics_line(10_002).dollars == pytest.approx(10_000 * 0.30 + 2 * 0.10)
    own = SETTINGS.model_copy(update={"metrics_products": ("a", "b")})
    assert line("custom metrics", settings=own).quantity == line("custom metrics").quantity + 4
    assert line("custom metrics", took=replace(TAKES, metrics=500)).quantity == 500
    assert line("PutMetricData").dollars == pytest.approx(1_440 * DAYS_A_MONTH / 1_000 * 0.01)


def test_sagemaker_and_logs_stand_apart():
    whole = bill(ASKED, SETTINGS, RATES, TAKES)
    apart = {each.service for each in whole.lines if each.apart}
    assert apart == {"SageMaker endpoint", "CloudWatch logs"}
    assert whole.total == pytest.approx(sum(each.dollars for each in whole.lines if not each.apart))
    assert whole.per_million == pytest.approx(whole.total / (1_000_000 * DAYS_A_MONTH) * 1e6)
    assert whole.per_million_with_all > whole.per_million
    assert line("1 x ml.m5.large").dollars == pytest.approx(730 * 0.115)
    taken_in = 3_000 * 1_000 * DAYS_A_MONTH / 1e9
    assert line("taken in").dollars == pytest.approx(taken_in * 0.50 + 3_000 * 1_000 * 30 * 0.15 / 1e9 * 0.03)


def test_storage_is_a_month_of_what_is_kept():
    stored = line("states, ids").quantity * 1e9
    headers, ids = 50_000 * 2_800, 1_000_000 * 35 * 20 * 1.5
    assert stored > headers + ids
    assert line("states, ids").dollars == pytest.approx(stored / 1e9 * 0.25)


def test_what_a_run_counted_is_divided_by_what_it_was_counted_for():
    usage = Usage(sales=1_000, batches=10, assessments=10, emulated=True)
    usage.add(
        {
            "calls": {"bedrock-runtime.Converse": 10, "s3.PutObject": 5},
            "units": {
                "write_units": 4_000,
                "message_bytes": 160_000,
                "log_bytes": 18_000,
                "tokens_in": 1_000,
                "tokens_out": 2_000,
                "cpu_s": 2,
            },
            "items": {"header, sold": 500, "header, decided": 400, "order": 20, "outbox": 20, "retail-forecasts": 200},
            "item_units": {
                "header, sold": 3_000,
                "header, decided": 2_000,
                "retail-forecasts": 400,
                "agenda": 30,
                "agenda, deleted": 30,
                "segment": 40,
                "segment, deleted": 10,
                "quarantined": 7,
                "order": 40,
                "outbox": 40,
                "outbox, deleted": 20,
            },
            "item_bytes": {"header, sold": 1_300_000, "retail-forecasts": 80_000, "agenda": 10_000},
            "reads": {"restock-state": 900, "retail-inventory": 400},
            "metrics": ["a", "b"],
        }
    )
    took = takes(usage, usage, SETTINGS)
    assert (took.commit, took.decision, took.saved, took.stock_reads) == (6, 5, 2, 1)
    assert (took.saved_bytes, took.agenda_bytes) == (400, 20)
    # Segments that were not deleted yet will be.
    assert took.sale == pytest.approx((40 + 10 + 7 + 30) / 1_000)
    assert took.order == (40 + 40 + 20) / 20
    assert (took.message_bytes_a_sale, took.log_bytes_a_flush, took.header_bytes) == (160, 900, 2_600)
    assert took.tokens_in == 100 + INSTRUCTION_TOKENS
    assert (took.tokens_out, took.metrics, took.cpu_s_a_sale, took.s3_writes_a_sale) == (200, 2, 0.002, 0.005)


def test_the_guides_design_costs_its_calls():
    sonnet, small = guide_bills(ASKED)
    millions = DAYS_A_MONTH
    assert sonnet.of("Bedrock") == pytest.approx(millions * (200 * 3 + 160 * 15))
    assert sonnet.of("CloudWatch metrics") == pytest.approx(millions * 10)
    assert sonnet.of("EventBridge") == pytest.approx(millions)
    assert sonnet.of("DynamoDB writes") == pytest.approx(millions * 0.625)
    # A year of rows is 40,150 bytes: ten begun 4 KB, halved; and the stock's half.
    assert sonnet.of("DynamoDB reads") == pytest.approx(millions * (5 + 0.5) * 0.125)
    assert sonnet.of("Metrics of products") == pytest.approx(10_000 * 0.3 + 90_000 * 0.1)
    assert sonnet.per_million == pytest.approx(3_012.3, abs=0.1)
    assert small.per_million == pytest.approx(41.7, abs=0.1)


def test_a_model_whose_price_is_not_known_is_taken_for_the_dearest():
    assert model_price("us.anthropic.claude-haiku-4-5-20251001-v1:0") == MODELS["haiku-4-5"]
    unknown = model_price("somebody.something-new")
    assert unknown[1:] == SONNET[1:]
    assert "not known" in unknown.name


def test_every_price_names_its_unit_and_page():
    for price in PRICES.values():
        assert price.dollars > 0
        assert price.unit
        assert price.page.startswith("aws.amazon.com/")
