"""Does the lane say, answer and raise what the client would?

Both get the same call and the same bytes for an answer; a live emulator judges the same in tests/contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import reduce
from operator import getitem

import botocore.auth
import pytest
import pytest_asyncio
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ChecksumError, ClientError
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_calls import ANSWERS, REFUSALS, REQUESTS, heard
from lane_pair import NOW, REGION, Credentials, outcomes, pairs

from worker.aws.answers import Answers
from worker.aws.connections import Answer
from worker.aws.lane import HOT
from worker.aws.shapes import writer

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPERATIONS = [name for names in HOT.values() for name in names]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both():
    async with pairs() as opened:
        yield opened


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_request_is_the_clients_word_for_word(both, operation, monkeypatch):
    service, params = REQUESTS[operation]
    pair = both[service]
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW)
    await outcomes(pair, operation, heard(operation, {}), params)
    first, headers, body = pair.canned.last
    theirs = {
        name.lower(): text.decode() if isinstance(text, bytes) else text for name, text in pair.sent.headers.items()
    }
    # The lane never retries, so that it numbers no attempts; what those add to the signature differs.
    assert {"amz-sdk-invocation-id", "amz-sdk-request", "accept-encoding"} >= set(theirs) - set(headers)
    assert {"host"} >= set(headers) - set(theirs)
    differing = {name for name in theirs if name in headers and theirs[name] != headers[name]}
    assert differing <= {"authorization", "content-length"}
    assert f"https://{headers['host']}/" == pair.sent.url
    assert first == f"{pair.sent.method} / HTTP/1.1"
    assert json.loads(body) == json.loads(pair.sent.body)
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_request_is_signed_as_it_is_sent(both, operation, monkeypatch):
    """botocore signs the very request anew, and comes to the same."""
    service, params = REQUESTS[operation]
    await outcomes(both[service], operation, heard(operation, {}), params)
    signed_anew(both[service], monkeypatch)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4566", "http://[::1]:4566", "https://Here.test:443", "http://here.test:80/"]
)
async def test_a_stand_in_is_called_by_the_name_that_the_client_has_for_it(url, monkeypatch):
    async with pairs(url=url) as opened:
        await outcomes(opened["sqs"], "ReceiveMessage", heard("ReceiveMessage", {}), {"QueueUrl": "q"})
        signed_anew(opened["sqs"], monkeypatch)


def signed_anew(pair, monkeypatch):
    _, headers, body = pair.canned.last
    signed = set(headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";"))
    assert signed >= {"host", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-target"}
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW)
    model = pair.client.meta.service_model
    # What the host is called it finds out for itself.
    request = AWSRequest("POST", pair.sent.url, {name: headers[name] for name in signed - {"host"}}, body)
    botocore.auth.SigV4Auth(Credentials().frozen, model.signing_name, REGION).add_auth(request)
    assert request.headers["Authorization"] == headers["authorization"]


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
async def test_it_goes_where_the_client_goes(region):
    async with pairs(region) as opened:
        for operation, (service, params) in REQUESTS.items():
            await outcomes(opened[service], operation, heard(operation, {}), params)
            assert f"https://{opened[service].canned.last[1]['host']}/" == opened[service].sent.url


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_the_clients(both, name):
    answered = ANSWERS[name]
    service, params = REQUESTS[answered.operation]
    ours, theirs = await outcomes(both[service], answered.operation, answered, params)
    assert ours == theirs
    assert ours["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_raised_as_the_clients(both, name):
    answered = REFUSALS[name]
    service, params = REQUESTS[answered.operation]
    ours, theirs = await outcomes(both[service], answered.operation, answered, params)
    assert ours == theirs
    assert issubclass(ours[0], ClientError)


async def test_the_names_of_errors_are_those_the_adapters_know(both):
    """The tests before compare; this says what it is that both tell."""
    for name, code, exception in [
        ("a cancelled transaction", "TransactionCanceledException", "TransactionCanceledException"),
        ("an older name", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        ("500 and nothing", "500", "ClientError"),
    ]:
        answered = REFUSALS[name]
        service, params = REQUESTS[answered.operation]
        kind, response, *_ = (await outcomes(both[service], answered.operation, answered, params))[0]
        assert (kind.__name__, response["Error"]["Code"]) == (exception, code)
    reasons = (await outcomes(both["dynamodb"], *_transaction()))[0][1]["CancellationReasons"]
    assert reasons[1]["Item"]["b"] == {"B": b"\x00\xfb\xff\xfe"}


def _transaction():
    return "TransactWriteItems", REFUSALS["a cancelled transaction"], REQUESTS["TransactWriteItems"][1]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(
    st.builds(lambda s: {"S": s}, texts),
    st.builds(lambda n: {"N": str(n)}, st.integers() | st.decimals(allow_nan=False, allow_infinity=False)),
    st.builds(lambda b: {"B": b}, st.binary(max_size=8)),
    st.builds(lambda b: {"BS": b}, st.lists(st.binary(max_size=4), max_size=3)),
    st.builds(lambda s: {"SS": s}, st.lists(texts, max_size=3)),
    st.builds(lambda b: {"BOOL": b}, st.booleans()),
    st.just({"NULL": True}),
)
attributes = st.recursive(
    scalars,
    lambda inner: (
        st.builds(lambda v: {"L": v}, st.lists(inner, max_size=3))
        | st.builds(lambda v: {"M": v}, st.dictionaries(texts, inner, max_size=3))
    ),
    max_leaves=12,
)
items = st.dictionaries(st.sampled_from(["B", "BS", "M"]) | texts, attributes, max_size=6)


@settings(deadline=None)
@given(item=items)
async def test_any_item_is_written_as_the_client_writes_it_and_comes_back_the_same(both, item):
    pair = both["dynamodb"]
    model = pair.client.meta.service_model.operation_model("PutItem")
    params = {"TableName": "t", "Item": item}
    ours = json.loads(writer(model.input_shape)(params))
    assert ours == json.loads(pair.client._serializer.serialize_to_request(params, model)["body"])
    body = json.dumps({"Attributes": ours["Item"]}).encode()
    assert Answers(model).read(Answer(200, {}, body))["Attributes"] == item


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**18)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "x", "AA==", "1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["S", "B", "M", "L", "x"]), inner),
    max_leaves=4,
)


def places(document, before=()):
    """The way to every value in a document."""
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    for step, value in inside if isinstance(document, dict | list) else ():
        yield (*before, step)
        if isinstance(value, dict | list):
            yield from places(value, (*before, step))


def read_or_refused(read):
    try:
        return read()
    except Exception as exc:  # noqa: BLE001 - whatever it is, both must come to it
        return type(exc)


@settings(deadline=None, max_examples=300)
@given(name=st.sampled_from(sorted(ANSWERS)), data=st.data())
async def test_an_answer_with_anything_in_the_place_of_something_is_read_as_the_client_reads_it(both, name, data):
    answered = ANSWERS[name]
    document = json.loads(answered.body) if answered.body.startswith(b"{") else {}
    if found := list(places(document)):
        *way, last = data.draw(st.sampled_from(found))
        reduce(getitem, way, document)[last] = data.draw(junk)
    service, _ = REQUESTS[answered.operation]
    model = both[service].client.meta.service_model.operation_model(answered.operation)
    body = json.dumps(document).encode()
    said = {"status_code": 200, "headers": {}, "body": body}
    ours = read_or_refused(lambda: Answers(model).read(Answer(200, {}, body)))
    theirs = read_or_refused(lambda: create_parser("json").parse(said, model.output_shape))
    if isinstance(theirs, dict):
        theirs["ResponseMetadata"]["RetryAttempts"] = 0
    assert ours == theirs


async def test_a_time_in_no_year_is_as_wrong_to_the_lane_as_to_the_client(both):
    pair = both["dynamodbstreams"]
    pair.canned.heard = heard("GetRecords", {"Records": [{"dynamodb": {"ApproximateCreationDateTime": 10**18}}]})
    for client in (pair.lane, pair.client):
        with pytest.raises(RuntimeError, match="1000000000000000000"):
            await client.get_records(ShardIterator="i")


async def test_what_was_garbled_on_its_way_is_no_answer(both):
    pair = both["dynamodb"]
    pair.canned.heard = heard("GetItem", {"Item": {}}, x_amz_crc32="1")
    with pytest.raises(ChecksumError):
        await pair.lane.get_item(TableName="t", Key={})


async def test_times_are_those_of_the_client(both):
    """A time in words is told as the client tells it, every other one in UTC."""
    pair = both["dynamodbstreams"]
    ours, _ = await outcomes(pair, "GetRecords", ANSWERS["records"], {"ShardIterator": "i"})
    times = [record["dynamodb"]["ApproximateCreationDateTime"] for record in ours["Records"]]
    assert times == [datetime.fromtimestamp(s, UTC) for s in (1_700_000_000, 1_700_000_000.25)]
