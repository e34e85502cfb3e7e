"""The Explainer contract: four short lists of words and who wrote them, or a failure that a caller may shrug off."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.explainer import FakeExplainer
from fakes.faults import Fault

from handlers.errors import Misconfigured, TransientFailure
from handlers.insight_text import LINES_MAX, InsightText, plain_text
from worker.aws.bedrock import BedrockExplainer
from worker.local.gateway import DEFAULT_MODEL

pytestmark = pytest.mark.asyncio(loop_scope="session")

FACTS = {
    "product_id": "A",
    "crossing": "covered->low",
    "on_hand": 2,
    "on_order": 0,
    "inventory_position": 2,
    "reorder_point": 9,
    "target": 20,
    "days_of_cover": 1.5,
    "lead_time_days": 7,
    "projected_stockout_on": "2024-10-06",
    "open_orders": [],
}


@pytest_asyncio.fixture(loop_scope="session")
async def explainer(kind, aws):
    return FakeExplainer() if kind == "fake" else BedrockExplainer(aws.clients.bedrock, DEFAULT_MODEL)


async def test_an_insight_is_words_that_may_be_shown(explainer):
    insight = await explainer.explain(FACTS)
    assert isinstance(insight, InsightText)
    assert insight.factors
    assert insight.source
    for lines in (insight.factors, insight.recommendations, insight.risks, insight.inventory_suggestions):
        assert len(lines) <= LINES_MAX
        assert all(line == plain_text(line) for line in lines)


@pytest.mark.parametrize(("fault", "raised"), [(Fault.BEFORE, TransientFailure), (Fault.MISCONFIGURED, Misconfigured)])
async def test_a_failure_has_one_of_our_names(explainer, aws, fault, raised):
    if isinstance(explainer, FakeExplainer):
        explainer.faults.plan("explain", fault)
    elif raised is Misconfigured:
        explainer = BedrockExplainer(aws.clients.bedrock, "gone.model-v1")
    else:
        explainer = BedrockExplainer(aws.clients.bedrock, DEFAULT_MODEL, deadline_s=0)
    with pytest.raises(raised):
        await explainer.explain(FACTS)
