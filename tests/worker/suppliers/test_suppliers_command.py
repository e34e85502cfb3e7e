"""`restock suppliers import` puts a file's lines on the queue of sales, all or none."""

from __future__ import annotations

import asyncio
import json

import pytest

from worker.aws.clients import Endpoints, open_clients
from worker.cli import main
from worker.producer import partition_of
from worker.suppliers.csv_file import UnreadableFile, messages_in
from worker.suppliers.sending import Outgoing

HEAD = "reorder_id;status;quantity;due_on;occurred_at\n"
LINES = "A:1;confirmed;24;2024-10-09;2024-10-01T10:00:00Z\nA:1;received;24;;2024-10-02\nB:3;cancelled;;;2024-10-02\n"


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("\ufeff" + HEAD + LINES, encoding="utf-8")
    return path


def test_the_lines_of_a_file_are_messages_without_their_empty_cells(answers):
    first, second, third = messages_in(answers)
    assert first["due_on"] == "2024-10-09"
    assert "due_on" not in second
    assert third == {"reorder_id": "B:3", "status": "cancelled", "occurred_at": "2024-10-02"}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "reorder_id\nA:1\n"])
def test_a_file_without_the_columns_is_refused(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match="first line must name"):
        list(messages_in(path))


def test_a_dry_run_says_what_would_be_sent(answers, capsys):
    assert main(["suppliers", "import", str(answers), "--dry-run"]) == 0
    assert capsys.readouterr().out == "3 messages would be sent\n"


def test_a_line_that_is_no_message_keeps_the_file_away_and_is_named(answers, capsys):
    answers.write_text(HEAD + LINES + "A:1;received;-4;;2024-10-02\nA:1;received;4;;2024-10-02;more\n")
    assert main(["suppliers", "import", str(answers)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("line 5: quantity")
    assert said[1].startswith("line 6: more cells than columns")
    assert said[2].endswith("nothing was sent")


def test_serving_without_a_token_is_wrong_use(capsys, monkeypatch):
    monkeypatch.delenv("RESTOCK_SUPPLIER_TOKEN", raising=False)
    assert main(["suppliers", "serve"]) == 2
    assert "RESTOCK_SUPPLIER_TOKEN is not set" in capsys.readouterr().err


@pytest.mark.asyncio(loop_scope="session")
async def test_an_import_arrives_on_the_queue_as_the_worker_reads_it(aws, answers, monkeypatch, capsys):
    monkeypatch.setenv("RESTOCK_ENDPOINT_URL", aws.url)
    assert await asyncio.to_thread(main, ["suppliers", "import", str(answers)]) == 0
    assert capsys.readouterr().out == "3 messages sent\n"
    received = await aws.clients.sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=10)
    rows = [row for message in received["Messages"] for row in json.loads(message["Body"])]
    assert [(row["type"], row["product_id"]) for row in rows] == [
        ("order_confirmed", "A"),
        ("shipment_received", "A"),
        ("reorder_cancelled", "B"),
    ]


@pytest.mark.asyncio(loop_scope="session")
async def test_each_products_messages_go_to_its_own_partition(aws, credentials):
    settings = aws.settings.model_copy(update={"queue_name": "parted.fifo", "queue_partitions": 3})
    async with open_clients(settings.region, Endpoints(aws.url, None)) as clients:
        urls = []
        for name in settings.queue_names:
            made = await clients.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
            urls.append(made["QueueUrl"])
        rows = [{"product_id": f"P{n}", "location_id": None, "type": "order_shipped"} for n in range(12)]
        await Outgoing(clients.sqs, settings).send(rows)
        for number, url in enumerate(urls):
            answer = await clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            arrived = [row for m in answer.get("Messages", []) for row in json.loads(m["Body"])]
            assert {row["product_id"] for row in arrived} == {
                f"P{n}" for n in range(12) if partition_of(f"P{n}", None, 3) == number
            }
