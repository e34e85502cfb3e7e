"""Which way does a call go, and what does it take along?"""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
import pytest_asyncio
from aiobotocore.session import AioSession
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    ClientError,
    MissingDependencyException,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from lane_calls import REFUSALS, REQUESTS, heard
from lane_pair import NOW, REGION, Canned, Credentials, outcomes, pairs

from worker.aws.clients import Endpoints, open_clients
from worker.aws.lane import Lane, may_take

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both():
    async with pairs() as opened:
        yield opened


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("PutEvents", {"Entries": [{"Time": NOW}]}),
        ("PutItem", {"TableName": "t", "Item": {"a": {"S": "\ud800"}}}),
    ],
    ids=["a time", "half of a surrogate pair"],
)
async def test_what_the_lane_has_no_words_for_goes_the_clients_way(both, operation, params):
    pair = both[REQUESTS[operation][0]]
    before, pair.sent = len(pair.canned.requests), None
    ours, theirs = await outcomes(pair, operation, heard(operation, {}), params)
    assert ours == theirs
    assert len(pair.canned.requests) == before
    assert pair.sent is not None


@pytest.mark.parametrize(
    "item",
    [{"a": {"SS": ("x", "y")}}, {"a": {"N": 1}}, {"a": {"B": bytearray(b"\xfb\xff")}}, {"a": {"S": '"Time":'}}, {}],
)
async def test_what_is_not_quite_as_it_should_be_is_sent_as_the_client_sends_it(both, item):
    pair = both["dynamodb"]
    before = len(pair.canned.requests)
    await outcomes(pair, "PutItem", heard("PutItem", {}), {"TableName": "t", "Item": item})
    assert json.loads(pair.canned.last[2]) == json.loads(pair.sent.body)
    assert len(pair.canned.requests) == before + 1


async def test_a_text_that_speaks_of_times_is_no_time(both):
    detail = json.dumps({"Time": 1, "x": '"Time":'})
    before = len(both["events"].canned.requests)
    await outcomes(both["events"], "PutEvents", heard("PutEvents", {}), {"Entries": [{"Detail": detail}]})
    assert len(both["events"].canned.requests) == before + 1


async def test_a_global_endpoint_is_the_clients_to_find(both):
    pair, before = both["events"], len(both["events"].canned.requests)
    with pytest.raises(MissingDependencyException):
        await pair.lane.put_events(Entries=[], EndpointId="abc.123")
    assert len(pair.canned.requests) == before


async def test_a_transaction_has_a_token_of_its_own_unless_it_brings_one(both):
    pair = both["dynamodb"]
    pair.canned.heard = heard("TransactWriteItems", {})
    told = []
    for params in ({}, {}, {"ClientRequestToken": "mine"}):
        await pair.lane.transact_write_items(TransactItems=[], **params)
        told.append(json.loads(pair.canned.last[2])["ClientRequestToken"])
    assert len(set(told)) == 3
    assert told[2] == "mine"
    assert [len(token) for token in told[:2]] == [36, 36]


@pytest.mark.parametrize(
    "wrong",
    [{"TableName": "t", "Item": {"a": {"Bogus": "x"}}}, {"Item": {}}, {"TableName": "t", "Item": {"a": {"S": 1}}}],
    ids=["a member that there is not", "a member that is missing", "another type"],
)
async def test_a_request_that_breaks_the_model_is_told_by_who_validates(wrong):
    async with pairs(validate=True) as opened:
        said = []
        for client in (opened["dynamodb"].lane, opened["dynamodb"].client):
            with pytest.raises(ParamValidationError) as caught:
                await client.put_item(**wrong)
            said.append(str(caught.value))
        assert said[0] == said[1]
        assert opened["dynamodb"].canned.requests == []


async def test_text_is_no_binary_to_who_validates():
    """The client would encode it; the lane sends it as it is."""
    async with pairs(validate=True) as opened:
        with pytest.raises(ParamValidationError, match="type: <class 'str'>, valid types: <class 'bytes'>"):
            await opened["dynamodb"].lane.put_item(TableName="t", Item={"a": {"B": "text"}})


async def test_the_clients_of_a_test_validate_what_goes_by_the_lane(credentials):
    async with open_clients(REGION, Endpoints("http://127.0.0.1:9"), validate=True) as clients:
        with pytest.raises(ParamValidationError):
            await clients.dynamodb.put_item(TableName="t", Item={"a": {"Bogus": "x"}})


async def test_credentials_are_asked_for_at_each_call(both):
    credentials, canned = Credentials(), Canned()
    lane = Lane(both["sqs"].client, credentials, canned, now=NOW.timestamp)
    for keys in (("first", "s", "token"), ("second", "s", None)):
        credentials.frozen = ReadOnlyCredentials(*keys)
        await lane.receive_message(QueueUrl="q")
        _, headers, _ = canned.last
        assert f"Credential={keys[0]}/20241004/{REGION}/sqs/" in headers["authorization"]
        assert headers.get("x-amz-security-token") == keys[2]


