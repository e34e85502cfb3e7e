"""Is every failure of Bedrock named after what to do about it, and how often is it tried again?"""

import asyncio
import time
from contextlib import suppress

import pytest
from bedrock_questions import FACTS, bedrock_at, counting, explained, failing, first_failing, replying

from handlers.errors import Misconfigured, Overloaded, TransientFailure
from handlers.insight_budget import BudgetSpent
from handlers.insight_text import BadAnswer
from worker.aws.bedrock import ATTEMPTS, BedrockExplainer
from worker.local.gateway import DEFAULT_MODEL, AwsError, Gateway
from worker.local.moods import mood


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ModelNotReadyException", 429),
        ("ModelTimeoutException", 408),
        ("ModelErrorException", 424),
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("ExpiredTokenException", 403),
        ("SomethingNewException", 400),
    ],
)
async def test_trouble_that_passes_is_transient(code, status):
    with pytest.raises(TransientFailure, match=code) as caught:
        await explained(failing(code, status))
    assert type(caught.value) is TransientFailure
    assert caught.value.__cause__ is not None


async def test_throttling_says_when_to_come_back():
    with pytest.raises(Overloaded) as caught:
        await explained(failing("ThrottlingException", 429))
    assert caught.value.retry_after_s > 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ValidationException", 400),
        ("AccessDeniedException", 403),
        ("ResourceNotFoundException", 404),
        ("UnrecognizedClientException", 403),
    ],
)
async def test_what_an_operator_must_change_is_a_misconfiguration(code, status):
    with pytest.raises(Misconfigured, match=f"{code}: because"):
        await explained(failing(code, status))


@pytest.mark.parametrize("model", ["anthropic.claude-3-5-sonnet-20241022-v2:0", ""])
async def test_a_retired_or_impossible_model_id_is_a_misconfiguration(model):
    with pytest.raises(Misconfigured):
        await explained(model=model)


async def test_a_slow_model_is_given_up_at_the_deadline():
    released = asyncio.Event()

    async def slow(question):
        await released.wait()
        return await replying()(question)

    async with Gateway(converse=slow) as gateway, bedrock_at(gateway.url) as client:
        started = time.monotonic()
        with pytest.raises(TransientFailure, match="TimeoutError"):
            await BedrockExplainer(client, DEFAULT_MODEL, deadline_s=0.2).explain(FACTS)
        assert time.monotonic() - started < 2
        released.set()


async def test_a_cancelled_question_stays_cancelled():
    asked, released = asyncio.Event(), asyncio.Event()

    async def slow(question):
        asked.set()
        await released.wait()
        return await replying()(question)

    async with Gateway(converse=slow) as gateway, bedrock_at(gateway.url) as client:
        task = asyncio.create_task(BedrockExplainer(client, DEFAULT_MODEL).explain(FACTS))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        released.set()


async def test_a_bedrock_that_is_not_there_is_transient():
    async with Gateway() as gateway:
        url = gateway.url
    async with bedrock_at(url) as client:
        with pytest.raises(TransientFailure):
            await BedrockExplainer(client, DEFAULT_MODEL).explain(FACTS)


# Attempts


PASSING = [
    ("ModelNotReadyException", 429),
    ("ModelTimeoutException", 408),
    ("ModelErrorException", 424),
    ("InternalServerException", 500),
    ("ServiceUnavailableException", 503),
]


@pytest.mark.parametrize(("code", "status"), PASSING)
async def test_what_passes_is_tried_once_more_and_no_oftener(code, status):
    converse, asked = counting(failing(code, status))
    with pytest.raises(TransientFailure):
        await explained(converse)
    assert len(asked) == ATTEMPTS == 2
    assert (await explained(first_failing(code, status, replying()))).factors == ("f",)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ResourceNotFoundException", 404),
        ("ExpiredToken", 403),
        ("ThrottlingException", 429),  # which asks to be left alone
    ],
)
async def test_what_does_not_pass_is_not_tried_again(code, status):
    converse, asked = counting(failing(code, status))
    with pytest.raises((TransientFailure, Misconfigured)):
        await explained(converse)
    assert len(asked) == 1


async def test_a_bad_answer_is_not_asked_for_again():
    converse, asked = counting(replying("no"))
    with pytest.raises(BadAnswer):
        await explained(converse)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        "Invocation of model ID x with on-demand throughput isn\u2019t supported. Retry with an inference profile.",
        "Invocation of model ID x with on-demand throughput isn't supported.",
        "The provided model identifier is invalid.",
    ],
)
async def test_an_id_that_must_be_an_inference_profile_is_said_after_one_call(said):
    async def refusing(_):
        raise AwsError("ValidationException", 400, said)

    converse, asked = counting(refusing)
    with pytest.raises(Misconfigured, match=r"RESTOCK_BEDROCK_MODEL .* an inference profile such as eu"):
        await explained(converse)
    assert len(asked) == 1


async def test_the_deadline_holds_over_both_attempts():
    async def slow_then_failing(_):
        await asyncio.sleep(0.3)
        raise AwsError("ServiceUnavailableException", 503, "because")

    started = time.monotonic()
    with pytest.raises(TransientFailure, match="TimeoutError"):
        await explained(slow_then_failing, deadline_s=0.45)
    assert time.monotonic() - started < 2


# What may be spent


async def test_every_call_is_asked_for_before_it_is_made_attempts_and_forms_alike():
    for converse, calls in ((mood("old"), 2), (mood("away"), ATTEMPTS), (mood("rules"), 1), (mood("throttled"), 1)):
        permitted = []
        async with Gateway(converse=converse) as gateway, bedrock_at(gateway.url) as client:
            with suppress(TransientFailure):
                await BedrockExplainer(client, DEFAULT_MODEL).explain(FACTS, noting(permitted))
        assert len(permitted) == calls


def noting(made):
    async def may_call():
        made.append(1)

    return may_call


def allowing(calls):
    left = [None] * calls

    async def may_call():
        if not left:
            raise BudgetSpent("no more")
        left.pop()

    return may_call


async def test_where_no_second_call_is_allowed_the_first_failure_stands():
    for converse, failure in ((mood("away"), TransientFailure), (mood("old"), Misconfigured)):
        counted, asked = counting(converse)
        async with Gateway(converse=counted) as gateway, bedrock_at(gateway.url) as client:
            with pytest.raises(failure, match="Exception"):
                await BedrockExplainer(client, DEFAULT_MODEL).explain(FACTS, allowing(1))
            assert len(asked) == 1
            with pytest.raises(BudgetSpent):
                await BedrockExplainer(client, DEFAULT_MODEL).explain(FACTS, allowing(0))
            assert len(asked) == 1
