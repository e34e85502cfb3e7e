"""What does the stand-in for Bedrock answer, and in which shape?

The rules' own words on the facts that it was asked about, in the schema of the request, or a refusal of what Bedrock
itself would refuse: a worker that asks wrongly must not find out on AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from handlers.insight_rules import RULE_BASED, Facts, explain_together

# What structured output on Bedrock refuses in a schema with a 400; minItems is allowed as 0 or 1 only.
UNSUPPORTED_KEYWORDS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
    | {"maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties"}
)


Json = Mapping[str, Any]


class QuestionError(ValueError):
    """The question cannot be answered in the shape that it asks for."""


def response_to(question: Json) -> Json:
    """Converse's response to a request body: the rules' words as JSON text, or as the input of the tool that the
    request forces. QuestionError if Bedrock would refuse the request."""
    started = time.monotonic()
    asked, schema, tool = _read(question)
    answer = answer_within(schema, facts_in(asked))
    block: Json = {"text": json.dumps(answer, ensure_ascii=False)}
    if tool is not None:
        block = {"toolUse": {"toolUseId": "tooluse_local", "name": tool, "input": answer}}
    # Nothing is billed here: four characters a token are near enough to exercise a budget.
    tokens_in, tokens_out = -(-len(asked) // 4), -(-len(json.dumps(answer)) // 4)
    return {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": "end_turn" if tool is None else "tool_use",
        "usage": {"inputTokens": tokens_in, "outputTokens": tokens_out, "totalTokens": tokens_in + tokens_out},
        "metrics": {"latencyMs": int((time.monotonic() - started) * 1000)},
    }


def _read(question: Json) -> tuple[str, Json | None, str | None]:
    """The last user message's text, the JSON schema that the answer must obey if one is set, and the tool that it must
    be given to if one is forced."""
    try:
        message = question["messages"][-1]
        if message["role"] != "user":
            raise ValueError("the last message is not the user's")
        text = "".join(block.get("text", "") for block in message["content"])
        if (forced := question.get("toolConfig", {}).get("toolChoice", {}).get("tool")) is not None:
            [tool] = [each["toolSpec"] for each in question["toolConfig"]["tools"]]
            if tool["name"] != forced["name"]:
                raise ValueError("the forced tool is not one of the tools")
            return text, tool["inputSchema"]["json"], tool["name"]
        text_format = question.get("outputConfig", {}).get("textFormat")
        if text_format is None:
            return text, None, None
        return text, json.loads(text_format["structure"]["jsonSchema"]["schema"]), None
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as exc:
        raise QuestionError(f"The request is malformed: {exc}") from exc


def facts_in(text: str) -> list[Facts]:
    """The facts of each product in a user message, whose first JSON object they are. QuestionError if it cannot be
    read."""
    start = text.find("{")
    if start < 0:
        return [Facts()]
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start)
        return [Facts.model_validate(each) for each in found.get("products") or [found]]
    except (ValidationError, ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise QuestionError("the message holds no facts that can be read") from exc


def answer_within(schema: Mapping[str, Any] | None, facts: Sequence[Facts]) -> dict[str, object]:
    """The explanation as an object that obeys the schema; it names its source wherever it may.

    QuestionError if the schema asks for what no rule can say, or is one that Bedrock refuses."""
    full: dict[str, object] = {**explain_together(facts), "source": RULE_BASED}
    if schema is None:
        return full
    if fault := schema_fault(schema):
        raise QuestionError(fault)
    asked = schema.get("properties", {})
    if missing := sorted(set(schema.get("required", ())) - (full.keys() & asked.keys())):
        raise QuestionError(f"no rule can fill {missing}")
    if misfits := sorted(key for key in full.keys() & asked.keys() if not _fits(full[key], asked[key])):
        raise QuestionError(f"what the rules say does not fit the type of {misfits}")
    return {key: value for key, value in full.items() if key in asked}


def _fits(value: object, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, str):
        return schema.get("type") == "string"
    return schema.get("type") == "array" and schema.get("items", {}).get("type", "string") == "string"


def schema_fault(schema: Any, path: str = "schema") -> str | None:
    """Why Bedrock would refuse this schema, or None. Property names are never taken for keywords."""
    if not isinstance(schema, Mapping):
        return f"{path} is not an object"
    if unsupported := sorted(UNSUPPORTED_KEYWORDS & schema.keys()):
        return f"{path}: {unsupported} are not supported"
    if schema.get("type") == "array" and schema.get("minItems", 0) not in (0, 1):
        return f"{path}: 'minItems' values other than 0 or 1 are not supported"
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return f"{path}: for 'object', 'additionalProperties' must be false"
    parts = dict(schema.get("properties", {}))
    if "items" in schema:
        parts["[]"] = schema["items"]
    faults = (schema_fault(part, f"{path}.{name}") for name, part in parts.items())
    return next((fault for fault in faults if fault), None)