async def test_who_listens_to_the_clients_events_hears_of_a_call_by_the_lane():
    failure, said = ReadTimeoutError(endpoint_url="u"), {"QueueUrl": "q"}
    told = []

    def listen(event_name, context, params=None, parsed=None, exception=None, **_):
        context.setdefault("said", params)
        status = parsed["ResponseMetadata"]["HTTPStatusCode"] if parsed else None
        told.append((event_name, context["said"], status, exception))

    async def heard_of(client):
        told.clear()
        with suppress(ClientError, ReadTimeoutError):
            await client.receive_message(**said)
        return list(told)

    asked = ("before-parameter-build.sqs.ReceiveMessage", said, None, None)
    async with pairs() as opened:
        pair = opened["sqs"]
        for event in ("before-parameter-build", "after-call", "after-call-error"):
            pair.lane.meta.events.register(event, listen)
        for answered, ending in (
            (heard("ReceiveMessage", {}), ("after-call.sqs.ReceiveMessage", said, 200, None)),
            (REFUSALS["no older name"], ("after-call.sqs.ReceiveMessage", said, 400, None)),
            (failure, ("after-call-error.sqs.ReceiveMessage", said, None, failure)),
        ):
            pair.canned.heard = answered
            assert await heard_of(pair.lane) == [asked, ending]
            assert await heard_of(pair.client) == [asked, ending]


async def test_a_listener_may_change_what_is_said():
    async with pairs() as opened:
        pair = opened["sqs"]
        pair.client.meta.events.register("before-parameter-build", lambda params, **_: params.update(QueueUrl="other"))
        await pair.lane.receive_message(QueueUrl="q")
        assert json.loads(pair.canned.last[2]) == {"QueueUrl": "other"}


async def test_everything_else_is_the_clients(both):
    pair = both["sqs"]
    assert pair.lane.meta is pair.client.meta
    assert pair.lane.exceptions is pair.client.exceptions
    assert pair.lane.get_queue_url == pair.client.get_queue_url
    with pytest.raises(AttributeError):
        pair.lane.no_such_operation  # noqa: B018


async def test_inside_lambda_a_call_says_where_it_comes_from(both, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "restock")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-ä;Sampled=1")
    pair = both["sqs"]
    canned = Canned()
    lane = Lane(pair.client, Credentials(), canned, now=NOW.timestamp)
    await lane.receive_message(QueueUrl="q")
    await outcomes(pair, "ReceiveMessage", heard("ReceiveMessage", {}), {"QueueUrl": "q"})
    assert canned.last[1]["x-amzn-trace-id"] == pair.sent.headers["X-Amzn-Trace-Id"].decode()
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    await lane.receive_message(QueueUrl="q")
    assert "x-amzn-trace-id" not in canned.last[1]


@pytest.mark.parametrize(
    ("environment", "url", "taken"),
    [
        ({}, None, {"sqs", "dynamodb", "streams", "events"}),
        ({}, "http://127.0.0.1:4566", {"sqs", "dynamodb", "streams", "events"}),
        ({}, "http://127.0.0.1:4566/path", set()),
        ({"HTTPS_PROXY": "http://proxy:1"}, None, set()),
        (
            {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "dynamodb.eu-central-1.amazonaws.com"},
            None,
            {"dynamodb", "streams"},
        ),
        ({"HTTP_PROXY": "http://proxy:1"}, None, {"sqs", "dynamodb", "streams", "events"}),
        ({"AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"}, None, set()),
    ],
)
async def test_the_lane_is_taken_where_it_does_all_that_the_client_is_told(
    credentials, monkeypatch, environment, url, taken
):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_clients(REGION, Endpoints(url)) as clients:
        named = {name: getattr(clients, name) for name in ("sqs", "dynamodb", "streams", "events")}
        assert {name for name, client in named.items() if isinstance(client, Lane)} == taken
        assert not may_take(clients.s3)
        assert not any(isinstance(client, Lane) for client in (clients.s3, clients.cloudwatch, clients.bedrock))
    async with open_clients(REGION, Endpoints(url), lane=False) as clients:
        assert not any(isinstance(getattr(clients, name), Lane) for name in named)


class NoCredentials:
    """Where botocore looks for keys, and there are none."""

    async def load_credentials(self):
        return None


async def test_without_credentials_the_client_says_so():
    session = AioSession()
    session.register_component("credential_provider", NoCredentials())
    async with open_clients(REGION, Endpoints("http://127.0.0.1:9"), session=session) as clients:
        with pytest.raises(NoCredentialsError):
            await clients.sqs.receive_message(QueueUrl="q")
