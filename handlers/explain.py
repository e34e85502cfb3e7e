"""What can a planner be told about products that crossed a level?

The facts are computed by us and sent as data; the answer is validated words, held against the facts. It is asked for
within a budget; where no model may or can answer, rules speak in its place and say so. Nothing that comes back is read
by anything that decides: words never change a quantity, an urgency or a threshold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from domain.events import InsightPublished
from domain.product import product_label
from handlers.announcements import announce_insight, insight_id
from handlers.errors import Misconfigured, Overloaded, TransientFailure
from handlers.insight_budget import Budget, BudgetSpent, Calls
from handlers.insight_check import known_of
from handlers.insight_facts import Question, crossing_text, facts_of, questions_of
from handlers.insight_ports import InsightBook
from handlers.insight_rules import explained, headline
from handlers.insight_subjects import agreeing, borne_out
from handlers.insight_text import BadAnswer, InsightText, Usage, facts_as_json
from handlers.metrics import Metric
from handlers.place_reorders import Crossed
from handlers.ports import Clock, EventBus, Explainer, Metrics

log = structlog.get_logger()

# The least that a token is, of numbers and ids; what is asked with the facts and answered comes on top.
CHARS_PER_TOKEN = 2
TOKENS_BESIDE = 2_048
MILLION = 1_000_000

OUT_OF_BUDGET, CROWDED, AWAY, MISCONFIGURED, BAD_ANSWER, DISAGREED, UNNAMED = (
    "the budget is spent",
    "too many questions were waiting",
    "the model did not answer",
    "the model cannot be asked as it is set up",
    "the model's answer was refused",
    "the model's answer disagreed with the facts",
    "the model's answer named no factor of this product",
)
"""Why rules spoke where a model was to."""


class Explain:
    """price: dollars of an answer. book: where insights are kept, if anywhere."""

    def __init__(
        self,
        explainer: Explainer,
        bus: EventBus,
        budget: Budget,
        clock: Clock,
        metrics: Metrics,
        book: InsightBook | None = None,
        price: Callable[[Usage], float] = lambda usage: 0.0,
    ) -> None:
        self._explainer = explainer
        self._bus = bus
        self._budget = budget
        self._clock = clock
        self._metrics = metrics
        self._book = book
        self._price = price
        self._prepared = False
        self._paused_until = 0
        self._ends_at: float | None = None
        self._patiences: set[asyncio.Timeout] = set()

    async def prepare(self) -> None:
        """Sees once whether the model can be asked, so that an operator hears of a retired one at the start. Nothing
        else waits for it: without a model rules speak, and what is ordered does not depend on either."""
        if self._prepared:
            return
        self._prepared = True
        calls = self._calls(TOKENS_BESIDE)
        try:
            async with self._patience():
                calls.cost(self._billed(await self._explainer.ready(calls)))
        except BudgetSpent:
            self._prepared = False
        except Misconfigured as exc:
            calls.cost(0)
            log.error("insights.misconfigured", reason=str(exc))
        except (TransientFailure, TimeoutError) as exc:
            log.warning("insights.not_ready", reason=str(exc) or type(exc).__name__)
        await calls.settle()
        self._metrics.count(Metric.INSIGHT_CALLS, len(calls.granted))

    def give_up_at(self, ends_at: float) -> None:
        """From now on a model that has not answered by then, in the loop's time, is given up and rules speak; so is one
        that is being waited for."""
        self._ends_at = ends_at
        for patience in self._patiences:
            if not patience.expired():
                patience.reschedule(ends_at)

    async def __call__(self, crossed: Sequence[Crossed]) -> int:
        """Asks about these products, as few times as can be, and publishes; returns how many were published."""
        return sum([await self._explain(question) for question in questions_of(crossed)])

    async def by_rules(self, crossed: Sequence[Crossed], reason: str) -> int:
        """Publishes what rules say of these products, without asking; returns how many were published."""
        return sum([await self._tell(question, (), reason) for question in questions_of(crossed)])

    async def _explain(self, question: Question) -> int:
        return await self._tell(question, *await self._ask(question))

    async def _tell(self, question: Question, texts: Sequence[InsightText | None], reason: str | None) -> int:
        rows = zip(question.crossed, texts or [None] * len(question.crossed), strict=True)
        insights = [self._insight(question, crossed, text, reason) for crossed, text in rows]
        await self._keep(insights)
        published = await self._publish(insights)
        self._metrics.count(Metric.INSIGHTS_PUBLISHED, published)
        self._metrics.count(Metric.INSIGHTS_DROPPED, len(insights) - published)
        return published

    async def _ask(self, question: Question) -> tuple[Sequence[InsightText | None], str | None]:
        """The model's words on each product as far as its facts bear them out; none, and why, where rules must speak of
        all."""
        given_up = self._ends_at is not None and asyncio.get_running_loop().time() >= self._ends_at
        if given_up or self._clock.now() < self._paused_until:
            return (), AWAY
        said = facts_as_json(question.facts)
        calls = self._calls(len(said) // CHARS_PER_TOKEN + TOKENS_BESIDE)
        try:
            return await self._answered(question, said, calls)
        finally:
            self._metrics.count(Metric.INSIGHT_CALLS, len(calls.granted))
            await calls.settle()

    async def _answered(
        self, question: Question, said: str, calls: Calls
    ) -> tuple[Sequence[InsightText | None], str | None]:
        try:
            async with self._patience():
                text = await self._explainer.explain(question.facts, calls)
        except (TransientFailure, Misconfigured, TimeoutError) as exc:
            return (), self._why_not(exc, calls, len(question.crossed))
        calls.cost(self._billed(text.usage))
        found = borne_out(text, json.loads(said))
        self._metrics.count(Metric.INSIGHT_LINES_DROPPED, found.dropped)
        # Whoever is mostly wrong is not to be believed in what happens to hold no number.
        wrong = found.dropped > found.kept or not any(each.factors for each in found.texts)
        return ((), DISAGREED) if wrong else (found.texts, None)

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """For as long as a model is waited for; then TimeoutError."""
        async with asyncio.timeout_at(self._ends_at) as patience:
            self._patiences.add(patience)
            try:
                yield
            finally:
                self._patiences.discard(patience)

    def _calls(self, tokens: int) -> Calls:
        return Calls(self._budget, self._clock.now(), tokens)

    def _why_not(self, exc: Exception, calls: Calls, products: int) -> str:
        """Why no model explains, and what its failure cost."""
        if isinstance(exc, BudgetSpent):
            return AWAY if calls.granted else OUT_OF_BUDGET
        reason = str(exc) or type(exc).__name__
        if isinstance(exc, Misconfigured):
            calls.cost(0)
            log.error("insights.misconfigured", products=products, reason=reason)
            return MISCONFIGURED
        log.warning("insight.not_answered", products=products, reason=reason)
        if isinstance(exc, Overloaded):
            calls.cost(0)  # refused before a token was read
            self._paused_until = self._clock.now() + round(exc.retry_after_s * 1000)
        if isinstance(exc, BadAnswer):
            calls.cost(self._billed(exc.usage))
            return BAD_ANSWER
        return AWAY

    def _billed(self, usage: Usage) -> int:
        self._metrics.count(Metric.INSIGHT_TOKENS, usage.tokens)
        self._metrics.count(Metric.INSIGHT_COST, round(self._price(usage) * MILLION))
        return usage.tokens

    def _insight(
        self, question: Question, crossed: Crossed, text: InsightText | None, reason: str | None
    ) -> InsightPublished:
        state, known = crossed.decision.state, crossed.decision.record.known
        crossing, step = crossed.decision.crossing, crossing_text(crossed)
        if text is None or not text.factors:
            alone = json.loads(facts_as_json(facts_of(crossed)))
            text, reason = agreeing(explained(alone), known_of(alone)), reason or UNNAMED
            self._metrics.count(Metric.INSIGHTS_BY_RULES)
        level = crossing.level if crossing is not None else ""
        others = (each.decision.state.key for each in question.crossed if each is not crossed)
        return InsightPublished(
            product=state.key,
            insight_id=insight_id(state.key, known.as_of, step),
            occurred_at=self._clock.now(),
            decided_at=known.decided_at,
            as_of=known.as_of,
            level=level,
            crossing=step,
            headline=headline(level, step),
            factors=text.factors,
            recommendations=text.recommendations,
            risks=text.risks,
            inventory_suggestions=text.inventory_suggestions,
            source=text.source,
            model=text.model,
            reason=reason,
            asked_with=tuple(map(product_label, others)) if reason is None else (),
            facts_hash=question.facts_hash,
        )

    async def _keep(self, insights: Sequence[InsightPublished]) -> None:
        if self._book is None:
            return
        try:
            await self._book.keep(insights)
        except (TransientFailure, Misconfigured) as exc:
            log.warning("insight.not_kept", products=len(insights), reason=str(exc))

    async def _publish(self, insights: Sequence[InsightPublished]) -> int:
        """How many the bus accepted."""
        try:
            return sum(await self._bus.publish([announce_insight(insight) for insight in insights]))
        except (TransientFailure, Misconfigured) as exc:
            log.warning("insight.dropped", products=len(insights), reason=str(exc))
            return 0
