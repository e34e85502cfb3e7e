"""What is a body of /invocations answered?

It is one request, of the short form or of Chronos', or with application/jsonlines a request a line and an answer a
line: what is wrong with a line is said in its answer, as {"error": ...}, and fails no other. Answers are as large as
SageMaker lets them be, and take no longer than `until`."""

from __future__ import annotations

import json
import time
from typing import Any

from forecaster import chronos
from forecaster.chronos import TooLate
from forecaster.formats import CONTENT_TYPE, MalformedPayload, decode_request, encode_response
from forecaster.model import DemandModel

BODY_BYTES_MAX = 6 * 1024 * 1024
TOTALS_MAX = 200_000
LINES_TYPE = "application/jsonlines"
LINES_TYPES = (LINES_TYPE, "application/jsonl", "application/x-jsonlines", "application/x-ndjson")
# What a client sends that says nothing of its content is taken for JSON.
JSON_TYPES = (CONTENT_TYPE, "application/octet-stream", "application/x-www-form-urlencoded", "text/plain", "")
SELF_TEST = {"inputs": [{"target": [1, 0, 2, 1, 0, 0, 3, 1]}], "parameters": {"prediction_length": 2}}


class Unacceptable(ValueError):
    """No answer is of a type that the caller would take."""


class UnknownType(ValueError):
    """The body is of a type that nobody here reads."""


class AnswerTooLarge(ValueError):
    """The answer would be larger than SageMaker passes on: ask for less at once."""


def answered(
    model: DemandModel, name: str, body: bytes, content_type: str, accept: str, until: float
) -> tuple[bytes, str]:
    """The answer and its content type. until: by time.monotonic(); TooLate when it has passed before the end.

    MalformedPayload, Unacceptable, UnknownType and AnswerTooLarge say what the caller should do otherwise."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in LINES_TYPES:
        lines = [line for line in body.splitlines() if line.strip()]
        said = negotiated(accept, LINES_TYPE, CONTENT_TYPE if len(lines) == 1 else LINES_TYPE)
        answer = b"".join(_line(model, name, line, until) + b"\n" for line in lines)
    elif kind in JSON_TYPES:
        said = negotiated(accept, CONTENT_TYPE, LINES_TYPE)
        answer = _record(model, name, body, until)
    else:
        raise UnknownType(f"content type {kind} is not read: {CONTENT_TYPE} and {LINES_TYPE} are")
    if time.monotonic() > until:
        raise TooLate
    if len(answer) > BODY_BYTES_MAX:
        raise AnswerTooLarge(f"the answer has {len(answer)} bytes, more than {BODY_BYTES_MAX}: ask for less at once")
    return answer, said


def negotiated(accept: str, *offered: str) -> str:
    """The first of the offered types that an Accept header takes; Unacceptable if it takes none."""
    ranges = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()] or ["*/*"]
    for kind in offered:
        names = {kind, "*/*", f"{kind.partition('/')[0]}/*"} | (set(LINES_TYPES) if kind == LINES_TYPE else set())
        if names & set(ranges):
            return kind
    raise Unacceptable(f"Accept {accept} takes none of {', '.join(dict.fromkeys(offered))}")


def can_predict(model: DemandModel) -> bool:
    """Whether a small request is answered with forecasts."""
    (prediction,) = json.loads(chronos.answer(model, SELF_TEST))["predictions"]
    return "mean" in prediction


def _line(model: DemandModel, name: str, line: bytes, until: float) -> bytes:
    try:
        if time.monotonic() > until:
            raise TooLate
        return _record(model, name, line, until)
    except TooLate:
        return _error("the time for this request is up: send fewer lines")
    except MalformedPayload as exc:
        return _error(str(exc))
    except Exception as exc:  # noqa: BLE001 - one line fails, the others are answered
        return _error(f"the prediction failed: {type(exc).__name__}")


def _record(model: DemandModel, name: str, body: bytes, until: float) -> bytes:
    said = _chronos_request(body)
    if said is not None:
        return chronos.answer(model, said, until)
    try:
        request = decode_request(body)
    except RecursionError as exc:
        raise MalformedPayload("nested too deeply") from exc
    if request.cover_days.size > TOTALS_MAX:
        raise MalformedPayload(f"{request.cover_days.size} totals asked for: at most {TOTALS_MAX} a request")
    return encode_response(name, request.items, model.predict(request))


def _chronos_request(body: bytes) -> dict[str, Any] | None:
    """The body as JSON, if it asks as Chronos is asked. The short form is known by its beginning, so
    that it is not read twice."""
    if body.lstrip()[:8].replace(b" ", b"").startswith(b'{"form"'):
        return None
    try:
        said = json.loads(body, parse_constant=_null)
    except (ValueError, RecursionError) as exc:
        raise MalformedPayload(f"not JSON: {type(exc).__name__}: {exc}") from exc
    return said if isinstance(said, dict) and "inputs" in said else None


def _null(_constant: str) -> None:
    """NaN and Infinity, which are not JSON, stand for what is not known."""


def _error(reason: str) -> bytes:
    return json.dumps({"error": reason}).encode()
