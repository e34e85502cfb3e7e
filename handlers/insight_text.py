"""What may be asked about a product, and which answer may be shown to a planner?

The question is facts as JSON and nothing else; the answer is four short lists of plain text in a closed
shape, or it is refused. What passes holds no control character, and no number in it is ever read back. Whether what it
says is so is for handlers/insight_check.py."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from handlers.errors import TransientFailure

LINES_MAX: Final = 5
LINE_CHARS_MAX: Final = 240
ANSWER_CHARS_MAX: Final = 16_000
FACT_CHARS_MAX: Final = 200
FACT_ITEMS_MAX: Final = 10

_TERMINAL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
# Control, format (bidirectional overrides, zero width), surrogate, private use, unassigned.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that were billed for an answer."""

    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class InsightText:
    """A few words for a planner. source says who wrote them, and model which model that was: the wiring knows, the
    answer is not asked."""

    factors: tuple[str, ...]
    recommendations: tuple[str, ...]
    risks: tuple[str, ...]
    inventory_suggestions: tuple[str, ...]
    source: str
    model: str | None = None
    usage: Usage = Usage()


class BadAnswer(TransientFailure):
    """The model answered, was paid for it, and what it said must not be shown."""

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage()


def plain_text(text: str) -> str:
    """One line of visible characters: terminal sequences and control characters out, white space single."""
    spaced = " ".join(_TERMINAL_SEQUENCE.sub("", text).split())
    visible = "".join(c for c in spaced if unicodedata.category(c) not in _UNSEEN)
    return " ".join(visible.split())


def _bounded_line(text: str) -> str:
    line = plain_text(text)
    if len(line) > LINE_CHARS_MAX:
        raise ValueError(f"longer than {LINE_CHARS_MAX} characters")
    return line


# Too long is refused, not cut: half a sentence can say the opposite of the whole.
_Line = Annotated[str, AfterValidator(_bounded_line)]
_Lines = Annotated[list[_Line], Field(max_length=LINES_MAX)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    factors: Annotated[_Lines, Field(min_length=1)]
    recommendations: _Lines
    risks: _Lines
    inventory_suggestions: _Lines


def _list_of(what: str) -> dict[str, object]:
    # Structured output takes a subset of JSON Schema: Bedrock refuses maxItems and maxLength with a
    # ValidationException. So the bounds are told in words here and enforced by _Answer.
    bounds = f"At most 3 sentences, each under {LINE_CHARS_MAX - 40} characters of plain text."
    return {"type": "array", "items": {"type": "string"}, "description": f"{what} {bounds}"}


ANSWER_SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {
        "factors": _list_of("What drove the change."),
        "recommendations": _list_of("What the planner should look at or do."),
        "risks": _list_of("What may go wrong, and when."),
        "inventory_suggestions": _list_of("How to set this product up better."),
    },
    "required": ["factors", "recommendations", "risks", "inventory_suggestions"],
    "additionalProperties": False,
}


def facts_as_json(facts: Mapping[str, object]) -> str:
    """The whole user message. The same facts give the same text; texts and lists are cut to their bounds, and
    a number that JSON cannot hold becomes null. TypeError if the facts are not JSON data."""
    return json.dumps(_bounded(facts), sort_keys=True, allow_nan=False, ensure_ascii=False)


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)[:FACT_CHARS_MAX]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)  # json knows none of numpy's integers
    if isinstance(value, Mapping):
        return {str(key): _bounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(inner) for inner in value[:FACT_ITEMS_MAX]]
    return value


def read_answer(text: str, source: str, model: str | None = None, usage: Usage | None = None) -> InsightText:
    """The validated answer. BadAnswer if it is not exactly what ANSWER_SCHEMA and the bounds allow."""
    if len(text) > ANSWER_CHARS_MAX:
        raise BadAnswer(f"the answer has {len(text)} characters, more than {ANSWER_CHARS_MAX}", usage)
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as exc:
        # The kinds of fault only: the answer's own text, keys included, has no place in a log.
        kinds = ", ".join(sorted({fault["type"] for fault in exc.errors(include_input=False)}))
        raise BadAnswer(f"the answer is not in the agreed shape: {kinds}", usage) from exc
    return InsightText(
        factors=_shown(answer.factors),
        recommendations=_shown(answer.recommendations),
        risks=_shown(answer.risks),
        inventory_suggestions=_shown(answer.inventory_suggestions),
        source=source,
        model=model,
        usage=usage or Usage(),
    )


def _shown(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)
