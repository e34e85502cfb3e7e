"""Is a body answered in the type that was asked for, a line at a time where it has lines, and in time?"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from forecaster import invocations
from forecaster.dataset import panel_of
from forecaster.formats import MalformedPayload, encode_request, request_of
from forecaster.invocations import AnswerTooLarge, TooLate, Unacceptable, UnknownType, answered, negotiated

CHRONOS = json.dumps({"inputs": [{"target": [1, 2, 3, 4, 5]}], "parameters": {"prediction_length": 2}}).encode()
JSON, LINES = "application/json", "application/jsonlines"


@pytest.fixture(scope="module")
def short_form(shop):
    panel = panel_of(shop)
    rows = np.arange(2)
    return encode_request(request_of(["a", "b"], panel.series(panel.until, rows), np.array([[1, 8], [1, 8]])))


@pytest.fixture
def ask(trained):
    def ask(body, content_type=JSON, accept="*/*", until=math.inf):
        answer, kind = answered(trained.model, "m", body, content_type, accept, until)
        return answer, kind

    return ask


@pytest.mark.parametrize(
    "kind", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/octet-stream"]
)
def test_both_forms_are_read_as_json(ask, short_form, kind):
    for body in (CHRONOS, short_form):
        answer, said = ask(body, kind)
        assert said == JSON
        assert json.loads(answer)["predictions"]


@pytest.mark.parametrize("kind", [LINES, "application/jsonl", "application/x-jsonlines"])
def test_each_line_is_a_request_and_each_answer_a_line(ask, short_form, kind):
    body = CHRONOS + b"\n" + short_form + b"\r\n\n" + CHRONOS
    answer, said = ask(body, kind)
    assert said == LINES
    lines = [json.loads(line) for line in answer.splitlines()]
    assert [len(line["predictions"]) for line in lines] == [1, 2, 1]
    assert json.loads(ask(CHRONOS)[0]) == lines[0] == lines[2]
    assert json.loads(ask(short_form)[0]) == lines[1]


@pytest.mark.parametrize(
    "bad",
    [b"{", b"5", b"[]", b"{}", b'{"form": "x"}', b'{"inputs": []}', b"\xff", b"[" * 100_000],
    ids=lambda bad: repr(bad[:9]),
)
def test_a_line_that_makes_no_sense_fails_alone(ask, bad):
    lines = [json.loads(line) for line in ask(CHRONOS + b"\n" + bad + b"\n" + CHRONOS, LINES)[0].splitlines()]
    assert ["error" in line for line in lines] == [False, True, False]
    assert lines[0] == lines[2]
    with pytest.raises(MalformedPayload):
        ask(bad)


def test_a_line_whose_prediction_breaks_fails_alone(ask, monkeypatch):
    whole = invocations._record

    def breaks(model, name, body, until):
        if b"99" in body:
            raise RuntimeError("of this one")
        return whole(model, name, body, until)

    monkeypatch.setattr(invocations, "_record", breaks)
    lines = [json.loads(line) for line in ask(CHRONOS + b"\n" + CHRONOS.replace(b"5]", b"99]"), LINES)[0].splitlines()]
    assert ["error" in line for line in lines] == [False, True]


@pytest.mark.parametrize(
    ("accept", "offered", "said"),
    [
        ("", (JSON,), JSON),
        ("*/*", (JSON, LINES), JSON),
        ("application/*", (JSON,), JSON),
        ("text/csv, application/json;q=0.5", (JSON,), JSON),
        ("application/jsonl", (JSON, LINES), LINES),
        ("Application/JSONLines", (LINES, LINES), LINES),
        ("text/csv", (JSON, LINES), None),
        ("application/json", (LINES, LINES), None),
    ],
)
def test_the_answer_is_of_a_type_that_the_caller_takes_or_none(accept, offered, said):
    if said is not None:
        assert negotiated(accept, *offered) == said
    else:
        with pytest.raises(Unacceptable, match="takes none of"):
            negotiated(accept, *offered)


def test_one_line_is_json_too(ask):
    """A batch transform that sends a record at a time may accept application/json."""
    assert ask(CHRONOS, LINES, JSON)[1] == JSON
    with pytest.raises(Unacceptable):
        ask(CHRONOS + b"\n" + CHRONOS, LINES, JSON)


@pytest.mark.parametrize("kind", ["text/csv", "application/x-recordio-protobuf", "application/x-npy"])
def test_a_type_that_is_not_read_is_named(ask, kind):
    with pytest.raises(UnknownType, match=kind):
        ask(CHRONOS, kind)


def test_an_answer_larger_than_sagemaker_passes_on_is_not_sent(ask, monkeypatch):
    whole = len(ask(CHRONOS)[0])
    monkeypatch.setattr(invocations, "BODY_BYTES_MAX", whole)
    assert len(ask(CHRONOS)[0]) == whole
    monkeypatch.setattr(invocations, "BODY_BYTES_MAX", whole - 1)
    with pytest.raises(AnswerTooLarge, match=f"{whole} bytes"):
        ask(CHRONOS)


def test_when_the_time_is_up_there_is_an_error_and_no_answer(ask):
    with pytest.raises(TooLate):
        ask(CHRONOS, until=0.0)
    with pytest.raises(TooLate):
        ask(CHRONOS + b"\n" + CHRONOS, LINES, until=0.0)
