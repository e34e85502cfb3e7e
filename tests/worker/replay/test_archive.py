"""`restock replay archive`: events of the past come again under their ids, and to nobody but us."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import time

import pytest

from handlers.errors import Misconfigured
from worker.aws.s3_objects import objects_under
from worker.cli import main
from worker.replay.arguments import moment
from worker.replay.bus_archive import planned, replay_bus
from worker.replay.counting import open_counting
from worker.replay.progress import Progress
from worker.replay.stored_events import in_span, json_values, replay_objects

pytestmark = pytest.mark.asyncio(loop_scope="session")

SPAN = (moment("2024-10-02"), moment("2024-10-03"))


def event(event_id, time, quantity=1):
    detail = {"product_id": "A", "occurred_at": time, "quantity": quantity}
    return {"id": event_id, "detail-type": "Sale Recorded", "source": "shop", "time": time, "detail": detail}


async def archived(parking, *, rule=True):
    """The bus with an archive, a rule that leads to our queue, and one that leads to a supplier."""
    events, sqs = parking.clients.events, parking.clients.sqs
    bus = (await events.describe_event_bus(Name="default"))["Arn"]
    await events.create_archive(ArchiveName="all", EventSourceArn=bus)
    queue = (await sqs.get_queue_url(QueueName="retail-sales"))["QueueUrl"]
    arn = (await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
    if rule:
        await events.put_rule(Name="sales", EventPattern=json.dumps({"source": ["shop"]}), State="ENABLED")
        await events.put_targets(Rule="sales", Targets=[{"Id": "ours", "Arn": arn}])
    return queue


async def test_a_replay_goes_to_the_rules_that_lead_to_the_sales_alone(parking):
    await archived(parking)
    plan = await planned(parking.settings, parking.clients, None, *SPAN)
    assert [arn.rpartition("/")[2] for arn in plan.rules] == ["sales"]  # and not restock-local, the supplier's
    assert plan == await planned(parking.settings, parking.clients, "all", *SPAN)
    assert plan.name != (await planned(parking.settings, parking.clients, "all", *SPAN, again="2")).name


async def test_without_an_archive_or_a_rule_it_says_so(parking):
    with pytest.raises(Misconfigured, match="has none; see --s3"):
        await planned(parking.settings, parking.clients, None, *SPAN)
    await archived(parking, rule=False)
    with pytest.raises(Misconfigured, match="no rule of event bus default leads to retail-sales"):
        await planned(parking.settings, parking.clients, None, *SPAN)


async def test_what_was_archived_comes_to_the_queue_again_and_counts_once(parking):
    queue = await archived(parking)
    detail = json.dumps({"product_id": "A", "occurred_at": "2024-10-03T10:00:00Z", "quantity": 2, "event_id": "e1"})
    await parking.clients.events.put_events(
        Entries=[{"Source": "shop", "DetailType": "Sale Recorded", "Detail": detail}]
    )
    first = await received(parking, queue)
    now = int(time.time() * 1000)
    plan = await planned(parking.settings, parking.clients, None, now - 3_600_000, now + 60_000)
    for _ in range(2):  # the second time it follows the first
        progress = Progress("seconds", None, io.StringIO())
        assert await replay_bus(plan, parking.clients.events, parking.clock, asyncio.Event(), progress) == "COMPLETED"
    again = await received(parking, queue)
    assert len(again) == 1
    for message_id, body in (*first, *again):
        await parking.received(body, message_id)
    assert ((await parking.state()).sales, (await parking.state()).units) == (1, 2)


async def received(parking, queue):
    for _ in range(20):
        answer = await parking.clients.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        if messages := answer.get("Messages"):
            return [(message["MessageId"], message["Body"]) for message in messages]
        await asyncio.sleep(0.1)
    return []


async def stored(parking, tmp_path, stop=None):
    counting = await open_counting(parking.settings, parking.clients, parking.clock, 0)
    objects = [found async for found in objects_under(parking.clients.s3, "s3://events/2024/")]
    progress = Progress("objects", len(objects), io.StringIO())
    whole = await replay_objects(
        parking.clients.s3, objects, SPAN, counting, tmp_path, stop or asyncio.Event(), progress
    )
    await counting.agenda.release()
    return whole, counting.summary()


async def test_events_that_firehose_wrote_to_s3_are_counted_by_their_time_and_ids(parking, tmp_path):
    s3 = parking.clients.s3
    await s3.create_bucket(Bucket="events")
    glued = "".join(json.dumps(event(f"e{n}", f"2024-10-0{1 + n % 3}T10:00:00Z", n)) for n in range(9))
    await s3.put_object(Bucket="events", Key="2024/one", Body=gzip.compress(glued.encode()))
    bare = json.dumps({"event_id": "e20", "product_id": "A", "date": "2024-10-02", "quantity": 20})
    await s3.put_object(Bucket="events", Key="2024/two", Body=f"{bare}\n{{broken\n".encode())
    await parking.received(json.dumps(event("e4", "2024-10-02T10:00:00Z", 4)), "m1")
    whole, became = await stored(parking, tmp_path)
    assert whole
    assert (became["counted"], became["duplicates"], became["quarantined"]) == (3, 1, 1)
    assert (await parking.state()).units == 1 + 4 + 7 + 20
    _, became = await stored(parking, tmp_path)
    assert became["lines"] == 0  # what is done is not read again


async def test_values_are_found_however_they_are_strung_together():
    assert list(json_values('{"a":1}{"b":[2]}\n {"c":"}{"}\nnot json\n{"d":4}')) == [
        '{"a":1}',
        '{"b":[2]}',
        '{"c":"}{"}',
        "not json",
        '{"d":4}',
    ]


@pytest.mark.parametrize(
    ("said", "inside"),
    [
        ('{"time":"2024-10-02T00:00:00Z"}', True),
        ('{"time":"2024-10-03T00:00:00Z"}', False),
        ('{"date":"2024-10-01"}', False),
        ('{"time":"whenever"}', True),
        ("no json", True),
    ],
)
async def test_a_time_is_from_its_beginning_until_before_its_end(said, inside):
    assert in_span(said, SPAN) is inside


async def test_times_that_are_none_or_the_wrong_way_round_are_wrong_use(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["replay", "archive", "--from", "last week", "--to", "2024-10-02"])
    assert stopped.value.code == 2
    assert main(["replay", "archive", "--from", "2024-10-02", "--to", "2024-10-02"]) == 2
    assert "--to must be later than --from" in capsys.readouterr().err
