"""Is the bus there, does anybody hear of our orders, and is anything archived that could be replayed?"""

from __future__ import annotations

import json
from typing import Any

from handlers.announcements import REORDER_REQUIRED
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import translated
from worker.aws.eventbridge import SOURCE
from worker.doctor.checkup import Checkup
from worker.replay.bus_archive import rules_of


async def check_bus(checkup: Checkup) -> None:
    events, bus = checkup.clients.events, checkup.settings.event_bus
    what = f"event bus {bus}"
    fix = "create it, or set RESTOCK_EVENT_BUS: PutEvents to an unknown bus reports success"
    said = await checkup.ask(what, "events:DescribeEventBus", fix, events.describe_event_bus(Name=bus))
    if said is None:
        return
    checkup.well(what, "is there")
    checkup.untried(what, "events:PutEvents: it would publish")
    await _rules(checkup)
    call = events.list_archives(EventSourceArn=said["Arn"])
    archives = await checkup.ask(f"archive of {bus}", "events:ListArchives", "look yourself", call, needed=False)
    if archives is not None and not archives.get("Archives"):
        checkup.doubtful(
            f"archive of {bus}",
            "there is none: what comes by the bus cannot be replayed",
            "create an archive, or keep the events in S3 by Firehose (restock replay archive --s3)",
        )


async def _rules(checkup: Checkup) -> None:
    bus = checkup.settings.event_bus
    what = f"rules of {bus}"
    try:
        with translated("events:ListRules"):
            rules = await rules_of(checkup.clients.events, bus)
    except (Misconfigured, TransientFailure) as exc:
        checkup.doubtful(what, str(exc), "allow events:ListRules and events:ListTargetsByRule, or look yourself")
        return
    ours = [rule for rule in rules if hears_of_us(rule)]
    deaf = [rule["Name"] for rule in ours if not rule["Targets"] or rule.get("State") == "DISABLED"]
    if len(ours) == len(deaf):
        checkup.doubtful(
            what,
            f"no rule with a target matches {REORDER_REQUIRED} of {SOURCE}: nobody hears of our orders",
            f'create a rule with {{"source": ["{SOURCE}"], "detail-type": ["{REORDER_REQUIRED}"]}} and a target',
        )
    else:
        checkup.well(what, f"{len(ours) - len(deaf)} of them lead our orders on")
    for name in deaf:
        checkup.doubtful(f"rule {name}", "matches our orders, and is disabled or has no target", "enable it")


def hears_of_us(rule: dict[str, Any]) -> bool:
    """Whether a rule may match our orders. One for another event of ours alone, as for a retraining, does not."""
    try:
        pattern = json.loads(rule.get("EventPattern") or "null")
    except ValueError:
        return False
    if not isinstance(pattern, dict):
        return False  # a schedule
    return _may_match(pattern.get("source"), SOURCE) and _may_match(pattern.get("detail-type"), REORDER_REQUIRED)


def _may_match(wanted: list[Any] | None, said: str) -> bool:
    return wanted is None or said in wanted or any(_prefixes(each, said) for each in wanted)


def _prefixes(each: Any, said: str) -> bool:
    return isinstance(each, dict) and said.startswith(str(each.get("prefix", "\0")))
