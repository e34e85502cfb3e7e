"""Are the queues there, does what fails end among the dead letters, and is anything waiting there?

A receipt that nobody ever had shows what may be done with a message, and does nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from worker.doctor.checkup import Checkup

RECEIVES_MIN = 5
DAY_S = 86_400
RETENTION_MIN_S = 4 * DAY_S
NO_RECEIPT = (
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "AWS.SimpleQueueService.ReceiptHandleIsInvalid",
)


async def check_queues(checkup: Checkup) -> None:
    settings = checkup.settings
    if not settings.queue_name:
        return
    dead: set[str] = set()
    for name in settings.queue_names:
        said = await _attributes(checkup, name)
        if said is not None:
            await _may_use(checkup, name)
            dead |= await _redrive(checkup, name, said)
    for name in sorted(dead):
        await _waiting(checkup, name)
    await _unread(checkup)


async def _attributes(checkup: Checkup, name: str) -> Mapping[str, str] | None:
    what = f"queue {name}"
    found = await checkup.ask(
        what,
        "sqs:GetQueueUrl",
        "create it, or set RESTOCK_QUEUE_NAME",
        checkup.clients.sqs.get_queue_url(QueueName=name),
    )
    if found is None:
        return None
    call = checkup.clients.sqs.get_queue_attributes(QueueUrl=found["QueueUrl"], AttributeNames=["All"])
    answer = await checkup.ask(what, "sqs:GetQueueAttributes", "look at the queue's policy", call, ours=False)
    if answer is None:
        return None
    said: Mapping[str, str] = answer["Attributes"]
    kept_s = int(said.get("MessageRetentionPeriod", 0))
    if kept_s < RETENTION_MIN_S:
        checkup.doubtful(
            what,
            f"keeps messages for {kept_s / DAY_S:.1f} days: an outage over a long weekend loses sales",
            "set MessageRetentionPeriod to 1209600 (14 days)",
        )
    checkup.well(what, f"is there, about {int(said.get('ApproximateNumberOfMessages', 0)):,} messages wait")
    return said


async def _may_use(checkup: Checkup, name: str) -> None:
    sqs, what = checkup.clients.sqs, f"queue {name}"
    url = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
    delete = sqs.delete_message(QueueUrl=url, ReceiptHandle="restock-doctor")
    change = sqs.change_message_visibility(QueueUrl=url, ReceiptHandle="restock-doctor", VisibilityTimeout=0)
    await checkup.allowed(what, "sqs:DeleteMessage", NO_RECEIPT, delete)
    await checkup.allowed(what, "sqs:ChangeMessageVisibility", NO_RECEIPT, change)
    checkup.untried(what, "sqs:ReceiveMessage: it would take a message from a worker")


async def _redrive(checkup: Checkup, name: str, said: Mapping[str, str]) -> set[str]:
    what = f"queue {name}"
    if "RedrivePolicy" not in said:
        checkup.wrong(
            what,
            "has no queue of dead letters: what cannot be settled comes again until it is lost",
            f"give it a RedrivePolicy with maxReceiveCount {RECEIVES_MIN} or more",
        )
        return set()
    policy: dict[str, Any] = json.loads(said["RedrivePolicy"])
    receives = int(policy["maxReceiveCount"])
    if receives < RECEIVES_MIN:
        fault = checkup.wrong if receives == 1 else checkup.doubtful
        fault(
            what,
            f"gives a message up after {receives} receives: a worker that restarts is enough",
            f"set maxReceiveCount to {RECEIVES_MIN} or more",
        )
    dead = str(policy["deadLetterTargetArn"]).rpartition(":")[2]
    letters = await _attributes_of_dead(checkup, dead)
    if letters is not None and int(letters["MessageRetentionPeriod"]) <= int(said["MessageRetentionPeriod"]):
        # Of a standard queue, a message's age goes on among the dead letters.
        checkup.doubtful(
            f"queue {dead}",
            "keeps messages no longer than the queue they come from: an old one is gone before anybody looks",
            "set its MessageRetentionPeriod to 1209600 (14 days), and that of the other to less",
        )
    return {dead}


async def _attributes_of_dead(checkup: Checkup, name: str) -> Mapping[str, str] | None:
    what, sqs = f"queue {name}", checkup.clients.sqs
    fix = "create it: what cannot be settled goes there"
    found = await checkup.ask(what, "sqs:GetQueueUrl", fix, sqs.get_queue_url(QueueName=name))
    if found is None:
        return None
    call = sqs.get_queue_attributes(QueueUrl=found["QueueUrl"], AttributeNames=["All"])
    answer = await checkup.ask(what, "sqs:GetQueueAttributes", fix, call, ours=False)
    return None if answer is None else answer["Attributes"]


async def _waiting(checkup: Checkup, name: str) -> None:
    said = await _attributes_of_dead(checkup, name)
    if said is None:
        return
    letters = int(said.get("ApproximateNumberOfMessages", 0))
    if letters:
        checkup.doubtful(f"queue {name}", f"about {letters:,} dead letters", "restock replay dlq --list says why")
    else:
        checkup.well(f"queue {name}", "no dead letters")


async def _unread(checkup: Checkup) -> None:
    """A queue beside those that are read, as after a change of the number of partitions."""
    settings = checkup.settings
    base, dot, kind = settings.queue_name.partition(".fifo")
    others = [settings.queue_name] if settings.queue_partitions > 1 else [f"{base}-0{dot}{kind}"]
    others += [f"{base}-{settings.queue_partitions}{dot}{kind}"] if settings.queue_partitions > 1 else []
    for name in others:
        try:
            url = (await checkup.clients.sqs.get_queue_url(QueueName=name))["QueueUrl"]
            said = await checkup.clients.sqs.get_queue_attributes(
                QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        except Exception:  # noqa: BLE001, S112 - it is not there, or not ours to see: nothing to find
            continue
        letters = int(said["Attributes"]["ApproximateNumberOfMessages"])
        checkup.doubtful(
            f"queue {name}",
            f"is there and is not read; about {letters:,} messages",
            "RESTOCK_QUEUE_PARTITIONS must be the number that the producers send by",
        )
