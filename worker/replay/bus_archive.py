"""How does EventBridge send again what it has archived?

StartReplay, to those rules alone that lead to the queues of sales: what others lead to are orders for suppliers and
words for planners, and those of the past are nobody's business now. A replay has one name for one archive and time:
who asks again follows the one that runs. EventBridge sends each event under the id it had, in any order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from handlers.errors import Misconfigured
from handlers.ports import Clock
from worker.aws.clients import Clients, error_code, translated
from worker.aws.dead_letters import attributes_of
from worker.replay.progress import Progress
from worker.retry import retrying
from worker.settings import Settings

ASKED_EVERY_S = 2.0
RUNNING = ("STARTING", "RUNNING", "CANCELLING")


@dataclass(frozen=True, slots=True)
class BusReplay:
    """What is asked of EventBridge. The times are in ms, until is not included; rules are ARNs."""

    name: str
    archive: str
    archive_arn: str
    bus_arn: str
    rules: tuple[str, ...]
    since: int
    until: int


async def planned(
    settings: Settings, clients: Clients, archive: str | None, since: int, until: int, again: str = ""
) -> BusReplay:
    """Misconfigured without an archive of the bus, without a choice among several, or without a rule that leads to the
    queues of sales."""
    with translated(f"DescribeEventBus {settings.event_bus}"):
        bus_arn = (await clients.events.describe_event_bus(Name=settings.event_bus))["Arn"]
    found = await _archives(clients.events, bus_arn)
    chosen = archive or (found[0] if len(found) == 1 else None)
    if chosen is None:
        there = f"has several: {', '.join(found)}; name one with --archive" if found else "has none; see --s3"
        raise Misconfigured(f"event bus {settings.event_bus} and its archives: it {there}")
    with translated(f"DescribeArchive {chosen}"):
        archive_arn = (await clients.events.describe_archive(ArchiveName=chosen))["ArchiveArn"]
    rules = await _rules_to_sales(settings, clients)
    if not rules:
        raise Misconfigured(f"no rule of event bus {settings.event_bus} leads to {', '.join(settings.queue_names)}")
    digest = sha256(f"{archive_arn} {since} {until} {again}".encode()).hexdigest()[:16]
    return BusReplay(f"restock-{digest}", chosen, archive_arn, bus_arn, tuple(rules), since, until)


async def _archives(events: Any, bus_arn: str) -> list[str]:
    names: list[str] = []
    request = {"EventSourceArn": bus_arn}
    while True:
        with translated("ListArchives"):
            answer = await events.list_archives(**request)
        names += [archive["ArchiveName"] for archive in answer.get("Archives", ())]
        if not answer.get("NextToken"):
            return sorted(names)
        request["NextToken"] = answer["NextToken"]


async def _rules_to_sales(settings: Settings, clients: Clients) -> list[str]:
    queues = set()
    for name in settings.queue_names:
        with translated(f"GetQueueUrl {name}"):
            url = (await clients.sqs.get_queue_url(QueueName=name))["QueueUrl"]
        queues.add((await attributes_of(clients.sqs, url, "QueueArn"))["QueueArn"])
    return [rule["Arn"] for rule in await rules_of(clients.events, settings.event_bus) if queues & set(rule["Targets"])]


async def rules_of(events: Any, bus: str) -> list[dict[str, Any]]:
    """The rules of a bus, each with the ARNs of its targets beside what EventBridge says of it."""
    rules: list[dict[str, Any]] = []
    request = {"EventBusName": bus}
    while True:
        with translated("ListRules"):
            answer = await events.list_rules(**request)
        rules += answer.get("Rules", ())
        if not answer.get("NextToken"):
            break
        request["NextToken"] = answer["NextToken"]
    for rule in rules:
        with translated(f"ListTargetsByRule {rule['Name']}"):
            said = await events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)
        rule["Targets"] = [target["Arn"] for target in said.get("Targets", ())]
    return rules


async def replay_bus(plan: BusReplay, events: Any, clock: Clock, stop: asyncio.Event, progress: Progress) -> str:
    """Starts the replay, or follows the one that was started, until it ends; returns EventBridge's last word for it. If
    stop is set it goes on at EventBridge, and the same command follows it again."""
    await _start(plan, events)
    while True:
        said = await retrying(lambda: _described(plan, events))
        state = str(said["State"])
        reached = said.get("EventLastReplayedTime")
        if reached is not None:
            progress.reach(round(_ms(reached) - plan.since) // 1000, f"{state.lower()}, at {reached:%Y-%m-%d %H:%M}")
        if state not in RUNNING:
            if state != "COMPLETED":
                raise Misconfigured(
                    f"replay {plan.name} ended as {state}: {said.get('StateReason', 'no reason given')}"
                )
            return state
        if stop.is_set():
            return state
        await clock.sleep(ASKED_EVERY_S)


async def _start(plan: BusReplay, events: Any) -> None:
    try:
        await events.start_replay(
            ReplayName=plan.name,
            Description="restock replay archive",
            EventSourceArn=plan.archive_arn,
            EventStartTime=_moment(plan.since),
            EventEndTime=_moment(plan.until),
            Destination={"Arn": plan.bus_arn, "FilterArns": list(plan.rules)},
        )
    except ClientError as exc:
        if error_code(exc) != "ResourceAlreadyExistsException":
            with translated("StartReplay"):
                raise


async def _described(plan: BusReplay, events: Any) -> Any:
    with translated(f"DescribeReplay {plan.name}"):
        return await events.describe_replay(ReplayName=plan.name)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _ms(moment: datetime) -> float:
    return moment.timestamp() * 1000
