"""Does a stop of the whole worker lose nothing and end in time?

It runs in this process against the embedded AWS."""

from __future__ import annotations

import asyncio

import pytest
from fakes.explainer import WORDS, FakeExplainer
from whole_worker import DAYS, PRODUCTS, left, published, running, sales, send, settled, stocked, until

from domain.product import ProductState
from worker import runner, wiring

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_stop_in_the_middle_loses_nothing_and_the_next_worker_goes_on(aws, truth):
    rows = sales()
    await send(aws, *([row] for row in rows))
    async with running(aws, messages_in_flight=10, pollers=1):

        async def begun():
            return any(state.version for state in (await truth.load(PRODUCTS)).values())

        await until(begun)
    # Whatever was received is settled and gone, whatever is left was never received.
    units = sum(state.units for state in (await truth.load(PRODUCTS)).values())
    assert units % 3 == 0
    assert await left(aws) == len(rows) - units // 3
    assert not any(state.dirty for state in (await truth.load(PRODUCTS)).values())
    async with running(aws):
        await settled(aws, truth, 3 * DAYS)


async def test_a_message_that_arrives_during_the_last_long_poll_is_settled(aws, truth):
    async with running(aws, long_poll_s=2):
        await asyncio.sleep(0.2)
        sending = asyncio.create_task(_later(0.3, send(aws, sales())))
    await sending
    assert await left(aws) == 0
    assert {state.units for state in (await truth.load(PRODUCTS)).values()} == {3 * DAYS}


async def _later(seconds, doing):
    await asyncio.sleep(seconds)
    await doing


async def test_a_stop_hands_over_as_soon_as_all_is_settled_and_once_more_in_the_end(aws, monkeypatch):
    order = []
    async with running(aws) as runner:
        source, deciding = runner._parts.sources[0], runner._deciding
        hand_over, finish = source.hand_over, deciding.finish

        async def handed_over():
            order.append("handed over")
            await hand_over()

        def finished():
            order.append("last decisions")
            finish()

        monkeypatch.setattr(source, "hand_over", handed_over)
        monkeypatch.setattr(deciding, "finish", finished)
    assert order == ["handed over", "last decisions", "handed over"]


class SlowExplainer(FakeExplainer):
    """Answers after some seconds; begun is set once it is asked."""

    def __init__(self, answers_after_s: float) -> None:
        super().__init__()
        self.answers_after_s, self.begun = answers_after_s, asyncio.Event()

    async def explain(self, facts, may_call):
        self.begun.set()
        await asyncio.sleep(self.answers_after_s)
        return await super().explain(facts, may_call)


@pytest.mark.parametrize(("answers_after_s", "source"), [(0.5, WORDS.source), (60, "rules")])
async def test_a_stop_tells_what_was_being_asked_and_waits_for_no_model_for_long(
    aws, truth, monkeypatch, answers_after_s, source
):
    explainer = SlowExplainer(answers_after_s)
    monkeypatch.setattr(wiring, "BedrockExplainer", lambda *said, **more: explainer)
    monkeypatch.setattr(runner, "LAST_WORDS_S", 1.5)
    await stocked(aws, 1_000)
    async with running(aws, bedrock_model="slow"):
        await send(aws, sales())
        await settled(aws, truth, 3 * DAYS)
        await stocked(aws, 0)
        await send(aws, [{**line, "event_id": f"again-{line['event_id']}"} for line in sales()[-len(PRODUCTS) :]])
        await explainer.begun.wait()
    told = [e["detail"] for e in await published(aws) if e["detail-type"] == "Insight Published"]
    assert {(insight["crossing"], insight["source"]) for insight in told} == {("excess->out", source)}
    assert {(insight["product_id"], insight["location_id"]) for insight in told} == set(PRODUCTS)
    assert len(told) == len(PRODUCTS)


async def test_an_idle_worker_stops_at_once_and_changes_nothing(aws, truth):
    async with running(aws):
        pass
    assert await truth.load(PRODUCTS) == {key: ProductState(key) for key in PRODUCTS}
