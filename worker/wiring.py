"""Which adapter stands behind which port?

The one composition root: nothing is built at import time, and nobody else chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from domain.events import MS_PER_DAY
from handlers.baseline_categories import UnlessBaselineIsBetter
from handlers.current_rules import CurrentRules, ReloadRules
from handlers.explain import Explain
from handlers.insight_budget import Budget
from handlers.learn_lead_times import LearnLeadTimes
from handlers.look_again import LookAgain
from handlers.order_ports import OrderBooks
from handlers.place_reorders import PlaceReorders
from handlers.ports import Clock, EventBus
from handlers.products import Products
from handlers.record_sales import RecordSales
from handlers.reforecast import Reforecast
from handlers.relay_outbox import RelayOutbox
from handlers.release_purchases import ReleasePurchases
from handlers.watch_accuracy import WatchAccuracy
from handlers.watermark import Watermark
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.agenda import DynamoAgenda
from worker.aws.bedrock import BedrockExplainer
from worker.aws.clients import Clients, translated
from worker.aws.cloudwatch import CloudWatchForecasts
from worker.aws.endpoints.chosen import form_of
from worker.aws.eventbridge import EventBridgeBus
from worker.aws.forecasts import DynamoForecasts
from worker.aws.insight_ledger import DynamoInsightLedger
from worker.aws.insights import DynamoInsights
from worker.aws.inventory import DynamoInventory
from worker.aws.order_books import DynamoLeadTimes, DynamoPurchases, DynamoReminders
from worker.aws.parking import DynamoParking, LateStays
from worker.aws.sagemaker import SageMakerForecaster
from worker.aws.state import DynamoState
from worker.cost.prices import model_price
from worker.intake import Intake
from worker.parts import Ordering, Parts
from worker.rules.sources import rules_source
from worker.runner import Runner
from worker.settings import Settings
from worker.sources.bodies import Bodies
from worker.sources.dynamodb_streams import DynamoStreamSource
from worker.sources.partition_leases import PartitionLeases
from worker.sources.partitions import PartitionedSqsSource, queue_urls
from worker.sources.shards.discovery import require_readable_stream
from worker.sources.shards.leases import LeaseTable
from worker.sources.source import Source
from worker.sources.sqs import SqsSource
from worker.telemetry import EmbeddedMetrics

if TYPE_CHECKING:
    from worker.dashboard.tally import Tally


async def build(settings: Settings, clients: Clients, clock: Clock) -> Runner:
    """Connects and puts the worker together. Misconfigured if a queue, table or bus that it needs is not there."""
    tally = _tally(settings)
    parts = await build_parts(settings, clients, clock, tally=tally)
    if tally is not None:
        parts = _looked_on(settings, clients, parts, tally)
    if settings.traces:
        parts, clients = _traced(parts, clients)
    return Runner(replace(parts, sources=await _sources(settings, clients, parts, clock)), settings)


def _traced(parts: Parts, clients: Clients) -> tuple[Parts, Clients]:
    # Of the extra otel: whoever does not trace need not have it.
    from worker.observability.traced import TracedQueue, traced
    from worker.observability.tracing import tracing

    begun = tracing()
    return traced(parts, begun), replace(clients, sqs=TracedQueue(clients.sqs, begun))


def _tally(settings: Settings) -> Tally | None:
    if not settings.dashboard:
        return None
    # A web server, which a worker without a page need not load.
    from worker.dashboard.tally import Tally

    return Tally()


def _looked_on(settings: Settings, clients: Clients, parts: Parts, tally: Tally) -> Parts:
    from worker.dashboard.dashboard import Dashboard, Sights
    from worker.dashboard.filling import StateScan
    from worker.dashboard.past_orders import PastOrders
    from worker.suppliers.sending import Outgoing

    sights = Sights(
        scan=StateScan(clients.dynamodb, settings.state_table),
        store=parts.store,
        orders=PastOrders(clients.dynamodb, settings.state_table),
        insights=DynamoInsights(clients.dynamodb, settings.state_table),
        inventory=DynamoInventory(clients.dynamodb, settings.inventory_table, settings.terms, parts.clock),
        rules=parts.ordering.rules,
        clock=parts.clock,
        send=Outgoing(clients.sqs, settings).send if settings.queue_name else None,
    )
    return replace(parts, onlooker=Dashboard(settings, sights, tally))


async def _sources(settings: Settings, clients: Clients, parts: Parts, clock: Clock) -> tuple[Source, ...]:
    sources: list[Source] = []
    if settings.queue_name:
        sources.append(await _queue(settings, clients, parts, clock))
    if settings.stream_table:
        await require_readable_stream(clients.dynamodb, settings.stream_table)
        await _require_leases_table(settings, clients)
        sources.append(
            DynamoStreamSource(clients.streams, clients.dynamodb, parts.parking, clock, parts.metrics, settings)
        )
    return tuple(sources)


async def _queue(settings: Settings, clients: Clients, parts: Parts, clock: Clock) -> Source:
    urls = await queue_urls(clients.sqs, settings)
    if settings.queue_partitions > 1:
        await _require_leases_table(settings, clients)
        table = LeaseTable(clients.dynamodb, settings.leases_table)
        return PartitionedSqsSource(clients.sqs, urls, PartitionLeases(table, settings, clock, parts.metrics), settings)
    return SqsSource(clients.sqs, urls[0], settings.visibility_timeout_s, settings.pollers, settings.messages_in_flight)


async def _require_leases_table(settings: Settings, clients: Clients) -> None:
    with translated(f"DescribeTable {settings.leases_table}"):
        await clients.dynamodb.describe_table(TableName=settings.leases_table)


async def build_parts(
    settings: Settings,
    clients: Clients,
    clock: Clock,
    metrics_stream: TextIO | None = None,
    *,
    keeps_late: bool = True,
    tally: Tally | None = None,
) -> Parts:
    """Everything but the sources: enough to settle and decide what somebody else has received. Metrics go to standard
    output unless metrics_stream takes them. Late sales are kept aside unless they are kept elsewhere anyhow.
    tally: what a page shall hear of the metrics."""
    await _require_resources(settings, clients)
    metrics = _metrics(settings, clock, metrics_stream, tally)
    store = DynamoState(clients.dynamodb, settings.state_table, settings.commit_deadline_s)
    products = Products(store, settings.cached_products, settings.cached_mb * 1_000_000)
    parking = DynamoParking(
        clients.dynamodb, clients.s3, settings.state_table, settings.quarantine_bucket, settings.quarantine_days
    )
    bus = EventBridgeBus(clients.events, settings.event_bus)
    agenda = DynamoAgenda(clients.dynamodb, settings.state_table, clock)
    bodies, watermark = Bodies(clients.s3, settings.payload_bucket), Watermark()
    first_day = _first_day(settings, clock, watermark)
    relay = RelayOutbox(store, bus, metrics)
    record = RecordSales(products, parking if keeps_late else LateStays(parking), clock, metrics, watermark)
    model = SageMakerForecaster(clients.sagemaker, settings.sagemaker_endpoint, clock, form_of(settings))
    book = DynamoAccuracyBook(clients.dynamodb, settings.state_table, settings.commit_deadline_s)
    watch = WatchAccuracy(book, store, model, relay, first_day, clock, metrics, settings.watch_products)
    ordering = await _ordering(settings, clients, products, record, agenda, relay, first_day, clock, metrics)
    reforecast = Reforecast(
        products,
        DynamoInventory(clients.dynamodb, settings.inventory_table, settings.terms, clock),
        UnlessBaselineIsBetter(model, products, lambda: watch.on_baseline, metrics),
        settings.terms,
        first_day,
        watermark,
        clock,
        metrics,
        ordering.rules,
    )
    return Parts(
        sources=(),
        intake=Intake(bodies, record, agenda, parking, clock, metrics, settings.table_fields),
        parking=parking,
        reforecast=reforecast,
        place_reorders=PlaceReorders(products, clock, metrics, ordering.books, ordering.learn_lead_times.note),
        explain=_explain(settings, clients, bus, clock, metrics),
        relay_outbox=relay,
        watch_accuracy=watch,
        store=store,
        agenda=agenda,
        products=products,
        forecasts=DynamoForecasts(clients.dynamodb, settings.forecasts_table),
        forecast_metrics=CloudWatchForecasts(clients.cloudwatch, settings.metrics_products),
        ordering=ordering,
        metrics=metrics,
        clock=clock,
    )


def _explain(
    settings: Settings, clients: Clients, bus: EventBus, clock: Clock, metrics: EmbeddedMetrics
) -> Explain | None:
    if not settings.bedrock_model:
        return None
    return Explain(
        BedrockExplainer(clients.bedrock, settings.bedrock_model, guardrail=settings.guardrail),
        bus,
        Budget(
            settings.insights_per_hour,
            settings.insight_tokens_per_hour,
            DynamoInsightLedger(clients.dynamodb, settings.state_table),
        ),
        clock,
        metrics,
        DynamoInsights(clients.dynamodb, settings.state_table),
        model_price(settings.bedrock_model).dollars,
    )


def _metrics(settings: Settings, clock: Clock, stream: TextIO | None, tally: Tally | None) -> EmbeddedMetrics:
    metrics = EmbeddedMetrics(clock.now, stream)
    if settings.prometheus:
        from worker.observability.exposed import ExposedMetrics

        metrics = ExposedMetrics(clock.now, stream)
    if tally is None:
        return metrics
    from worker.dashboard.tally import OverheardMetrics

    return OverheardMetrics(metrics, tally)


async def _ordering(
    settings: Settings,
    clients: Clients,
    products: Products,
    record: RecordSales,
    agenda: DynamoAgenda,
    relay: RelayOutbox,
    first_day: Callable[[], int],
    clock: Clock,
    metrics: EmbeddedMetrics,
) -> Ordering:
    """The rules are read once before anything is decided. Misconfigured or TransientFailure if they cannot be had: no
    worker decides by other rules than those it was told to go by."""
    current = CurrentRules()
    reload_rules = None
    if settings.rules:
        source = rules_source(settings.rules, clients)
        current.rules = await source.read()
        reload_rules = ReloadRules(source, current, metrics)
    books = OrderBooks(
        DynamoReminders(clients.dynamodb, settings.state_table),
        DynamoPurchases(clients.dynamodb, settings.state_table, clock, settings.commit_deadline_s),
        DynamoLeadTimes(clients.dynamodb, settings.state_table, clock),
    )
    return Ordering(
        rules=current,
        books=books,
        look_again=LookAgain(products, books.reminders, first_day),
        release_purchases=ReleasePurchases(
            books.purchases, current, record, agenda, relay, first_day, metrics, clock.now
        ),
        learn_lead_times=LearnLeadTimes(books.lead_times, current, settings.terms, metrics),
        reload_rules=reload_rules,
    )


async def _require_resources(settings: Settings, clients: Clients) -> None:
    for table in (settings.state_table, settings.inventory_table, settings.forecasts_table):
        with translated(f"DescribeTable {table}"):
            await clients.dynamodb.describe_table(TableName=table)
    # PutEvents to a bus that does not exist reports success.
    with translated(f"DescribeEventBus {settings.event_bus}"):
        await clients.events.describe_event_bus(Name=settings.event_bus)


def _first_day(settings: Settings, clock: Clock, watermark: Watermark) -> Callable[[], int]:
    """The first day not seen: today, or in a replay of old sales the newest day sold."""
    if settings.calendar == "event":
        return lambda: watermark.day
    return lambda: clock.now() // MS_PER_DAY
