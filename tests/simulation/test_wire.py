"""Is the worker as safe with the real AWS clients, and do the direct clients tell the same as they do?

The same calls go through all: what the services are told and what the caller gets must be equal, by the library's way
and by the lane. Then whole runs: with either in between, every step of a seed is the same step."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import subprocess
import sys
from functools import partial
from io import BytesIO
from operator import itemgetter
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError
from rich.console import Console

from simulation.accidents import FATES
from simulation.clients import direct_clients
from simulation.many import accident_outcome, all_of, seed_outcome, tell
from simulation.run import World, run
from simulation.sales_table import BY_TIME
from simulation.scenario import Accident, small, small_stream, swarm
from simulation.wire import WiredSession, lane_clients, wired_clients
from simulation.wire_calls import IN_A_ROW, ONE_OF_EACH, item_of
from worker.aws.lane import HOT

SEEDS = 12
ALIKE = 4  # of them are compared with the run without the library
JOBS = os.cpu_count() or 1
TESTS = Path(__file__).parents[1]
WAYS = pytest.mark.parametrize("wired", [wired_clients, lane_clients], ids=["library", "lane"])
# What only the library says or hears beside its caller: a token for the service, checksums, the HTTP envelope.
OF_THE_LIBRARY = {"ClientRequestToken", "ChecksumMode", "ChecksumAlgorithm", "ChecksumCRC32", "ResponseMetadata"}


def _heard(opened, calls, weather=None, fate=None):
    """What comes of the calls, and what the services were told."""
    world = World(small_stream(), opened)
    # Nobody judges: these are no worker's calls.
    world.tables.decided = world.bus.subscriber = lambda what: None
    for queue in world.queues:
        queue.deleting = queue.delivered = lambda what: None
    world.streams.giving = lambda stream, shard, records: None
    for name, value in (weather or {}).items():
        setattr(world.network.weather, name, value)
    if fate is not None:
        world.network.planned[1] = fate
    for item in (
        item_of("H", version={"N": "7"}, tail={"B": b"\x00\x01"}),
        item_of("E#1", created_at={"N": "1"}),
        item_of("E#2", entries={"B": b""}),
    ):
        world.state.show(world.state.key_of(item), item)
    for number in range(3):
        world.queue.send(f"body {number}")
    _change_a_table(world.streams)
    told, call = [], world.network.call

    async def recorded(service, operation, said):
        told.append((service, operation, {n: _plain(v) for n, v in said.items() if n not in OF_THE_LIBRARY}))
        return await call(service, operation, said)

    world.network.call = recorded

    async def live():
        async with opened(world.network) as clients:
            return [await asyncio.gather(*(_outcome(clients, *one) for one in _at_once(calls_))) for calls_ in calls]

    try:
        return world.loop.run_until_complete(live()), told, world.loop.time()
    finally:
        world.loop.close()


def _change_a_table(streams):
    """A record of each kind in a shard, and two that go on from it."""
    key = {"product_id": {"S": "P1"}, "sale_date": {"S": "2024-10-04"}}
    old = {**key, "weight": {"N": "1.50"}, "seal": {"B": b"\x00\xff"}}
    new = {**key, "notes": {"L": [{"NULL": True}]}}
    for images in ((None, old), (old, new), (new, None, BY_TIME)):
        streams.write(key, *images)
    streams.happen("split")
    for shard in streams.streams[0].shards:
        shard.listed_at = shard.end_listed_at = 0.0


def _at_once(calls):
    return calls if isinstance(calls, list) else [calls]


def _plain(value):
    return value.getvalue() if isinstance(value, BytesIO) else value


async def _outcome(clients, service, operation, said):
    if isinstance(said.get("Body"), BytesIO):
        said = said | {"Body": BytesIO(said["Body"].getvalue())}
    try:
        answer = await getattr(getattr(clients, service), operation)(**said)
    except ClientError as exc:
        # The message stands twice in what the library parsed, once as a modelled member.
        members = {n: v for n, v in exc.response.items() if n.lower() not in ("error", "message", "responsemetadata")}
        error = itemgetter("Code", "Message")(exc.response["Error"])
        return *error, exc.response["ResponseMetadata"]["HTTPStatusCode"], members
    except BotoCoreError as exc:
        return type(exc)
    answer = {name: value for name, value in answer.items() if name not in OF_THE_LIBRARY}
    if "Body" in answer:
        async with answer["Body"] as stream:
            answer["Body"] = await stream.read()
    return answer


@WAYS
@pytest.mark.parametrize("operation", ONE_OF_EACH)
def test_an_operation_says_and_answers_the_same_by_wire(operation, wired):
    calls = [ONE_OF_EACH[operation]]
    assert _heard(direct_clients, calls) == _heard(wired, calls)


@WAYS
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("operation", ONE_OF_EACH)
def test_every_fate_of_a_call_ends_the_same_by_wire(operation, fate, wired):
    calls = [ONE_OF_EACH[operation]]
    assert _heard(direct_clients, calls, fate=fate) == _heard(wired, calls, fate=fate)


@WAYS
@pytest.mark.parametrize("row", IN_A_ROW)
def test_answers_and_refusals_are_the_same_by_wire(row, wired):
    calls, weather = IN_A_ROW[row]
    assert _heard(direct_clients, calls, weather) == _heard(wired, calls, weather)


def test_no_hot_call_of_the_worker_goes_the_longer_way_where_there_is_a_lane(monkeypatch):
    sent, send = set(), WiredSession.send

    async def seen(session, request):
        sent.add(request.headers.get("X-Amz-Target", b"").decode().partition(".")[2])
        return await send(session, request)

    monkeypatch.setattr(WiredSession, "send", seen)
    run(small_stream(), lane_clients)
    assert sent & {name for names in HOT.values() for name in names} == set()
    assert sent >= {"GetQueueUrl", "DescribeStream"}


def test_the_library_names_the_failures_as_the_adapters_read_them():
    """The table above compares; this says what it is that both tell."""
    operations = [ONE_OF_EACH["get_queue_url"]]
    assert _heard(wired_clients, operations, fate="lost_answer")[0] == [[ReadTimeoutError]]
    assert _heard(wired_clients, operations, fate="broken_after")[0] == [[ConnectionClosedError]]
    assert _heard(wired_clients, operations, fate="throttled")[0][0][0][0] == "RequestThrottled"
    code, _, status, members = _heard(wired_clients, *IN_A_ROW["the model fails"])[0][0][0]
    assert (code, status, members["OriginalStatusCode"]) == ("ModelError", 424, 500)
    code, _, status, members = _heard(wired_clients, *IN_A_ROW["a condition that fails among others"])[0][0][0]
    failed = [{"Code": name} for name in ("None", "ConditionalCheckFailed", "ConditionalCheckFailed")]
    assert (code, status, members["CancellationReasons"]) == ("TransactionCanceledException", 400, failed)


def test_a_connection_is_free_again_only_when_its_body_was_read():
    async def hoard(world):
        async with wired_clients(world.network) as clients:
            await clients.s3.put_object(Bucket="b", Key="k", Body=b"x")
            held = [await clients.s3.get_object(Bucket="b", Key="k") for _ in range(64)]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60):
                    await clients.s3.get_object(Bucket="b", Key="k")
            await held[0]["Body"].read()
            return await clients.s3.get_object(Bucket="b", Key="k")

    world = World(small(), wired_clients)
    assert world.loop.run_until_complete(hoard(world))["ContentLength"] == 1
    world.loop.close()


def _told(outcomes, count):
    said = io.StringIO()
    tell(outcomes, count, Console(file=said, width=1_000), lambda runs: f"{runs} runs")
    return said.getvalue()


def _short_seeds(count):
    """Seeds with few calls in them, and all that may go wrong with a call; `make sim ARGS=--wire` runs any."""
    return list(itertools.islice(filter(_is_short, itertools.count()), count))


def _is_short(seed):
    scenario = swarm(seed)
    settings = scenario.settings
    brief = scenario.minutes < 5 and scenario.messages < 50 and not scenario.burst
    return brief and settings.long_poll_s > 1 and settings.sweep_interval_s > 5


@pytest.mark.timeout(300)
def test_seeds_by_wire_break_no_guarantee_and_are_the_same_runs():
    seeds = _short_seeds(SEEDS)
    wired = list(all_of(partial(seed_outcome, wire=True), seeds, JOBS))
    told = _told(wired, SEEDS)
    assert told.endswith(f"{SEEDS} passed, 0 failed\n"), told
    assert [each.figures for each in wired[:ALIKE]] == [seed_outcome(seed).figures for seed in seeds[:ALIKE]]
    assert all(each.again.endswith(" --trace --wire") for each in wired)


def test_an_accident_by_wire_is_repeated_by_wire():
    again = accident_outcome(Accident("lost_answer", 40), wire=True).again
    assert again.endswith(" --accident lost_answer:40 --trace --wire")


def _scripted(code):
    """What the code prints in an interpreter whose environment would send a real client elsewhere."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_PROFILE": "absent", "AWS_MAX_ATTEMPTS": "7"}
    environment |= {"AWS_RETRY_MODE": "adaptive", "AWS_DEFAULTS_MODE": "auto", "HTTPS_PROXY": "http://127.0.0.1:9"}
    environment |= {"PYTHONHASHSEED": "4242", "PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


ALONE = """
import socket, threading
from simulation.run import run
from simulation.scenario import swarm
from simulation.wire import {clients}
def refused(*_, **__):
    raise AssertionError("a run reaches out")
socket.socket = socket.getaddrinfo = threading.Thread.start = refused
print(run(swarm({seed}), {clients})[1])
"""


@pytest.mark.parametrize("clients", ["wired_clients", "lane_clients"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_seed_is_the_same_run_by_wire_step_by_step(streamed, clients):
    """Alone in an unfriendly environment, without sockets and threads."""
    seed = next(seed for seed in _short_seeds(SEEDS) if swarm(seed).streamed == streamed)
    assert run(swarm(seed))[1] == _scripted(ALONE.format(seed=seed, clients=clients))
