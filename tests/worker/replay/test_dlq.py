"""`restock replay dlq`: what is parked comes back under the ids it had, once, whatever is killed or run again."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
from fakes.proxy import error

from worker.replay.identity import message_again

pytestmark = pytest.mark.asyncio(loop_scope="session")

UUID = "5f0c2b1e-9d3a-4c56-8f01-22334455667{}"
WRONG_TIME = "yesterday"


def sale(event_id=None, product="A", quantity=1, **more):
    said = {"product_id": product, "occurred_at": "2024-10-03T10:00:00Z", "quantity": quantity, **more}
    return said if event_id is None else {**said, "event_id": event_id}


async def mend(parking, **said):
    """Replaces what is quarantined, as a worker that reads better would see it: the fields are mended in place."""
    async for page in parking.lines.pages():
        for line in page:
            body = json.dumps({**json.loads(line.record.body), **said})
            await parking.clients.dynamodb.update_item(
                TableName=parking.settings.state_table,
                Key={"pk": {"S": line.pk}, "sk": {"S": line.record.record_id}},
                UpdateExpression="SET body = :body",
                ExpressionAttributeValues={":body": {"S": body}},
            )


async def test_what_is_parked_is_listed_by_reason_with_samples(parking):
    await parking.received([sale("e1", quantity=1.5), sale("e2", quantity=2.5), sale("e3")], UUID.format(1))
    await parking.dead(sale("e4"), "{broken")
    listing = await parking.listing()
    assert listing.wanted == 4
    [first, *others] = listing.by_count()
    assert (first.where, first.count) == ("quarantine", 2)
    assert first.reason.startswith("quantity:")
    assert '"event_id": "e1"' in first.samples[0] or '"event_id": "e2"' in first.samples[0]
    assert {(group.where, group.count) for group in others} == {("dead letters", 1)}
    assert any("could not be settled" in group.reason for group in others)


async def test_listing_takes_nothing_away(parking):
    await parking.received(sale("e1", quantity=1.5), UUID.format(1))
    await parking.dead(sale("e2"), sale("e3"))
    before = (await parking.listing()).summary()
    assert (await parking.listing()).summary() == before
    assert await parking.left() == 2


async def test_only_so_many_dead_letters_are_looked_at_as_was_said(parking):
    await parking.dead(*(sale(f"e{n}") for n in range(25)))
    listing = await parking.listing(look=10)
    assert (listing.wanted, listing.unseen) == (10, 15)


async def test_what_comes_back_is_counted_and_leaves_its_place(parking):
    await parking.received(sale("e1", quantity="many"), UUID.format(1))
    await mend(parking, quantity=3)
    await parking.dead(sale("e2", quantity=4), [sale("e3", quantity=5), sale("e4", product="B")])
    done, became = await parking.redriven()
    assert (done.taken, done.stayed, done.whole) == (3, 0, True)
    assert (became["counted"], became["quarantined"]) == (4, 0)
    assert ((await parking.state()).sales, (await parking.state()).units) == (3, 12)
    assert (await parking.reasons(), await parking.left()) == ([], 0)


async def test_a_second_run_finds_nothing(parking):
    await parking.dead(sale("e1"))
    await parking.redriven()
    done, became = await parking.redriven()
    assert (done.taken, became["lines"]) == (0, 0)


async def test_what_is_refused_again_stays_once_with_its_new_reason(parking):
    await parking.received(sale("e1", quantity="many"), UUID.format(1))
    await mend(parking, quantity=1, occurred_at=WRONG_TIME)
    parking.clock.advance(60)
    done, became = await parking.redriven()
    assert (done.stayed, became["quarantined"]) == (1, 1)
    [reason] = await parking.reasons()
    assert reason.startswith("occurred_at:")


async def test_killed_between_counting_and_deleting_the_next_run_counts_nothing_twice(aws, parking):
    await parking.received([sale(quantity="many"), sale("e2")], UUID.format(1))
    await mend(parking, quantity=3)
    await parking.dead([sale(quantity=5), sale("e3", quantity=7)])
    aws.proxy.always("DeleteItem", error("AccessDeniedException", 400))
    with pytest.raises(Exception, match="AccessDenied"):
        await parking.redriven(aws.proxied)
    aws.proxy.heal()
    assert (await parking.state()).units == 4
    done, became = await parking.redriven()
    assert done.whole
    assert (became["duplicates"], became["counted"]) == (1, 2)
    assert ((await parking.state()).sales, (await parking.state()).units) == (4, 16)


async def test_lines_without_an_id_that_were_counted_before_their_message_died_count_once(parking):
    """The message is in the queue of dead letters because its other line could not be settled."""
    await parking.dead([sale(quantity=2), sale(quantity=3)])
    [letter] = (await parking.clients.sqs.receive_message(QueueUrl=parking.dlq_url))["Messages"]
    await parking.received([sale(quantity=2)], letter["MessageId"])
    await parking.clients.sqs.change_message_visibility(
        QueueUrl=parking.dlq_url, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
    )
    _, became = await parking.redriven()
    assert (became["counted"], became["duplicates"]) == (1, 1)
    assert (await parking.state()).units == 5


async def test_a_line_of_an_order_that_was_counted_meanwhile_is_not_counted_again(parking):
    """The order came once more, whole and mended, after one of its lines was parked."""
    order = {"order_id": "o-77", "lines": [sale(quantity="many"), sale(quantity=2)]}
    await parking.received(order, UUID.format(1))
    await parking.received({**order, "lines": [sale(quantity=3), sale(quantity=2)]}, UUID.format(2))
    await mend(parking, quantity=3)
    _, became = await parking.redriven()
    assert (became["counted"], became["duplicates"]) == (0, 1)
    assert ((await parking.state()).sales, (await parking.state()).units) == (2, 5)


async def test_a_parked_line_of_a_receipt_does_not_come_back_as_a_sale(parking):
    receipt = {"product_id": "A", "occurred_at": "2024-10-03T10:00:00Z", "reorder_id": "A:1"}
    detail = {"order_id": "o-78", "lines": [{**receipt, "quantity": "many"}, {**receipt, "quantity": 1}]}
    await parking.received({"id": "eb", "detail-type": "Shipment Received", "detail": detail}, UUID.format(1))
    await mend(parking, quantity=3)
    done, _ = await parking.redriven()
    assert done.taken == 1
    assert (await parking.state()).sales == 0


async def test_a_line_of_a_message_has_the_id_that_it_has_in_the_message(parking):
    """The same line may lie in quarantine and, with its whole message, among the dead letters."""
    body = json.dumps(sale(quantity=2))
    again = message_again(f"{UUID.format(1)}-1", "r", body, parking.clock.now())
    await parking.received([sale(quantity=1), sale(quantity=2)], UUID.format(1))
    await parking.received(again.body, again.message_id)
    assert ((await parking.state()).sales, (await parking.state()).units) == (2, 3)


@pytest.mark.parametrize(
    ("record_id", "body"),
    [
        (UUID.format(1), '{"product_id":"A","occurred_at":"2024-10-03","quantity":1}'),
        (f"{UUID.format(1)}-4", '{"event_id":"own","product_id":"A","occurred_at":"2024-10-03","quantity":1}'),
        (f"{UUID.format(1)}-4", "no JSON at all"),
        (f"{UUID.format(1)}-4", '{"product_id":"A"}'),
    ],
    ids=["a whole message", "an id of its own", "unreadable", "no sale yet"],
)
async def test_what_needs_no_id_in_writing_comes_again_as_it_was(record_id, body, clock):
    again = message_again(record_id, "r", body, clock.now())
    assert (again.message_id, again.body) == (record_id, body)


async def test_filters_let_through_what_they_say_and_leave_the_rest(parking):
    await parking.received(sale("e1", quantity="many"), UUID.format(1))
    await parking.received(sale("e2", product="B", occurred_at=WRONG_TIME), UUID.format(2))
    parking.clock.advance(3_600)
    await parking.received(sale("e3", quantity="few"), UUID.format(3))
    later = parking.clock.now() - 1_800_000
    assert (await parking.listing(reason="QUANTITY")).wanted == 2
    assert (await parking.listing(product="B")).wanted == 1
    assert (await parking.listing(since=later)).wanted == 1
    assert (await parking.listing(until=later)).wanted == 2
    await mend(parking, quantity=1, occurred_at="2024-10-03")
    done, _ = await parking.redriven(reason="quantity", until=later)
    assert done.taken == 1
    assert len(await parking.reasons()) == 2


async def test_dead_letters_that_a_filter_leaves_can_be_received_at_once(parking):
    await parking.dead(sale("e1"), sale("e2", product="B"))
    done, _ = await parking.redriven(product="B")
    assert (done.taken, await parking.left()) == (1, 1)


async def test_nothing_is_decided_before_the_end_and_everything_after_it(parking, monkeypatch):
    await parking.dead(sale("e1"), sale("e2", product="B"))
    monkeypatch.setattr("worker.replay.held_agenda.HeldAgenda.release", forget_to_release)
    await parking.redriven()
    assert await parking.due(after_s=600) == []
    assert {key.product_id for key in await parking.due(after_s=901)} == {"A", "B"}  # as if it had been killed
    monkeypatch.undo()
    await parking.dead(sale("e3"), sale("e4", product="C"))
    await parking.redriven()
    assert {key.product_id for key in await parking.due()} == {"A", "C"}


async def forget_to_release(_):
    return 0


async def test_what_cannot_be_settled_stays_where_it_was(aws, parking):
    await parking.dead(sale("e1"))
    aws.proxy.always("PutItem", error("InternalServerError", 500))
    aws.proxy.always("TransactWriteItems", error("InternalServerError", 500))
    parking.clock.advance(0)
    done, became = await parking.redriven(aws.proxied)
    aws.proxy.heal()
    assert (done.stayed, became["unsettled"]) == (1, 1)
    assert await parking.left() == 1


async def restock(aws, *arguments, **settings):
    said = {"RESTOCK_ENDPOINT_URL": aws.url, **{f"RESTOCK_{name}": value for name, value in settings.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "worker.cli", "replay", *arguments),
        env={**os.environ, **said},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_lists_asks_for_yes_and_then_does_it(aws, parking, tmp_path):
    await parking.dead(sale("e1"), sale("e2"))
    report = ("--report", str(tmp_path / "report"))
    code, out, err = await restock(aws, "dlq", *report)
    assert (code, err) == (0, "nothing was done: say --yes to do it\n")
    assert out.startswith("2 parked\n")
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["groups"][0]["count"] == 2
    assert await parking.left() == 2
    code, out, err = await restock(aws, "dlq", *report, "--yes", "--rate", "0")
    assert (code, err) == (0, "")
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert (summary["redriven"], summary["counted"], summary["stayed"]) == (2, 2, 0)


async def test_the_rate_is_kept(aws, parking):
    await parking.dead(*([sale(f"e{n}-{m}") for m in range(10)] for n in range(4)))
    loop = asyncio.get_running_loop()
    began = loop.time()
    code, _, _ = await restock(aws, "dlq", "--yes", "--rate", "20")
    assert code == 0
    assert loop.time() - began >= 2.0


async def test_a_missing_queue_ends_the_command_with_one_clear_line(aws):
    code, _, err = await restock(aws, "dlq", QUEUE_NAME="no-such-queue")
    assert code == 1
    assert err.startswith("restock: GetQueueUrl no-such-queue: ")
    assert err.count("\n") == 1
