"""What does a seed draw: which settings, which weather, which events?

The order of the draws is part of what a seed means: whatever is added is drawn last, or from a source of its own."""

from __future__ import annotations

from random import Random
from typing import Any

from simulation.network import Weather
from worker.settings import Settings

CALM_SHARE = 0.1
SALES_TABLE = "retail-sales-history"
SHARD_EVENTS = ("split", "roll", "merge", "split", "roll", "merge", "renew")


def settings_of(chance: Random) -> Settings:
    """Settings that make the interesting moments frequent; they pass the production validators."""
    pick = chance.choice
    pollers = pick((1, 2, 3))
    commit_deadline_s, drain_timeout_s, visibilities_s = pick(((2.0, 5.0, (10, 30)), (4.0, 24.0, (30, 120))))
    return Settings(
        queue_name=pick(("sales", "sales.fifo")),
        pollers=pollers,
        long_poll_s=pick((1, 3, 20)) if drain_timeout_s > 20 else pick((1, 3)),
        messages_in_flight=10 * pollers + pick((0, 10, 60)),
        batch_sales=pick((1, 8, 200)),
        batch_linger_s=pick((0.0, 0.05, 0.5)),
        decide_products=pick((1, 4, 500)),
        decide_interval_s=pick((0.05, 0.5, 5.0)),
        cached_products=pick((1, 4, 1_000)),
        sweep_interval_s=pick((2.0, 10.0)),
        sweep_age_s=pick((1.0, 15.0)),
        visibility_timeout_s=pick(visibilities_s),
        commit_deadline_s=commit_deadline_s,
        drain_timeout_s=drain_timeout_s,
        bedrock_model=pick(("", "simulated")),
        lead_time_days=pick((1, 7)),
        order_cycle_days=pick((1, 14)),
        pack_size=pick((1, 6)),
    )


def weather_of(chance: Random, load_s: float) -> Weather:
    if chance.random() < CALM_SHARE:
        return Weather()
    pick = chance.choice
    weather = Weather(
        throttled=pick((0.0, 0.02, 0.2)),
        lost_request=pick((0.0, 0.01, 0.08)),
        lost_answer=pick((0.0, 0.01, 0.08)),
        broken=pick((0.0, 0.02, 0.1)),
        failed=pick((0.0, 0.02, 0.1)),
        slow=pick((0.0, 0.01, 0.1)),
        partial=pick((0.0, 0.03, 0.3)),
        delivered_twice=pick((0.0, 0.03, 0.3)),
        undeleted=pick((0.0, 0.005, 0.1)),
        model_failed=pick((0.0, 0.1, 0.9)),
    )
    if chance.random() < 0.3:
        start = chance.uniform(0, load_s)
        weather.storms.append((start, start + pick((5.0, 60.0))))
    for service in ("dynamodb", "sqs", "events", "sagemaker-runtime", "bedrock-runtime"):
        if chance.random() < 0.15:
            start = chance.uniform(0, load_s)
            weather.away.append((service, start, start + pick((3.0, 30.0, 120.0))))
    return weather


def leaps_of(chance: Random, load_s: float) -> tuple[tuple[float, int], ...]:
    """Moments at which some days go by in which nothing happens: ids grow old and are forgotten."""
    return tuple((load_s * k / 12, chance.choice((1, 9, 16))) for k in range(1, 12))


def lapses_of(chance: Random, load_s: float) -> tuple[tuple[float, int], ...]:
    """Moments at which some hours go by: iterators expire, and what nobody reads for a day of them is gone."""
    count = chance.choice((0, 0, 10, 40))
    return tuple((load_s * k / count, chance.choice((1, 1, 5))) for k in range(1, count))


def settings_with(settings: Settings, **more: Any) -> Settings:
    """The settings with some others, which pass the production validators too."""
    return Settings(**{**settings.model_dump(), **more})


def disturb_streams(weather: Weather, chance: Random, leases_table: str, load_s: float) -> None:
    """The streams may be away, and the table of leases throttled for minutes; not in calm weather."""
    if weather.calm:
        return
    if chance.random() < 0.2:
        start = chance.uniform(0, load_s)
        weather.away.append(("dynamodbstreams", start, start + chance.choice((3.0, 30.0, 120.0))))
    disturb_leases(weather, chance, leases_table, load_s)


def disturb_leases(weather: Weather, chance: Random, leases_table: str, load_s: float) -> None:
    """The table of leases may be throttled for minutes; not in calm weather."""
    if not weather.calm and chance.random() < 0.3:
        start = chance.uniform(0, load_s)
        weather.table_storms.append((leases_table, start, start + chance.choice((30.0, 180.0))))


def shard_events_of(chance: Random, load_s: float) -> tuple[tuple[float, str], ...]:
    """When what happens to the shards of a stream."""
    return tuple(
        sorted((chance.uniform(0, load_s), chance.choice(SHARD_EVENTS)) for _ in range(chance.choice((0, 2, 6, 12))))
    )


def with_stream(settings: Settings, chance: Random) -> Settings:
    """The same with a stream that is read, in a hurry."""
    pick = chance.choice
    readers = pick((1, 2, 3))
    return settings_with(
        settings,
        stream_table=SALES_TABLE,
        shard_readers=readers,
        shard_idle_s=pick((0.1, 0.5, 1.0)),
        lease_s=pick((3.0, 5.0, 10.0)),
        discover_interval_s=pick((1.0, 3.0, 10.0)),
        checkpoint_interval_s=pick((0.1, 0.3, 1.0)),
        records_in_flight=pick((1_000 * readers, 5_000)),
    )


def with_partitions(settings: Settings, chance: Random) -> Settings:
    """The same with a queue in partitions, whose leases run out soon."""
    partitions = chance.choice((2, 3, 8))
    lease_s = settings.lease_s if settings.stream_table else chance.choice((3.0, 5.0, 10.0))
    return settings_with(
        settings,
        queue_partitions=partitions,
        messages_in_flight=settings.messages_in_flight + 10 * (partitions - 1),
        lease_s=lease_s,
        checkpoint_interval_s=min(settings.checkpoint_interval_s, lease_s / 3),
    )
