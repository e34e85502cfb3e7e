"""Logs at DEBUG hold no credential and no body, whichever way the calls take."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import structlog

from worker.aws.clients import Endpoints, open_clients
from worker.clock import SystemClock
from worker.settings import Settings
from worker.telemetry import QUIETED, configure_logging
from worker.wiring import build

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIDNOBODYMAYSEE",
    "AWS_SECRET_ACCESS_KEY": "the-key-that-nobody-may-see",
    "AWS_SESSION_TOKEN": "the-token-that-nobody-may-see",
}
IN_BODIES = "what-only-the-body-says"
SALE = {"product_id": "A", "occurred_at": "2024-09-01", "quantity": 1, "category": IN_BODIES}
BODIES = [
    json.dumps(SALE),
    json.dumps([SALE, {**SALE, "quantity": "many", "note": IN_BODIES}]),
    f"no sale at all, but {IN_BODIES}",
    f'{{"product_id": "{IN_BODIES}", "quantity": }}',
]


@pytest.fixture
def everything_logged(caplog):
    """Whatever any logger says, from DEBUG on."""
    before = {name: logging.getLogger(name).level for name in QUIETED}
    for name in before:  # an earlier test may have quieted them
        logging.getLogger(name).setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


async def work(aws, *, lane, traces=False):
    """A worker takes the bodies, good and bad, and stops."""
    settings = Settings(**{**aws.settings.model_dump(), "long_poll_s": 1, "bedrock_model": "", "traces": traces})
    async with open_clients(settings.region, Endpoints(aws.url, aws.gateway.url), lane=lane) as clients:
        for body in BODIES:
            await clients.sqs.send_message(QueueUrl=aws.queue_url, MessageBody=body)
        runner = await build(settings, clients, SystemClock())
        stop = asyncio.Event()
        working = asyncio.create_task(runner.run(stop))
        async with asyncio.timeout(30):
            await all_taken(aws)
            stop.set()
            await working


async def all_taken(aws):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        answer = await aws.clients.sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=names)
        if not any(int(answer["Attributes"][name]) for name in names):
            return
        await asyncio.sleep(0.1)


def leaked(text):
    return [secret for secret in (*SECRETS.values(), IN_BODIES) if secret in text]


@pytest.mark.parametrize("lane", [True, False])
async def test_nothing_leaks_at_debug(aws, monkeypatch, capfd, everything_logged, lane):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    configure_logging(logging.DEBUG)
    await work(aws, lane=lane)
    said = capfd.readouterr()
    assert "line.quarantined" in said.err
    assert leaked(said.err + said.out + everything_logged.text) == []


async def test_the_net_would_catch_it(aws, monkeypatch, everything_logged):
    """Without what configure_logging does, botocore says all of it."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    await work(aws, lane=False)
    assert {SECRETS["AWS_SESSION_TOKEN"], IN_BODIES} <= set(leaked(everything_logged.text))
