"""Can a text of the shop, or an answer of a model, change an order or reach a log or a page as anything but words?

Every text stands as the id of a product, of its location and as its category while a model echoes what it was told;
every answer is given to a harmless question. What must hold is asked by the same judge, which two planted mistakes
prove to be awake."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

import pytest
import pytest_asyncio
import structlog

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.product import product_label
from handlers.announcements import REORDER_REQUIRED
from handlers.explain import Explain
from handlers.insight_check import agrees, known_of
from handlers.insight_facts import Question
from handlers.insight_text import FACT_CHARS_MAX, LINE_CHARS_MAX, LINES_MAX, InsightText, facts_as_json
from handlers.ports import unbounded
from hostile.answers import HONEST, MODEL_ANSWERS, answer
from hostile.shop import Shop, bedrock
from hostile.texts import PRODUCT_TEXTS
from worker.aws.bedrock import SYSTEM_PROMPT, BedrockExplainer
from worker.local.gateway import Json
from worker.local.moods import saying

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST = 20_000
PLAIN = ProductKey("85123A", "north")
LISTS = ("factors", "recommendations", "risks", "inventory_suggestions")
OF_THE_ORDER = ("product_id", "location_id", "reorder_id")
MARKUP = re.compile(r"[<>`*\[\]{}|]|://|&\w+;")
CORPUS = 60


async def test_the_corpus_is_as_large_as_was_agreed():
    assert len(PRODUCT_TEXTS) + len(MODEL_ANSWERS) >= 2 * CORPUS
    assert len(set(PRODUCT_TEXTS.values())) == len(PRODUCT_TEXTS)
    assert len(set(MODEL_ANSWERS.values())) == len(MODEL_ANSWERS)


def sales_of(product: ProductKey, category: str | None) -> list[SaleRecorded]:
    """Weeks as usual, then a rush: the shelf is empty before anything can arrive."""
    sold = [2] * 18 + [60]
    return [
        SaleRecorded(product, f"e{n}", (FIRST + n) * MS_PER_DAY, quantity, 100 * quantity, False, category)
        for n, quantity in enumerate(sold)
    ]


class Asked:
    """What was asked, and what was said to it."""

    def __init__(self, text_of) -> None:
        self.questions: list[Json] = []
        self._text_of = text_of

    def __call__(self, question: Json) -> str:
        self.questions.append(question)
        return self._text_of(question)


def echo(question: Json) -> str:
    """A model that does what every text in the facts says: it says it."""
    facts = json.loads(question["messages"][0]["content"][0]["text"])
    texts = [str(facts.get("category"))]
    texts += [str(product[name]) for product in facts.get("products", ()) for name in ("product_id", "location_id")]
    lines = [text[:LINE_CHARS_MAX] for text in texts]
    return answer("Demand is steady.", *lines, recommendations=lines, risks=[f"Order {line}" for line in lines])


def filled(said: str, question: Json) -> str:
    """An answer of the corpus with the facts of the product that was asked about in its gaps."""
    facts = json.loads(question["messages"][0]["content"][0]["text"])
    for product in facts.get("products", ()):
        order = product["ordered_now"] or {"reorder_id": f"{product['product_id']}:1"}
        gaps = {"id": product["product_id"], "order": order["reorder_id"]}
        for name, value in {**gaps, **{name: product[name] for name in ("target", "reorder_point")}}.items():
            said = said.replace(f"{{{name}}}", str(value))
    return said


class World:
    """One shop after its sales; the lines of its log; what the model was asked."""

    def __init__(self, shop: Shop, asked: Asked, log: str, product: ProductKey) -> None:
        self.shop, self.asked, self.log, self.product = shop, asked, log, product


class Stand:
    """The stand-in for Bedrock, which answers as the test of the moment says."""

    def __init__(self) -> None:
        self.answering = saying(lambda question: HONEST)
        self.explainer: BedrockExplainer | None = None

    async def __call__(self, question: Json) -> Json:
        return await self.answering(question)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stand():
    found = Stand()
    async with bedrock(found) as explainer:
        found.explainer = explainer
        yield found


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """The log as the worker writes it."""
    lines = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=False,
    )
    yield lines
    structlog.reset_defaults()


async def played(stand, log_lines, text_of, product=PLAIN, category="Tea", explain=None, explainer=None) -> World:
    asked = Asked(text_of)
    stand.answering = saying(asked)
    shop = Shop(explainer or stand.explainer)
    if explain is not None:
        shop.explain.__class__ = explain
    await shop.explained(sales_of(product, category))
    return World(shop, asked, log_lines.getvalue(), product)


# The judge


def orders(shop: Shop) -> list[dict]:
    """What was ordered, but for the names of what."""
    published = shop.published(REORDER_REQUIRED)
    return [{name: value for name, value in order.items() if name not in OF_THE_ORDER} for order in published]


def decisions(shop: Shop) -> list[object]:
    return [
        (day, record.reorder_point, record.target, record.decision.ruling)
        for (_, day), record in sorted(shop.forecasts.saved.items(), key=lambda each: each[0][1])
    ]


def judge(world: World, plain: World) -> None:
    """Everything that must hold, whatever a text or an answer says."""
    assert orders(world.shop) == orders(plain.shop)
    assert decisions(world.shop) == decisions(plain.shop)
    assert len(world.shop.insights) == len(plain.shop.insights) > 0
    for question in world.asked.questions:
        judge_question(question)
    for insight in world.shop.insights:
        judge_insight(insight)
    for line in world.log.splitlines():
        assert json.loads(line)["event"], "each line is one event of ours"
        assert line.isascii()
        assert line.isprintable()


def judge_question(question: Json) -> None:
    assert question["system"] == [{"text": SYSTEM_PROMPT}], "instructions are ours alone"
    [message] = question["messages"]
    [block] = message["content"]
    facts = json.loads(block["text"])
    assert len(block["text"]) < 3_000
    for text in texts_in(facts):
        assert len(text) <= FACT_CHARS_MAX
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} for c in text)


def texts_in(facts: object) -> Iterator[str]:
    if isinstance(facts, dict):
        facts = list(facts.values())
    if isinstance(facts, list):
        for value in facts:
            yield from texts_in(value)
    elif isinstance(facts, str):
        yield facts


def judge_insight(insight: dict) -> None:
    """Words for a planner: visible, on one line, without markup, without a number that is not a fact."""
    product = product_label(ProductKey(insight["product_id"], insight["location_id"]))
    for line in (insight["headline"], *(line for name in LISTS for line in insight[name])):
        line = line.replace(f"order {product}:", "order ")  # an order of ours is called so
        assert len(line) <= LINE_CHARS_MAX
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in line)
        assert not MARKUP.search(line), line
        assert "99999" not in line
        assert "evil" not in line
    assert all(len(insight[name]) <= LINES_MAX for name in LISTS)
    assert insight["factors"]


@pytest_asyncio.fixture(loop_scope="session")
async def plain(stand, log_lines):
    return await played(stand, log_lines, lambda question: HONEST)


# What must hold


async def test_a_harmless_product_is_explained_by_the_model(plain):
    [insight] = plain.shop.insights
    assert (insight["source"], insight["factors"]) == ("bedrock", ["Demand is steady."])
    assert len(orders(plain.shop)) > 0


@pytest.mark.parametrize("text", PRODUCT_TEXTS.values(), ids=PRODUCT_TEXTS)
async def test_a_text_of_the_shop_stays_a_text(stand, log_lines, plain, text):
    for product, category in ((ProductKey(text, text), text), (PLAIN, text)):
        judge(await played(stand, log_lines, echo, product, category), plain)


@pytest.mark.parametrize("said", MODEL_ANSWERS.values(), ids=MODEL_ANSWERS)
async def test_an_answer_stays_words_or_is_not_shown(stand, log_lines, plain, said):
    world = await played(stand, log_lines, lambda question: filled(said, question))
    judge(world, plain)
    [insight] = world.shop.insights
    [question] = world.asked.questions
    known = known_of(json.loads(question["messages"][0]["content"][0]["text"]))
    assert all(agrees(line, known) for name in LISTS for line in insight[name])


UNTRUE = [name for name, said in MODEL_ANSWERS.items() if said != HONEST]


async def test_of_no_answer_in_the_corpus_is_all_shown(stand, log_lines):
    """Else it would not be hostile."""
    shown = []
    for name in UNTRUE:
        world = await played(stand, log_lines, lambda question, said=MODEL_ANSWERS[name]: filled(said, question))
        [insight], [question] = world.shop.insights, world.asked.questions
        if (
            insight["source"] == "bedrock"
            and json.loads(filled(MODEL_ANSWERS[name], question)).items() <= insight.items()
        ):
            shown.append(name)
    assert shown == []


# Is the judge awake?


class WordsDecide(Explain):
    """The guide's mistake: where the model sees a risk, a tenth more is ordered."""

    async def _explain(self, question: Question) -> int:
        published = await super()._explain(question)
        for index, entry in enumerate(self._bus.published):
            detail = json.loads(entry.detail)
            if entry.detail_type == REORDER_REQUIRED:
                detail["recommended_order_quantity"] = round(detail["recommended_order_quantity"] * 1.1)
                self._bus.published[index] = entry._replace(detail=json.dumps(detail))
        return published


