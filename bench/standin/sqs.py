"""What does SQS answer?

The JSON protocol, batch by batch, entry by entry: an entry that fails never fails the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bench.standin.http11 import Answer
from bench.standin.queues import Message, Queue, Taken
from bench.standin.refusal import Refused
from bench.standin.world import World

Json = dict[str, Any]
Replied = Json | Answer | asyncio.Future[Answer]

ACCOUNT = "000000000000"
ENTRIES_MAX = 10
VISIBILITY_S = 30
NO_QUEUE = "QueueDoesNotExist"


def queue_of(world: World, asked: Json) -> Queue:
    """The queue that a request names by its URL."""
    name = str(asked["QueueUrl"]).rpartition("/")[2]
    if name not in world.queues:
        raise Refused(NO_QUEUE, "The specified queue does not exist.")
    return world.queues[name]


def create_queue(world: World, asked: Json) -> Replied:
    name = asked["QueueName"]
    world.queues.setdefault(name, Queue(name))
    return {"QueueUrl": url_of(world, name)}


def get_queue_url(world: World, asked: Json) -> Replied:
    if asked["QueueName"] not in world.queues:
        raise Refused(NO_QUEUE, "The specified queue does not exist.")
    return {"QueueUrl": url_of(world, asked["QueueName"])}


def url_of(world: World, name: str) -> str:
    return f"{world.url}/{ACCOUNT}/{name}"


def get_queue_attributes(world: World, asked: Json) -> Replied:
    queue = queue_of(world, asked)
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue.name}"
    return {"Attributes": {"QueueArn": arn, "ApproximateNumberOfMessages": str(queue.visible)}}


def send_message(world: World, asked: Json) -> Replied:
    (message,) = queue_of(world, asked).send([asked["MessageBody"]])
    return {"MessageId": message.message_id, "MD5OfMessageBody": message.md5}


def send_message_batch(world: World, asked: Json) -> Replied:
    entries = _entries(asked)
    sent = queue_of(world, asked).send([entry["MessageBody"] for entry in entries])
    done = [
        {"Id": entry["Id"], "MessageId": message.message_id, "MD5OfMessageBody": message.md5}
        for entry, message in zip(entries, sent, strict=True)
    ]
    return {"Successful": done, "Failed": []}


def receive_message(world: World, asked: Json) -> Replied:
    limit = int(asked.get("MaxNumberOfMessages", 1))
    if not 1 <= limit <= ENTRIES_MAX:
        raise Refused("InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10.")
    shown = bool(asked.get("MessageSystemAttributeNames") or asked.get("AttributeNames"))
    queue = queue_of(world, asked)
    taken = queue.receive(limit, float(asked.get("VisibilityTimeout", VISIBILITY_S)), asked.get("WaitTimeSeconds", 0))
    return once_taken(taken, lambda messages: _received(messages, shown))


def once_taken(
    taken: Taken | asyncio.Future[Taken], answer: Callable[[Taken], Answer]
) -> Answer | asyncio.Future[Answer]:
    """The answer to a receive, now or when there is something to say; whoever goes away waits no longer."""
    if not isinstance(taken, asyncio.Future):
        return answer(taken)
    said: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def tell(done: asyncio.Future[Taken]) -> None:
        if not done.cancelled() and not said.done():
            said.set_result(answer(done.result()))

    taken.add_done_callback(tell)
    said.add_done_callback(lambda _: taken.cancel())
    return said


def _received(messages: Taken, shown: bool) -> Answer:
    # Bodies are kept as they stand in an answer: nothing is encoded again for each delivery.
    parts = ",".join(_shown(message) if shown else f"{{{_bare(message)}}}" for message in messages)
    return Answer((f'{{"Messages":[{parts}]}}' if messages else "{}").encode())


def _bare(message: Message) -> str:
    return (
        f'"MessageId":"{message.message_id}","ReceiptHandle":"{message.handle}",'
        f'"MD5OfBody":"{message.md5}","Body":{message.body}'
    )


def _shown(message: Message) -> str:
    return f'{{{_bare(message)},"Attributes":{{"ApproximateReceiveCount":"{message.receives}"}}}}'


def delete_message(world: World, asked: Json) -> Replied:
    if not queue_of(world, asked).delete(asked["ReceiptHandle"]):
        raise Refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
    return {}


def delete_message_batch(world: World, asked: Json) -> Replied:
    queue = queue_of(world, asked)
    return _one_by_one(asked, lambda entry: queue.delete(entry["ReceiptHandle"]), "ReceiptHandleIsInvalid")


def change_message_visibility_batch(world: World, asked: Json) -> Replied:
    queue = queue_of(world, asked)
    return _one_by_one(
        asked, lambda entry: queue.hide(entry["ReceiptHandle"], float(entry["VisibilityTimeout"])), "MessageNotInflight"
    )


def _one_by_one(asked: Json, done: Callable[[Json], bool], code: str) -> Json:
    successful: list[Json] = []
    failed: list[Json] = []
    for entry in _entries(asked):
        if done(entry):
            successful.append({"Id": entry["Id"]})
        else:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": code})
    return {"Successful": successful, "Failed": failed}


def _entries(asked: Json) -> list[Json]:
    entries: list[Json] = asked["Entries"]
    if not entries:
        raise Refused("EmptyBatchRequest", "There should be at least one entry.")
    if len(entries) > ENTRIES_MAX:
        raise Refused("TooManyEntriesInBatchRequest", "Maximum number of entries is 10.")
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise Refused("BatchEntryIdsNotDistinct", "Ids are not distinct.")
    return entries


def written(answer: Json) -> Answer:
    return Answer(json.dumps(answer).encode())
