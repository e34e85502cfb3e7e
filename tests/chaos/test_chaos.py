"""Would the chaos run notice, and does a seed repeat what it says it repeats?

The parts alone, without any worker: the proxy against a server of a few lines, the schedule, and the comparison
against tables that are right and tables that are wrong in one place."""

import asyncio
import json
from contextlib import suppress
from itertools import repeat
from types import SimpleNamespace
from typing import Self
from zlib import compress

import pytest

from chaos.compare import Kept, findings
from chaos.proxy import ChaosProxy, operation_of
from chaos.sales import Line, messages
from chaos.schedule import KILLED, Destiny, Fate, Kind, blows, destinies
from chaos.shop import OPENING_STOCK, Delivery
from chaos.twin import twin_of

REQUEST = b"POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.TransactWriteItems\r\nContent-Length: 2\r\n\r\n{}"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n{"ApproximateReceiveCount":   "12"}\n'


class Server:
    """Counts what took effect and answers each request with ANSWER."""

    def __init__(self) -> None:
        self.effects = 0
        self.asked = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._serving)
        await asyncio.sleep(0)  # closed transports let go of their sockets

    async def _serve(self, reader, writer):
        self._serving.add(asyncio.current_task())
        with suppress(ConnectionError):
            while await reader.read(65536):
                self.effects += 1
                self.asked.set()
                writer.write(ANSWER)
        writer.transport.abort()


