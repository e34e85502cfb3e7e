"""What does the Bedrock adapter read of an answer, and which answers are none?"""

import json
from pathlib import Path

import pytest
from bedrock_questions import ANSWER, FACTS, explained, replying

from handlers.errors import Misconfigured, TransientFailure
from handlers.insight_text import BadAnswer, Usage
from worker.aws.bedrock import BedrockExplainer
from worker.local.gateway import DEFAULT_MODEL
from worker.local.mood_names import MOOD_NAMES
from worker.local.moods import mood


async def test_the_local_explainer_answers_through_the_real_protocol():
    insight = await explained(source="rule-based explainer")
    assert insight.factors[0].startswith("Written by a rule-based explainer")
    assert "position 2 has reached the reorder point 9" in insight.recommendations[0]
    assert insight.risks[0] == "Stock is projected to run out on 2011-12-02."
    assert insight.source == "rule-based explainer"


async def test_an_insight_says_that_bedrock_wrote_it_and_which_model_and_what_was_billed():
    insight = await explained(replying())
    assert (insight.source, insight.model, insight.usage) == ("bedrock", DEFAULT_MODEL, Usage(1, 1))


async def test_the_answer_is_joined_from_its_text_blocks_only():
    async def reasoning_first(question):
        reply = await replying()(question)
        thought = {"reasoningContent": {"reasoningText": {"text": "Hm."}}}
        reply["output"]["message"]["content"] = [thought, {"text": ANSWER[:9]}, {"text": ANSWER[9:]}]
        return reply

    assert (await explained(reasoning_first)).risks == ("r",)


@pytest.mark.parametrize(
    "stop", ["max_tokens", "tool_use", "stop_sequence", "guardrail_intervened", "content_filtered"]
)
async def test_an_answer_that_did_not_end_by_itself_is_no_answer(stop):
    with pytest.raises(BadAnswer) as caught:
        await explained(replying(stop=stop))
    assert caught.value.usage == Usage(1, 1)  # it was billed all the same


@pytest.mark.parametrize(
    ("usage", "billed"),
    [
        ({"inputTokens": -5, "outputTokens": 10**12}, Usage(0, 200_000)),
        ({"inputTokens": None}, Usage(0, 0)),
        ({"inputTokens": "many"}, None),
        ([1], None),
    ],
)
async def test_a_usage_is_within_what_a_call_can_take_or_the_answer_is_none(usage, billed):
    async def converse(question):
        return {**await replying()(question), "usage": usage}

    class Client:
        async def converse(self, **request):
            return await converse(request)

    if billed is None:
        with pytest.raises(BadAnswer, match="documented shape"):
            await BedrockExplainer(Client(), DEFAULT_MODEL).explain(FACTS)
    else:
        assert (await BedrockExplainer(Client(), DEFAULT_MODEL).explain(FACTS)).usage == billed


@pytest.mark.parametrize("text", ["I cannot help with that.", "", "{}", ANSWER[:-2], '{"order": 900}'])
async def test_a_bad_answer_is_transient(text):
    with pytest.raises(BadAnswer, match="agreed shape") as caught:
        await explained(replying(text))
    assert caught.value.usage == Usage(1, 1)


@pytest.mark.parametrize("body", [{}, {"stopReason": "end_turn"}, {"stopReason": "end_turn", "output": {}}])
async def test_an_empty_response_is_transient(body):
    async def converse(_):
        return body

    with pytest.raises(TransientFailure):
        await explained(converse)


# As documented


GOLDEN = Path(__file__).parents[1] / "golden" / "bedrock"


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
async def test_responses_of_the_documented_shapes_are_read(golden):
    """Each file says what Converse answers, in the shape of its documentation, and what is to become of it."""
    case = json.loads(golden.read_text())

    async def converse(_):
        return case["response"]

    if "raises" in case:
        with pytest.raises(BadAnswer, match=case["raises"]):
            await explained(converse)
    else:
        insight = await explained(converse)
        assert insight.factors == tuple(case["factors"])
        assert insight.usage == Usage(*case["usage"])


# Moods


ANSWERING = {"rules", "off", "old", "lying"}


@pytest.mark.parametrize("name", sorted(ANSWERING))
async def test_in_some_moods_it_answers_in_the_agreed_shape_even_if_it_lies(name):
    assert (await explained(mood(name))).factors


@pytest.mark.parametrize("name", sorted(set(MOOD_NAMES) - ANSWERING))
async def test_in_the_others_its_failure_has_a_name_and_is_said_in_a_line(name):
    with pytest.raises((TransientFailure, Misconfigured)) as caught:
        await explained(mood(name, slow_s=2), deadline_s=0.5)
    assert "\n" not in str(caught.value)
