"""The Explainer contract: four short lists of words and who wrote them, or a failure that a caller may shrug off."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.explainer import FACTS, FakeExplainer
from fakes.faults import Fault
from targets import trouble

from handlers.errors import Misconfigured, Overloaded, TransientFailure
from handlers.insight_text import LINES_MAX, InsightText, plain_text
from worker.aws.bedrock import ATTEMPTS, BedrockExplainer

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Explainer"


@pytest_asyncio.fixture(loop_scope="session")
async def explainer(kind, world):
    return FakeExplainer() if kind == "fake" else BedrockExplainer(world.clients.bedrock, world.settings.bedrock_model)


async def test_an_insight_is_words_that_may_be_shown(explainer):
    insight = await explainer.explain(FACTS)
    assert isinstance(insight, InsightText)
    assert insight.factors
    assert insight.source
    for lines in (insight.factors, insight.recommendations, insight.risks, insight.inventory_suggestions):
        assert len(lines) <= LINES_MAX
        assert all(line == plain_text(line) for line in lines)


@pytest.mark.parametrize(
    ("of_the_fake", "of_the_service", "raised"),
    [
        (Fault.BEFORE, trouble.lost_answer, TransientFailure),
        (Fault.OVERLOADED, trouble.error("ThrottlingException", 429), Overloaded),
        (Fault.MISCONFIGURED, trouble.error("ResourceNotFoundException", 404), Misconfigured),
    ],
)
async def test_a_failure_has_one_of_our_names(explainer, world, of_the_fake, of_the_service, raised):
    if isinstance(explainer, FakeExplainer):
        explainer.faults.plan("explain", of_the_fake)
    else:
        # What is throttled is not tried again at once, nor what is not there.
        attempts = ATTEMPTS if raised is TransientFailure else 1
        world.trouble.plan("converse", *[of_the_service] * attempts)
    with pytest.raises(raised):
        await explainer.explain(FACTS)


@pytest.mark.no_fake
async def test_a_model_that_does_not_exist_is_a_misconfiguration(world):
    with pytest.raises(Misconfigured):
        await BedrockExplainer(world.clients.bedrock, "gone.model-v1").explain(FACTS)


@pytest.mark.no_fake
async def test_there_is_a_deadline(world):
    slow = BedrockExplainer(world.clients.bedrock, world.settings.bedrock_model, deadline_s=0)
    with pytest.raises(TransientFailure):
        await slow.explain(FACTS)