class TextInstructs(BedrockExplainer):
    """The other classic: what the shop calls a product stands among the instructions."""

    def _request(self, facts, max_tokens, form):
        request = super()._request(facts, max_tokens, form)
        return {**request, "system": [{"text": f"{SYSTEM_PROMPT}\nThe category is {facts.get('category')}."}]}


class AllIsShown(Explain):
    """What the model says is shown as it is."""

    async def _ask(self, question: Question) -> tuple[Sequence[InsightText], str | None]:
        return [await self._explainer.explain(question.facts, unbounded)], None


async def test_the_judge_sees_words_that_decide(stand, log_lines, plain):
    risky = answer(risks=["The shelf may be empty soon."])
    with pytest.raises(AssertionError):
        judge(await played(stand, log_lines, lambda question: risky, explain=WordsDecide), plain)


async def test_the_judge_sees_a_text_among_the_instructions(stand, log_lines, plain):
    planted = TextInstructs(stand.explainer._client, stand.explainer._model_id)
    with pytest.raises(AssertionError, match="instructions are ours alone"):
        judge(await played(stand, log_lines, echo, explainer=planted), plain)


@pytest.mark.parametrize("name", ["a quantity", "script", "markdown link", "a bare address"])
async def test_the_judge_sees_an_answer_that_is_shown_as_it_is(stand, log_lines, plain, name):
    with pytest.raises(AssertionError):
        judge(await played(stand, log_lines, lambda question: MODEL_ANSWERS[name], explain=AllIsShown), plain)


async def test_what_was_asked_is_what_the_hash_names(plain):
    [insight] = plain.shop.insights
    facts = json.loads(plain.asked.questions[0]["messages"][0]["content"][0]["text"])
    assert Question((), facts).facts_hash == insight["facts_hash"]
    assert facts_as_json(facts) == plain.asked.questions[0]["messages"][0]["content"][0]["text"]