async def asked(url, request=REQUEST, within_s=20.0):
    """What a client hears: the bytes, or None if nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        writer.write(request)
        async with asyncio.timeout(within_s):
            return await reader.read(65536)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("fate", "heard", "effects"),
    [
        (Fate.PASSED, ANSWER, 1),
        (Fate.DELAYED, ANSWER, 1),
        (Fate.CUT_BEFORE, b"", 0),
        (Fate.CUT_AFTER, b"", 1),
        (Fate.HALVED, ANSWER[: len(ANSWER) // 2], 1),
        (Fate.LOST_BEFORE, None, 0),
        (Fate.LOST_AFTER, None, 1),
        (Fate.KILLED_BEFORE, b"", 0),
        (Fate.KILLED_AFTER, b"", 1),
    ],
    ids=lambda value: value.value if isinstance(value, Fate) else "",
)
async def test_a_fate_decides_what_takes_effect_and_what_is_heard_of_it(fate, heard, effects):
    killed = []
    fates = {"TransactWriteItems": repeat(Destiny(fate, 0.01))}
    async with Server() as server, ChaosProxy(server.url, fates.get, lambda: killed.append(fate)) as proxy:
        assert await asked(proxy.url, within_s=0.3 if heard is None else 20) == heard
        if effects:
            await server.asked.wait()
        assert server.effects == effects
        assert proxy.counts == {(fate, "TransactWriteItems"): 1}
        assert killed == ([fate] if fate in KILLED else [])


async def test_one_connection_meets_a_new_fate_with_each_request_and_none_once_healed():
    series = iter([Destiny(Fate.PASSED), Destiny(Fate.DELAYED, 0.01), Destiny(Fate.CUT_AFTER)])
    async with Server() as server, ChaosProxy(server.url, lambda _: series) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
        for _ in range(2):
            writer.write(REQUEST)
            assert await reader.read(65536) == ANSWER
        writer.write(REQUEST)
        assert await reader.read() == b""
        writer.close()
        proxy.heal()
        assert await asked(proxy.url) == ANSWER
        assert server.effects == 4


async def test_an_outage_breaks_what_is_open_and_refuses_what_is_new():
    async with Server() as server, ChaosProxy(server.url, lambda _: repeat(Destiny(Fate.LOST_AFTER))) as proxy:
        waiting = asyncio.create_task(asked(proxy.url))
        await server.asked.wait()
        proxy.outage(out=True)
        assert await waiting == b""
        assert await asked(proxy.url) == b""
        proxy.outage(out=False)
        proxy.heal()
        assert await asked(proxy.url) == ANSWER


async def test_redeliveries_are_counted_in_what_the_server_answers():
    receive = REQUEST.replace(b"DynamoDB_20120810.TransactWriteItems", b"AmazonSQS.ReceiveMessage")
    async with Server() as server:
        async with ChaosProxy(server.url, lambda _: repeat(Destiny(Fate.PASSED))) as proxy:
            await asked(proxy.url, receive)
            await asked(proxy.url)
        assert proxy.redelivered == 1


def test_an_operation_without_a_target_is_named_by_its_path():
    assert operation_of(b"POST /endpoints/x/invocations?a=b HTTP/1.1\r\n\r\n") == "POST invocations"


def test_a_seed_repeats_sales_blows_and_fates_and_another_does_not():
    def drawn(seed):
        series = destinies(seed, "standard 0", "PutEvents")
        return (
            messages(seed, "standard", 20, 30),
            blows(seed, "standard", 60, 3),
            [next(series) for _ in range(200)],
        )

    assert drawn(1) == drawn(1)
    assert all(one != other for one, other in zip(drawn(1), drawn(2), strict=True))


def test_a_minute_holds_every_kind_of_trouble():
    for seed in range(20):
        kinds = {blow.kind for blow in blows(seed, "standard", 60, 3)}
        assert {Kind.KILL, Kind.STOP} <= kinds
        lines = [line for message in messages(seed, "standard", 60, 30) for line in message.lines]
        assert {line.kind for line in lines} == {"sale", "rival", "poison"}
        assert 0.05 < sum(line.repeated for line in lines) / len(lines) < 0.15


def test_no_line_is_lost_between_the_draw_and_the_messages():
    sent = messages(3, "standard", 30, 30)
    bodies = "".join(message.body for message in sent)
    marks = {line.mark for message in sent for line in message.lines}
    assert len(marks) >= 30 * 30
    assert all(mark in bodies for mark in marks)
    assert [message.at_s for message in sent] == sorted(message.at_s for message in sent)


# One product's table as it must be after sold(), and one order of 5 that was delivered.


def sold(mark, quantity, **more):
    day = {"occurred_at": "2024-03-02T10:00:00Z", "unit_price": 1.25, "promotion": False}
    return Line(more.pop("kind", "sale"), "P01", mark, {**day, "quantity": quantity, "till": mark}, **more)


LINES = [
    sold("standard-000001-a", 3),
    sold("standard-000001-a", 3, repeated=True),
    sold("standard-000002-a", -1),
    sold("standard-000003-a", 7),
    sold("standard-000003-b", 57, kind="rival"),
    sold("standard-000004-a", 1, kind="poison"),
]
DETAIL = {
    "reorder_id": "P01:1",
    "recommended_order_quantity": 5,
    "on_order": 0,
    "current_stock": 2,
    "inventory_position": 2,
    "reorder_point": 4,
    "decided_at": "2024-03-02T10:00:00Z",
}


def header(**changed):
    body = {"newest_day": 19784, "days": [[0, 10, 1250, 1, 125]]}
    numbers = {"sales": 3, "units": 9, "cycle": 1, "dirty": 0, **changed}
    counters = {name: {"N": str(value)} for name, value in numbers.items()}
    return {**counters, "body": {"B": compress(json.dumps(body).encode())}}


def found(lines=LINES, published=(DETAIL,), aside=("standard-000003-b", "standard-000004-a"), ordered=5, **changed):
    orders = {"P01:1": {"reorder_id": {"S": "P01:1"}, "quantity": {"N": str(ordered)}}}
    kept = Kept({"P01": header(**changed)}, orders, [], [{"body": {"S": mark}} for mark in aside], [])
    delivered = [Delivery("P01", "P01:1", 0, 5, 2_000_000_000_000)]
    shop = SimpleNamespace(lines=lines, published=list(published), delivered=delivered, stock={"P01": OPENING_STOCK})
    return findings(kept, shop, redriven=0)


def test_what_is_right_is_found_right():
    assert found() == []
    # The other sale under the id counted: the right one to have is the one that is not in quarantine.
    assert twin_of(LINES, {"standard-000003-a"})["P01"].units == 59


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sales": 2}, "2 sales counted, 3 sent: 1 lost"),
        ({"units": 12}, "12 units counted, 9 sent: 3 counted too much"),
        ({"lines": [*LINES, sold("standard-000009-a", 4)]}, "10 units sold counted, 14 sent: 4 lost"),
        ({"aside": ("standard-000003-b",)}, "poison line standard-000004-a is not in quarantine"),
        ({"aside": ("standard-000004-a",)}, "0 are in quarantine, not 1"),
        ({"aside": ("standard-000001-a", "standard-000003-b", "standard-000004-a")}, "the good line standard-000001-a"),
        ({"published": ()}, "P01:1 was committed and never published"),
        ({"published": (DETAIL, {**DETAIL, "reorder_id": "P01:2", "on_order": 5})}, "P01:2 was published and never"),
        ({"published": (DETAIL, {**DETAIL, "reorder_id": "P01:2"})}, "order P01:2: 0 on order, between 5 and 5 were"),
        ({"published": (DETAIL, {**DETAIL, "on_order": 9})}, "published with two contents"),
        ({"ordered": 6}, "order P01:1 of 6 was published as 5"),
        ({"cycle": 2}, "has had 2 cycles and holds the orders of [1]"),
        ({"published": ({**DETAIL, "reorder_point": 1},)}, "was placed above its reorder point"),
    ],
)
def test_what_is_wrong_is_named(wrong, said):
    assert any(said in finding for finding in found(**wrong)), found(**wrong)
