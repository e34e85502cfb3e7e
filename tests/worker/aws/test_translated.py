"""What becomes of an answer that cannot be read, and of a fault of our own beside it?

An answer is the service's, and may be better the next time; a fault of ours would only be tried again and again."""

from __future__ import annotations

import pytest
import pytest_asyncio
from botocore import xform_name
from lane_calls import REQUESTS, heard
from lane_pair import pairs

from handlers.errors import TransientFailure
from worker.aws.clients import translated

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNREADABLE = {
    "no object": heard("Query", b"[1]"),
    "texts for items": heard("Query", {"Items": ["a", 5]}),
    "a number for a list": heard("Query", {"Items": 5}),
    "no base64": heard("GetItem", {"Item": {"a": {"B": "\u00fc"}}}),
    "no UTF-8": heard("BatchGetItem", b'{"Responses": "\xff'),
    "endless nesting": heard("Query", b'{"Items":' + b"[" * 100_000),
    "a time of no year": heard("GetRecords", {"Records": [{"dynamodb": {"ApproximateCreationDateTime": 10**18}}]}),
    "an error whose name is a list": heard("PutItem", {"__type": ["a"]}, 400),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both():
    async with pairs() as opened:
        yield opened


@pytest.mark.parametrize("way", ["lane", "client"])
@pytest.mark.parametrize("what", UNREADABLE)
async def test_an_answer_that_cannot_be_read_is_transient_by_either_way(both, what, way):
    answered = UNREADABLE[what]
    service, params = REQUESTS[answered.operation]
    pair = both[service]
    pair.canned.heard = answered
    with pytest.raises(TransientFailure, match=f"{answered.operation}: "), translated(answered.operation):
        await getattr(getattr(pair, way), xform_name(answered.operation))(**params)


@pytest.mark.parametrize("fault", [TypeError, AttributeError, RecursionError, ValueError])
async def test_a_fault_of_our_own_is_not_taken_for_one(fault):
    with pytest.raises(fault), translated("Query"):
        raise fault("ours")
