"""What does a seed stand for?

Every seed draws its own mix of load, sizes, settings and faults: a fault that is on everywhere hides what another
one shows."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from simulation.network import Weather
from worker.settings import Settings

NEVER = float("inf")
CALM_SHARE = 0.1


class Accident(NamedTuple):
    """The one thing that goes wrong at a given place: "kill" or "stop" the first worker before a step of its, or a fate
    (simulation/network.py) for a call."""

    kind: str
    at: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """minutes of load; messages sent in it. Means are in seconds of virtual time, or in steps of a process."""

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
    accident: Accident | None = None

    @property
    def load_s(self) -> float:
        return self.minutes * 60


def swarm(seed: int) -> Scenario:
    """The scenario of a seed."""
    chance = Random(f"restock scenario {seed}")
    pick = chance.choice
    minutes = pick((3.0, 8.0, 20.0))
    load_s = minutes * 60
    return Scenario(
        seed=str(seed),
        minutes=minutes,
        messages=pick((25, 60, 120)),
        products=pick((1, 2, 6, 20)),
        workers=pick((1, 2, 3)),
        burst=pick((0, 0, 60)),
        settings=settings_of(chance),
        weather=_weather(chance, load_s),
        kill_every_s=pick((NEVER, 120.0, 30.0)),
        killed_after_steps=pick((NEVER, 3_000.0, 400.0)),
        freeze_every_s=pick((NEVER, NEVER, 90.0)),
        deploy_every_s=pick((NEVER, 200.0, 60.0)),
        overlap=pick((True, False)),
        skew_max_s=pick((0.0, 2.0, 120.0)),
        leaps=_leaps(chance, load_s) if chance.random() < 0.25 else (),
        duplicates=pick((0.0, 0.1, 0.4)),
        receives_max=pick((1_000, 6)),
    )


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


def _weather(chance: Random, load_s: float) -> Weather:
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


def _leaps(chance: Random, load_s: float) -> tuple[tuple[float, int], ...]:
    """Moments at which some days go by in which nothing happens: ids grow old and are forgotten."""
    return tuple((load_s * k / 12, chance.choice((1, 9, 16))) for k in range(1, 12))
