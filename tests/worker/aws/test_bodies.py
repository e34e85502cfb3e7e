"""A body in S3 is read from the one bucket, or refused with a reason; nothing a sender writes raises anything else."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes import proxy as faulty

from handlers.errors import InvalidEvent, Misconfigured, TransientFailure
from worker.producer import pointer_body
from worker.sources import bodies as module
from worker.sources.bodies import Bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def bodies(aws):
    return Bodies(aws.proxied.s3, aws.settings.payload_bucket)


def pointer(aws, key):
    return pointer_body(aws.settings.payload_bucket, key)


async def put(aws, key, body):
    await aws.clients.s3.put_object(Bucket=aws.settings.payload_bucket, Key=key, Body=body)


async def test_a_body_that_is_no_pointer_is_the_body(bodies):
    assert await bodies.of("not a pointer") == "not a pointer"


@pytest.mark.parametrize("key", ["a", "deep/er/key.json", "with space #?&+ü", "a//b", "a..b/...c"])
async def test_a_pointer_is_followed(aws, bodies, key):
    await put(aws, key, '{"product_id": "Ü"}'.encode())
    assert await bodies.of(pointer(aws, key)) == '{"product_id": "Ü"}'


async def test_bytes_that_are_no_text_are_read_all_the_same(aws, bodies):
    await put(aws, "a", b'{"product_id": "\xff"}')
    assert await bodies.of(pointer(aws, "a")) == '{"product_id": "\ufffd"}'


async def test_only_the_configured_bucket_is_read(aws, bodies):
    with pytest.raises(InvalidEvent, match="only 'retail-payloads' is read"):
        await bodies.of(pointer_body("other", "a"))
    assert aws.proxy.calls == []


async def test_a_body_that_does_not_exist_is_refused(aws, bodies):
    with pytest.raises(InvalidEvent, match="does not exist"):
        await bodies.of(pointer(aws, "gone"))


async def test_a_body_that_is_too_large_is_refused(aws, bodies, monkeypatch):
    monkeypatch.setattr(module, "BODY_BYTES_MAX", 100)
    await put(aws, "large", b"x" * 101)
    with pytest.raises(InvalidEvent, match="exceeds 100 bytes"):
        await bodies.of(pointer(aws, "large"))


@pytest.mark.parametrize("key", ["", "\ud800", "x" * 1_025, "ü" * 513, "../retail-quarantine/a", "a/../../b", "."])
async def test_an_impossible_key_is_refused(aws, bodies, key):
    with pytest.raises(InvalidEvent, match="no body can lie"):
        await bodies.of(pointer(aws, key))
    assert aws.proxy.calls == []


async def test_what_passes_is_tried_again(aws, bodies):
    await put(aws, "a", b"body")
    aws.proxy.plan("GET a", faulty.error("SlowDown", 503), faulty.cut_after)
    assert await bodies.of(pointer(aws, "a")) == "body"


@pytest.mark.parametrize(("status", "raised"), [(503, TransientFailure), (403, Misconfigured)])
async def test_a_store_that_is_away_is_not_the_senders_fault(aws, bodies, status, raised):
    aws.proxy.always("GET a", faulty.error("AccessDenied" if status == 403 else "InternalError", status))
    with pytest.raises(raised):
        await bodies.of(pointer(aws, "a"))
