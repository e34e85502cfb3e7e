"""What may happen to a call between a worker and a service?

Latency, a lost request, a lost answer, a broken connection, a throttle, an error before or after the effect, a
service that is away. A request that was sent takes effect on the server's own time, even when its sender is killed
meanwhile; whether it did, a lost answer does not tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulation.loop import PROCESS, SimulatedLoop

Said = dict[str, Any]

# How long the production clients wait for an answer (worker/aws/clients.py).
READ_TIMEOUT_S = {
    "sqs": 30.0,
    "dynamodb": 10.0,
    "dynamodbstreams": 10.0,
    "events": 10.0,
    "cloudwatch": 10.0,
    "s3": 30.0,
    "sagemaker-runtime": 65.0,
    "bedrock-runtime": 120.0,
}
THROTTLED = {
    "sqs": ("RequestThrottled", 403),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "dynamodbstreams": ("LimitExceededException", 400),
    "events": ("ThrottlingException", 400),
    "cloudwatch": ("Throttling", 400),
    "s3": ("SlowDown", 503),
    "sagemaker-runtime": ("ThrottlingException", 400),
    "bedrock-runtime": ("ThrottlingException", 429),
}

STORM_THROTTLES = 0.8  # of all calls while a storm lasts


class ServiceError(Exception):
    """The service answers with an error; members stand beside its code and message."""

    def __init__(self, code: str, message: str = "", status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message or code
        self.status = status
        self.members = members


class NoAnswer(Exception):
    """The read timeout has passed."""


class ConnectionBroken(Exception):
    """The connection was closed before an answer came."""


@dataclass(slots=True)
class Weather:
    """Probabilities of what may happen to one call; the partial ones are drawn by the services. away: (service, from,
    to) in seconds; table_storms: (table, from, to), when one table has no capacity left."""

    throttled: float = 0.0
    lost_request: float = 0.0
    lost_answer: float = 0.0
    broken: float = 0.0
    failed: float = 0.0
    slow: float = 0.0
    partial: float = 0.0
    delivered_twice: float = 0.0
    undeleted: float = 0.0
    model_failed: float = 0.0
    storms: list[tuple[float, float]] = field(default_factory=list)
    away: list[tuple[str, float, float]] = field(default_factory=list)
    table_storms: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def calm(self) -> bool:
        """Whether nothing can go wrong."""
        return not any(getattr(self, name) for name in self.__slots__)

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        for name in self.__slots__:
            setattr(self, name, [] if isinstance(getattr(self, name), list) else 0.0)


class Network:
    """Carries calls to services. planned, if it has an entry for the number of a call, decides its fate."""

    def __init__(self, loop: SimulatedLoop, weather: Weather, chance: Random) -> None:
        self.loop = loop
        self.weather = weather
        self.chance = chance
        self.services: dict[str, Any] = {}
        self.planned: dict[int, str] = {}
        self.calls = 0
        self.fates: Counter[str] = Counter()
        self._fates_of: Counter[tuple[str, str, str]] = Counter()
        self._server = Context()

    async def call(self, service: str, operation: str, said: Said) -> Said:
        """The service's answer; ServiceError, NoAnswer or ConnectionBroken."""
        loop = self.loop
        fate = self._fate(service)
        self._fates_of[operation, said.get("TableName", ""), fate] += 1
        process = PROCESS.get()
        caller = process.name if process is not None else ""
        loop.note(f"{caller} {service} {operation} {fate}")
        answered: asyncio.Future[Said] = loop.create_future()
        there, back = self._latency(fate), self._latency(fate)
        loop.call_later(
            there, self._arrive, fate, service, operation, said, caller, back, answered, context=self._server
        )
        timeout = loop.call_later(
            READ_TIMEOUT_S[service], _settle, answered, None, NoAnswer(operation), context=self._server
        )
        try:
            return await answered
        finally:
            timeout.cancel()

    def befell(self, table: str) -> dict[str, int]:
        """How often each fate befell each operation, of those that name a table on this one only."""
        return {f"{call} {fate}": n for (call, name, fate), n in self._fates_of.items() if name in ("", table)}

    def _fate(self, service: str) -> str:
        self.calls += 1
        fate = self.planned.get(self.calls) or self._drawn(service)
        self.fates[fate] += 1
        return fate

    def _drawn(self, service: str) -> str:
        weather, now = self.weather, self.loop.time()
        if any(name == service and start <= now < end for name, start, end in weather.away):
            return self.chance.choice(("broken_before", "failed_before", "lost_request"))
        if any(start <= now < end for start, end in weather.storms) and self.chance.random() < STORM_THROTTLES:
            return "throttled"
        draw = self.chance.random()
        for fate, likely in (
            ("throttled", weather.throttled),
            ("lost_request", weather.lost_request),
            ("lost_answer", weather.lost_answer),
            ("broken_before", weather.broken / 2),
            ("broken_after", weather.broken / 2),
            ("failed_before", weather.failed / 2),
            ("failed_after", weather.failed / 2),
            ("slow", weather.slow),
        ):
            draw -= likely
            if draw < 0:
                return fate
        return "carried"

    def _latency(self, fate: str) -> float:
        usual = 0.0005 + self.chance.expovariate(400)
        return usual + self.chance.uniform(0.2, 14) if fate == "slow" else usual

    def _arrive(
        self,
        fate: str,
        service: str,
        operation: str,
        said: Said,
        caller: str,
        back: float,
        answered: asyncio.Future[Said],
    ) -> None:
        """Runs at the server, in no process: killing the caller does not undo it."""

        def reply(answer: Said | None, error: Exception | None) -> None:
            if fate == "broken_after":
                answer, error = None, ConnectionBroken(operation)
            elif fate == "failed_after":
                answer, error = None, ServiceError("InternalServerError", status=500)
            if fate != "lost_answer":
                self.loop.call_later(back, _settle, answered, answer, error, context=self._server)

        refusal = self._refusal(fate, service, operation)
        if fate == "lost_request":
            return
        if refusal is not None:
            reply(None, refusal)
            return
        try:
            answer = getattr(self.services[service], operation)(said, caller)
        except ServiceError as exc:
            reply(None, exc)
            return
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(lambda done: _pass_on(done, reply), context=self._server)
        else:
            reply(answer, None)

    def _refusal(self, fate: str, service: str, operation: str) -> Exception | None:
        if fate == "throttled":
            code, status = THROTTLED[service]
            return ServiceError(code, status=status)
        if fate == "failed_before":
            return ServiceError("InternalServerError", status=500)
        return ConnectionBroken(operation) if fate == "broken_before" else None


def _pass_on(done: asyncio.Future[Said], reply: Callable[[Said | None, Exception | None], None]) -> None:
    error = done.exception()
    if error is None:
        reply(done.result(), None)
    elif isinstance(error, ServiceError):
        reply(None, error)
    else:
        raise error


def _settle(answered: asyncio.Future[Said], answer: Said | None, error: Exception | None) -> None:
    if answered.done():
        return
    if error is not None:
        answered.set_exception(error)
    else:
        answered.set_result(answer if answer is not None else {})
