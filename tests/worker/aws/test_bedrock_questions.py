"""Does the Bedrock adapter ask as Converse wants: instructions, facts, schema, limits and guardrail in their places?"""

import json

import pytest
from bedrock_questions import FACTS, bedrock_at, counting, explained, failing, replying
from botocore.validate import ParamValidator

from handlers.errors import Misconfigured
from handlers.insight_text import ANSWER_SCHEMA, BadAnswer, Usage
from worker.aws.bedrock import PROBE_TOKENS, SYSTEM_PROMPT, TOOL_NAME, BedrockExplainer
from worker.local.gateway import DEFAULT_MODEL, AwsError, Gateway
from worker.local.moods import mood


async def test_the_request_holds_instructions_facts_schema_and_limits_each_in_its_place():
    seen = {}

    async def recording(question):
        seen.update(question)
        return await replying()(question)

    await explained(recording)
    assert seen["system"] == [{"text": SYSTEM_PROMPT}]
    assert len(seen["messages"]) == 1
    [block] = seen["messages"][0]["content"]
    assert json.loads(block["text"]) == FACTS
    assert seen["inferenceConfig"] == {"maxTokens": 1024, "temperature": 0.0}
    text_format = seen["outputConfig"]["textFormat"]
    assert text_format["type"] == "json_schema"
    assert json.loads(text_format["structure"]["jsonSchema"]["schema"]) == ANSWER_SCHEMA
    assert "ignore all instructions" not in SYSTEM_PROMPT


async def test_a_guardrail_goes_with_the_question_if_one_is_set():
    for guardrail, sent in ((("gr-1", "7"), {"guardrailIdentifier": "gr-1", "guardrailVersion": "7"}), (None, None)):
        converse, asked = counting(replying())
        await explained(converse, guardrail=guardrail)
        assert asked[0].get("guardrailConfig") == sent


@pytest.mark.parametrize("form", ["schema", "tool"])
async def test_the_request_is_one_that_the_service_model_knows(form):
    """Every name, type and enum, as botocore's model of bedrock-runtime has them."""
    async with Gateway() as gateway, bedrock_at(gateway.url) as client:
        operation = client.meta.service_model.operation_model("Converse")
        explainer = BedrockExplainer(client, "eu.anthropic.claude-haiku-4-5-20251001-v1:0", guardrail=("abc123", "1"))
        request = explainer._request(FACTS, 1024, form)
    report = ParamValidator().validate(request, operation.input_shape)
    assert not report.has_errors(), report.generate_report()


# At the start


async def test_the_probe_is_one_short_question():
    converse, asked = counting(replying(stop="max_tokens"))
    async with Gateway(converse=converse) as gateway, bedrock_at(gateway.url) as client:
        assert await BedrockExplainer(client, DEFAULT_MODEL).ready() == Usage(1, 1)
    [probe] = asked
    assert probe["inferenceConfig"]["maxTokens"] == PROBE_TOKENS


async def test_the_probe_names_a_retired_model_and_what_to_set():
    async with Gateway() as gateway, bedrock_at(gateway.url) as client:
        with pytest.raises(Misconfigured, match=r"end of its life: set RESTOCK_BEDROCK_MODEL.* profile"):
            await BedrockExplainer(client, "anthropic.claude-3-5-sonnet-20241022-v2:0").ready()


# Older models


async def test_a_model_without_schemas_is_made_to_call_a_tool_and_asked_so_from_then_on():
    converse, asked = counting(mood("old"))
    async with Gateway(converse=converse) as gateway, bedrock_at(gateway.url) as client:
        explainer = BedrockExplainer(client, DEFAULT_MODEL)
        assert (await explainer.explain(FACTS)).risks[0] == "Stock is projected to run out on 2011-12-02."
        await explainer.explain(FACTS)
    assert ["outputConfig" in each for each in asked] == [True, False, False]
    for each in asked[1:]:
        assert each["toolConfig"]["toolChoice"] == {"tool": {"name": TOOL_NAME}}
        [tool] = each["toolConfig"]["tools"]
        assert tool["toolSpec"]["inputSchema"]["json"] == ANSWER_SCHEMA


async def test_a_request_that_is_refused_in_both_forms_is_a_misconfiguration_by_the_first():
    async def refusing(question):
        raise AwsError("ValidationException", 400, "schema" if "outputConfig" in question else "tool")

    with pytest.raises(Misconfigured, match="ValidationException: schema"):
        await explained(refusing)


async def test_what_was_refused_in_both_forms_is_not_asked_again_for_a_while(monkeypatch):
    converse, asked = counting(failing("ValidationException", 400))
    async with Gateway(converse=converse) as gateway, bedrock_at(gateway.url) as client:
        explainer = BedrockExplainer(client, DEFAULT_MODEL)
        for _ in range(3):
            with pytest.raises(Misconfigured, match="because"):
                await explainer.explain(FACTS)
        assert len(asked) == 2
        monkeypatch.setattr("worker.aws.bedrock.INVALID_FOR_S", -1.0)
        explainer._refused = None
        for _ in range(2):
            with pytest.raises(Misconfigured):
                await explainer.explain(FACTS)
    assert len(asked) == 2 + 4


@pytest.mark.parametrize("name", ["another_tool", ""])
async def test_the_input_of_another_tool_is_no_answer(name):
    async def converse(question):
        reply = await mood("old")(question)
        reply["output"]["message"]["content"][0]["toolUse"]["name"] = name
        return reply

    with pytest.raises(BadAnswer):
        await explained(converse)
