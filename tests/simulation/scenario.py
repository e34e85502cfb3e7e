"""What does a seed stand for?

Every seed draws its own mix of load, sizes, settings and faults: a fault that is on everywhere hides what another
one shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from simulation.draws import (
    SALES_TABLE,
    disturb_leases,
    disturb_streams,
    lapses_of,
    leaps_of,
    settings_of,
    settings_with,
    shard_events_of,
    weather_of,
    with_partitions,
    with_stream,
)
from simulation.network import Weather
from worker.settings import Settings

NEVER = float("inf")
STREAMED_SHARE = 0.4
PARTED_SHARE = 0.3


class Accident(NamedTuple):
    """The one thing that goes wrong at a given place: "kill" or "stop" the first worker before a step of its, or a fate
    (simulation/network.py) for a call. streamed: in the small scenario with a stream."""

    kind: str
    at: int
    streamed: bool = False

    def __str__(self) -> str:
        """As the command line takes it."""
        return f"{self.kind}:{self.at}{':stream' if self.streamed else ''}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """minutes of load; messages sent in it. Means are in seconds of virtual time, or in steps of a process. shards: how
    many a stream of the sales table begins with, 0 if there is no such table; shard_events: when (s) happens what to
    them. leaps and lapses: when (s) so many days, or hours, go by at once."""

    seed: str
    minutes: float
    messages: int
    products: int
    workers: int
    burst: int
    settings: Settings
    weather: Weather
    kill_every_s: float = NEVER
    killed_after_steps: float = NEVER
    freeze_every_s: float = NEVER
    deploy_every_s: float = NEVER
    overlap: bool = False
    skew_max_s: float = 0.0
    leaps: tuple[tuple[float, int], ...] = ()
    duplicates: float = 0.1
    poison: float = 0.02
    receives_max: int = 1_000
    supplied_within_s: float = 120.0
    shards: int = 0
    shard_events: tuple[tuple[float, str], ...] = ()
    lapses: tuple[tuple[float, int], ...] = ()
    accident: Accident | None = None

    @property
    def load_s(self) -> float:
        return self.minutes * 60

    @property
    def streamed(self) -> bool:
        return self.shards > 0


def swarm(seed: int) -> Scenario:
    """The scenario of a seed."""
    chance = Random(f"restock scenario {seed}")
    pick = chance.choice
    minutes = pick((3.0, 8.0, 20.0))
    load_s = minutes * 60
    scenario = Scenario(
        seed=str(seed),
        minutes=minutes,
        messages=pick((25, 60, 120)),
        products=pick((1, 2, 6, 20)),
        workers=pick((1, 2, 3)),
        burst=pick((0, 0, 60)),
        settings=settings_of(chance),
        weather=weather_of(chance, load_s),
        kill_every_s=pick((NEVER, 120.0, 30.0)),
        killed_after_steps=pick((NEVER, 3_000.0, 400.0)),
        freeze_every_s=pick((NEVER, NEVER, 90.0)),
        deploy_every_s=pick((NEVER, 200.0, 60.0)),
        overlap=pick((True, False)),
        skew_max_s=pick((0.0, 2.0, 120.0)),
        leaps=leaps_of(chance, load_s) if chance.random() < 0.25 else (),
        duplicates=pick((0.0, 0.1, 0.4)),
        receives_max=pick((1_000, 6)),
    )
    # Drawn from a source of its own: a seed without a stream is what it was before there were any.
    chance = Random(f"restock stream {seed}")
    if chance.random() < STREAMED_SHARE:
        scenario = _with_stream(scenario, chance)
    chance = Random(f"restock partitions {seed}")
    return _parted(scenario, chance) if chance.random() < PARTED_SHARE else scenario


def _with_stream(scenario: Scenario, chance: Random) -> Scenario:
    """The same, with most sales by a table's stream."""
    disturb_streams(scenario.weather, chance, scenario.settings.leases_table, scenario.load_s)
    events = shard_events_of(chance, scenario.load_s)
    settings = with_stream(scenario.settings, chance)
    shards = chance.choice((1, 2, 4))
    lapses = () if scenario.leaps else lapses_of(chance, scenario.load_s)
    return replace(scenario, settings=settings, shards=shards, shard_events=events, lapses=lapses)


def _parted(scenario: Scenario, chance: Random) -> Scenario:
    """The same, with a queue in partitions."""
    disturb_leases(scenario.weather, chance, scenario.settings.leases_table, scenario.load_s)
    return replace(scenario, settings=with_partitions(scenario.settings, chance))


def small(accident: Accident | None = None) -> Scenario:
    """A few sales of two products in calm weather, with everything that a worker does in it: an order, its delivery, a
    duplicate, a line that is no event, an insight."""
    settings = Settings(
        queue_name="sales",
        pollers=1,
        long_poll_s=3,
        messages_in_flight=10,
        batch_sales=8,
        batch_linger_s=0.05,
        decide_interval_s=0.05,
        sweep_interval_s=4.0,
        sweep_age_s=1.0,
        visibility_timeout_s=10,
        commit_deadline_s=2.0,
        drain_timeout_s=5.0,
        bedrock_model="simulated",
        order_cycle_days=1,
    )
    return Scenario(
        seed="small",
        minutes=0.25,
        messages=6,
        products=2,
        workers=1,
        burst=4,
        settings=settings,
        weather=Weather(),
        duplicates=0.4,
        poison=0.1,
        supplied_within_s=5.0,
        accident=accident,
    )


def small_stream(accident: Accident | None = None) -> Scenario:
    """A few sales by a table's stream, of which a shard becomes two, and one again: some come both ways, one is mended,
    one reversed, one forgotten by time, and one item is no sale."""
    by_queue = small(accident)
    settings = settings_with(
        by_queue.settings,
        stream_table=SALES_TABLE,
        shard_readers=1,
        shard_idle_s=0.5,
        lease_s=3.0,
        discover_interval_s=2.0,
        checkpoint_interval_s=0.5,
    )
    events = ((4.0, "split"), (9.0, "merge"))
    return replace(
        by_queue,
        seed="small stream 380",  # the shortest of many in which all of this happens
        messages=4,
        burst=3,
        duplicates=0.0,
        settings=settings,
        shards=1,
        shard_events=events,
    )


def with_accident(accident: Accident) -> Scenario:
    """The small scenario that it happens in."""
    return small_stream(accident) if accident.streamed else small(accident)
