"""A record on our wire is what EventBridge Pipes would have sent: golden texts, parsed and written again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session

from worker.sources.shards.records import as_json, created_at

GOLDEN = Path(__file__).parents[2] / "golden"
PIPES = sorted(GOLDEN.glob("pipes_*.json"))
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/retail-sales-history/stream/2024-09-30T00:00:00.000"
NUMBERS = ["12345678901234567890123456789012345678", "1.50", "-0.0010", "0", "1E-130", "9.9E+125"]


@pytest.fixture(scope="module")
def parsed():
    """What a client gives for a record that stood so in the answer of GetRecords."""
    shape = get_session().get_service_model("dynamodbstreams").operation_model("GetRecords").output_shape
    parser = create_parser("json")

    def parse(record):
        body = json.dumps({"Records": [record]}).encode()
        return parser.parse({"status_code": 200, "headers": {}, "body": body}, shape)["Records"][0]

    return parse


def as_answered(golden):
    """The record of a golden text as GetRecords answers it: no stream, and who deleted it spelled otherwise."""
    record = {name: value for name, value in golden.items() if name != "eventSourceARN"}
    if "userIdentity" in record:
        said = record["userIdentity"]
        record["userIdentity"] = {"PrincipalId": said["principalId"], "Type": said["type"]}
    return record


def with_image(image):
    return {
        "eventID": "e1",
        "eventName": "INSERT",
        "dynamodb": {"ApproximateCreationDateTime": 1727771163, "Keys": {}, "NewImage": image, "SequenceNumber": "1"},
    }


@pytest.mark.parametrize("path", PIPES, ids=lambda path: path.stem)
def test_a_record_is_written_as_pipes_writes_it(parsed, path):
    golden = json.loads(path.read_text())
    assert json.loads(as_json(parsed(as_answered(golden)), golden["eventSourceARN"])) == golden


def test_there_is_a_golden_text_of_every_kind():
    assert [path.stem for path in PIPES] == ["pipes_insert", "pipes_modify", "pipes_remove", "pipes_remove_ttl"]


def test_every_type_of_an_attribute_is_as_it_was_on_the_wire(parsed):
    image = {
        "text": {"S": 'Grüße "🛒"\n'},
        "numbers": {"L": [{"N": number} for number in NUMBERS]},
        "bytes": {"B": "AP8="},
        "texts": {"SS": ["a", "b"]},
        "number_set": {"NS": ["1.50", "2"]},
        "byte_set": {"BS": ["AA==", "/w=="]},
        "map": {"M": {"empty": {"M": {}}, "none": {"NULL": True}, "no": {"BOOL": False}, "list": {"L": []}}},
    }
    written = json.loads(as_json(parsed(with_image(image)), ARN))
    assert written == {**with_image(image), "eventSourceARN": ARN}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_the_text_it_was(parsed, number):
    assert f'"n":{{"N":"{number}"}}' in as_json(parsed(with_image({"n": {"N": number}})), ARN)


def test_the_text_is_compact_and_readable():
    assert as_json({"eventID": "é", "dynamodb": {"Keys": {}}}, "a") == (
        '{"eventID":"é","dynamodb":{"Keys":{}},"eventSourceARN":"a"}'
    )


def test_an_event_that_the_client_does_not_know_is_passed_on():
    record = {"eventName": "COMPACTED", "something": {"new": [1, True, None]}}
    assert json.loads(as_json(record, ARN)) == {**record, "eventSourceARN": ARN}


def test_the_record_itself_is_left_as_it_was(parsed):
    record = parsed(as_answered(json.loads((GOLDEN / "pipes_remove_ttl.json").read_text())))
    as_json(record, ARN)
    assert "eventSourceARN" not in record
    assert record["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def test_sets_are_written_in_order_and_bytes_as_base64():
    record = {"names": {"b", "a"}, "bytes": {b"\xff", b"\x00"}, "array": bytearray(b"ab")}
    assert json.loads(as_json(record, ARN)) == {
        "names": ["a", "b"],
        "bytes": ["AA==", "/w=="],
        "array": "YWI=",
        "eventSourceARN": ARN,
    }


def test_a_number_that_somebody_has_parsed_is_refused_and_not_rounded():
    with pytest.raises(TypeError, match="Decimal"):
        as_json({"n": Decimal("1.50")}, ARN)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (datetime(2024, 10, 1, 8, 26, 3, tzinfo=UTC), 1_727_771_163_000),
        (datetime(2024, 10, 1, 10, 26, 3, tzinfo=timezone(timedelta(hours=2))), 1_727_771_163_000),
        (datetime(2024, 10, 1, 8, 26, 3), 1_727_771_163_000),  # noqa: DTZ001 - taken for UTC
        (1_727_771_163, None),
        (None, None),
    ],
)
def test_when_it_was_made_is_told_in_milliseconds_if_at_all(said, expected):
    assert created_at({"dynamodb": {"ApproximateCreationDateTime": said}}) == expected
    assert created_at({}) is None
