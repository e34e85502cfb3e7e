"""The consumer bench measures consumers that really consume, and throws figures away that no exact count stands by."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace

import pytest
import pytest_asyncio

from bench.consumer import measure
from bench.consumer.consumers import PACKED, PEERS, SINGLE, TOGETHER
from bench.consumer.measure import PEERS as PEER_FOLDER
from bench.consumer.measure import Bench, ours, peer
from bench.consumer.run import _rows
from bench.environment import LISTS
from bench.rows import Disagreement
from bench.standin.running import standin
from bench.standin.sales import Sales, Sold, differences, past_of
from bench.standin.shop import open_shop
from bench.standin.used import cpu_s, memory_mb
from bench.standin.watch import Look, cpu_us_a_message, look_at
from domain.folding import fold
from worker.aws.clients import Endpoints, open_clients
from worker.clock import SystemClock
from worker.decode import decode
from worker.local.processes import ChildFailed, child

on_the_benchs_loop = pytest.mark.asyncio(loop_scope="module")
PRODUCTS = 40


def short(way):
    return replace(way, sales=6_000, spare=100 // way.sales_a_message)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(credentials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("consumer")
    async with (
        standin(folder) as aws,
        open_clients("us-east-1", Endpoints(everything=aws.url)) as clients,
    ):
        yield Bench(aws, clients, folder, past_of(Sales(PRODUCTS).keys(), SystemClock().now()), quick=False)


@pytest.fixture(autouse=True)
def few_products(monkeypatch):
    monkeypatch.setattr(measure, "PRODUCTS", PRODUCTS)


def events_of(sales, count):
    now = SystemClock().now()
    return [decode(body, "m", now)[0][0].event for body in sales.bodies(count)]


@on_the_benchs_loop
@pytest.mark.parametrize("way", [short(SINGLE[0]), short(TOGETHER[1])], ids=lambda way: way.name)
async def test_each_way_of_ours_consumes_and_counts_exactly(bench, way):
    assert 0 <= await ours(bench, way) < 10_000
    found = await bench.aws.counts(measure.QUEUE)
    assert found.sent == found.deleted > 40
    headers = (await bench.aws.stats())["items"]["restock-state"]
    assert headers >= PRODUCTS if way.durable else headers == 0


@on_the_benchs_loop
async def test_a_sale_that_is_not_counted_spoils_the_figures(bench, monkeypatch):
    async def expecting_one_more(clients, settings, sales, past):
        await open_shop(clients, settings, sales, past)
        sales.row_of(sales.keys()[7])

    monkeypatch.setattr(measure, "open_shop", expecting_one_more)
    with pytest.raises(Disagreement, match="1 products, the first of them P-000007"):
        await ours(bench, replace(short(SINGLE[1]), sales=500))


@on_the_benchs_loop
async def test_a_peer_is_watched_from_outside(bench, monkeypatch, tmp_path):
    script = f"""
import sys, time, urllib.request, json
url, queue = sys.argv[1:]
def ask(operation, **said):
    said["QueueUrl"] = f"{{url}}/0/{{queue}}"
    request = urllib.request.Request(url, json.dumps(said).encode(), {{"X-Amz-Target": f"AmazonSQS.{{operation}}"}})
    return json.load(urllib.request.urlopen(request))
while True:
    messages = ask("ReceiveMessage", MaxNumberOfMessages=10).get("Messages", [])
    ends = time.process_time() + {0.002} * len(messages)
    while time.process_time() < ends:
        pass
    for m in messages:
        ask("DeleteMessage", ReceiptHandle=m["ReceiptHandle"])
"""
    (tmp_path / "slow.py").write_text(script)
    monkeypatch.setattr(measure, "PEERS", tmp_path)
    monkeypatch.setattr(measure, "SPARE_MESSAGES", 10)
    spent = await peer(bench, replace(PEERS[0], module="slow", messages=100, warm_up=10), sys.executable)
    assert 2_000 < spent < 20_000


@on_the_benchs_loop
async def test_a_consumer_that_ends_is_no_figure(bench, tmp_path):
    await bench.aws.reset()
    await bench.aws.preload("q", ["body"])
    async with child("lazy", [sys.executable, "-c", ""], {}, tmp_path / "lazy.log") as lazy:
        with pytest.raises(ChildFailed, match="lazy stopped after 0 messages"):
            await look_at(bench.aws, ["q"], [lazy], 1)


async def test_what_a_process_uses_is_read_from_the_kernel():
    spin = "import time\nends = time.process_time() + 0.4\nwhile time.process_time() < ends: pass\ninput()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", spin, stdin=asyncio.subprocess.PIPE)
    try:
        until = time.monotonic() + 10
        while cpu_s(process.pid) < 0.3:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        assert 1 < memory_mb(process.pid) < 200
    finally:
        process.kill()
        await process.wait()


def test_two_looks_say_what_lay_between():
    assert cpu_us_a_message(Look(100, 5.0, 0.0), Look(1_100, 5.25, 9.0)) == pytest.approx(250)


def test_every_product_sells_once_before_any_sells_twice():
    sales = Sales(30)
    keys = [event.product for event in (*events_of(sales, 1), *events_of(sales, 29))]
    assert sorted(keys) == sales.keys()
    ranks = [sales.keys().index(event.product) for event in events_of(sales, 2_000)]
    assert ranks.count(0) > 2 * ranks.count(5) > 0


def test_what_is_sent_is_what_is_expected():
    sales, now = Sales(20), SystemClock().now()
    past = past_of(sales.keys(), now)
    sales.remember(past)
    states = {each.state.key: each.state for each in past}
    events = events_of(sales, 500)
    assert len({event.event_id for event in events}) == 500
    for event in events:
        states[event.product] = fold(states[event.product], [event], now).state
    assert differences(sales.expected, list(states.values())) == []
    sales.expected[sales.keys()[3]].sales += 1
    sales.expected[sales.row_of(sales.keys()[4]) and sales.keys()[4]] = Sold(1, 1)
    assert [said.partition(":")[0] for said in sorted(differences(sales.expected, list(states.values())))] == [
        "P-000003",
        "P-000004",
    ]


def test_a_ratio_above_one_says_that_ours_is_cheaper():
    figures = {way.name: [10.0, 30.0, 20.0] for way in (*SINGLE, *TOGETHER)}
    figures |= {who.name: [40.0, 50.0, 60.0] for who in PEERS}
    rows = _rows(figures, list(PEERS))
    assert {(row.ours, row.theirs, row.ratio) for row in rows} == {(20.0, 50.0, 2.5)}
    assert len(rows) == 2 * len(PEERS) + len(TOGETHER)
    assert {way.sales_a_message for way in TOGETHER} == {PACKED}


@pytest.mark.parametrize("who", PEERS, ids=lambda who: who.name)
def test_each_peer_has_its_program_and_its_pinned_environment(who):
    assert (PEER_FOLDER / f"{who.module}.py").exists()
    pinned = (LISTS / f"{who.environment}.txt").read_text()
    assert "--hash=sha256:" in pinned
    assert "http://" not in pinned.replace("http://www", "")
