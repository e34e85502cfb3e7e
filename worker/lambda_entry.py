"""How does the worker run where nothing runs long, as an AWS Lambda function?

The handler is `worker.lambda_entry.handler`, for an SQS queue, a DynamoDB stream or an EventBridge Pipe. One invocation
is one micro-batch on the same path as in the long-running worker: settle, then, for some seconds at most, decide what
became dirty and relay the outbox. What could not be settled is named in the partial batch response (the event source
mapping must say ReportBatchItemFailures) and comes again; what could not be decided in time stays dirty, and a later
invocation sweeps it up. Connections and the cache of products live as long as the execution environment."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog

from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import Endpoints, open_clients
from worker.clock import SystemClock
from worker.deciding import Deciding
from worker.intake import Batch
from worker.parts import Parts
from worker.process import read_settings
from worker.runner import FORECAST_METRICS_EVERY_S
from worker.settings import Settings
from worker.sources.source import Message
from worker.sweeping import Sweeping
from worker.telemetry import configure_logging
from worker.wiring import build_parts

log = structlog.get_logger()

SPARE_S = 3.0  # to answer in: an invocation that runs out of time is repeated as a whole
FOLLOW_UP_S = 10.0  # the shard or the group waits for the answer, and shall not wait for a slow model
RULES_S = 2.0  # of that, for rules to explain in the place of a model that does not answer

_environment: Environment | None = None


def handler(event: Any, context: Any) -> dict[str, list[dict[str, str]]]:
    """Lambda's entry point. Raises ValueError for an event that is no batch of SQS or DynamoDB Streams and for a
    function without time to work in, Misconfigured if a resource is missing; the whole batch then comes again."""
    global _environment
    if _environment is None:
        configure_logging()
        _environment = Environment(read_settings())
    return _environment.invoke(event, context.get_remaining_time_in_millis() / 1000)


class Environment:
    """One execution environment: an event loop, connections, and what the worker consists of but its sources."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()
        self._at_work: _AtWork | None = None

    def invoke(self, event: Any, remaining_s: float) -> dict[str, list[dict[str, str]]]:
        """The partial batch response to one event."""
        batch = messages_of(event)
        if remaining_s <= SPARE_S:
            raise ValueError(
                f"{remaining_s:.1f} s are left of this invocation: give the function a timeout of a minute"
            )
        unsettled = self._runner.run(self._invoked([message for _, message in batch], remaining_s - SPARE_S))
        again = {message.receipt for message in unsettled}
        return {"batchItemFailures": [{"itemIdentifier": name} for name, m in batch if m.receipt in again]}

    async def _invoked(self, messages: Sequence[Message], time_s: float) -> Sequence[Message]:
        ends_at = asyncio.get_running_loop().time() + time_s
        if self._at_work is None:
            async with asyncio.timeout_at(ends_at):
                self._at_work = await self._connected()
        return await self._at_work.take(messages, ends_at)

    async def _connected(self) -> _AtWork:
        endpoints = Endpoints(self._settings.endpoint_url, self._settings.runtime_endpoint_url)
        async with AsyncExitStack() as opening:
            opened = open_clients(self._settings.region, endpoints, lane=self._settings.fast_client)
            clients = await opening.enter_async_context(opened)
            parts = await build_parts(self._settings, clients, SystemClock())
            self._open.push_async_callback(opening.pop_all().aclose)
        return _AtWork(parts, self._settings)

    def close(self) -> None:
        """Ends its connections and its loop; Lambda itself just stops."""
        self._runner.run(self._open.aclose())
        self._runner.close()


class _AtWork:
    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._deciding = Deciding(parts, settings)
        self._sweeping = Sweeping(parts, settings, self._deciding)
        self._sweep_interval_s = settings.sweep_interval_s
        self._swept_at = self._metrics_at = -math.inf

    async def take(self, messages: Sequence[Message], ends_at: float) -> Sequence[Message]:
        """Settles messages and decides what follows, by ends_at; returns those that are not settled."""
        unsettled: Sequence[Message] = messages
        try:
            async with asyncio.timeout_at(ends_at):
                unsettled = await self._settle(messages)
            follow_up_ends_at = min(ends_at, asyncio.get_running_loop().time() + FOLLOW_UP_S)
            async with asyncio.timeout_at(follow_up_ends_at):
                await self._follow_up(follow_up_ends_at - RULES_S)
        except TimeoutError:
            # Settled or not, what is durable stays so: the ledger and the sweeps finish it.
            log.warning("invocation.out_of_time", messages=len(messages), unsettled=len(unsettled))
            await _end_what_was_begun()
        self._parts.metrics.flush()
        return unsettled

    async def _settle(self, messages: Sequence[Message]) -> Sequence[Message]:
        batch = Batch()
        for message in messages:
            await self._parts.intake.add(batch, message)
        try:
            settled = await self._parts.intake.settle(batch)
        except (TransientFailure, Misconfigured) as exc:
            log.error("batch.not_settled", messages=len(messages), reason=str(exc))
            return messages
        self._deciding.add(settled.dirty)
        return settled.handed_back

    async def _follow_up(self, words_end_at: float) -> None:
        """What the long-running worker does on clocks of its own; no model of words is waited for beyond that."""
        for step in (self._sweep, self._deciding.decide_all, self._forecast_metrics):
            try:
                await step()
            except (TransientFailure, Misconfigured) as exc:
                log.warning("background.failed", step=step.__name__, reason=str(exc))
        if self._parts.explain is not None:
            self._parts.explain.give_up_at(words_end_at)
            await self._parts.explain.prepare()
        await self._deciding.explain_waiting()

    async def _sweep(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._swept_at >= self._sweep_interval_s:
            self._swept_at = now_s
            await self._sweeping.outbox()
            await self._sweeping.dirty()
            if self._parts.ordering.reload_rules is not None:
                await self._parts.ordering.reload_rules()
            await self._sweeping.orders()

    async def _forecast_metrics(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._metrics_at >= FORECAST_METRICS_EVERY_S:
            self._metrics_at = now_s
            await self._deciding.publish_forecast_metrics()


async def _end_what_was_begun() -> None:
    """Ends the shielded rest of what ran out of time: in a frozen environment it would wake up on dead connections.
    What it had sent may take effect all the same, and the version of each product says so."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def messages_of(event: Any) -> list[tuple[str, Message]]:
    """The messages of an event, each with the name that Lambda knows it by. A Pipe sends the list of records alone."""
    records = event.get("Records") if isinstance(event, Mapping) else event
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        raise ValueError("no batch of records: this function is for SQS queues, DynamoDB streams and EventBridge Pipes")
    return [_message(index, record, by_pipe=records is event) for index, record in enumerate(records)]


def _message(index: int, record: Mapping[str, Any], *, by_pipe: bool) -> tuple[str, Message]:
    told = partial(Message, receipt=str(index))
    match record.get("eventSource"):
        case "aws:sqs":
            return record["messageId"], told(record["messageId"], body=record["body"])
        case "aws:dynamodb":
            body = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            # Of a stream's record Lambda wants the sequence number again, a Pipe the event id.
            name = record["eventID"] if by_pipe else record["dynamodb"]["SequenceNumber"]
            return name, told(record["eventID"], body=body)
    raise ValueError(f"records of {record.get('eventSource')!r} are not read")
