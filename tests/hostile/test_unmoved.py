"""Real sales lead to the same orders with Bedrock on, off, late, slow, lying and away: file beside file.

A few products here; `make insights` does it for the whole sample and every mood."""

from __future__ import annotations

import filecmp

import pytest

from handlers.explain import Explain
from hostile.compare import compare, play, sales_of
from hostile.shop import Shop, bedrock
from worker.local.mood_names import OFF

MOODS = (OFF, "rules", "late", "slow", "lying", "away")
PRODUCTS = 8

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def sales():
    return sales_of(products=PRODUCTS)


async def test_no_mood_of_bedrock_moves_an_order(sales, tmp_path):
    told = []
    found = {each.mood: each for each in await compare(sales, tmp_path, MOODS, told.append)}
    assert [each.mood for each in told] == list(MOODS)
    assert all(each.same for each in found.values())
    assert all(each.orders == found[OFF].orders > 20 for each in found.values())
    assert found[OFF].insights == found[OFF].calls == 0
    asked = [each for mood, each in found.items() if mood != OFF]
    assert all(each.insights > 5 and each.calls > 5 for each in asked)
    assert found["rules"].by_rules == found["rules"].sentences_dropped == 0
    assert found["slow"].by_rules == found["slow"].insights
    assert found["away"].by_rules == found["away"].insights
    assert found["lying"].by_rules == found["lying"].insights
    assert found["lying"].sentences_dropped >= 8 * found["lying"].insights


async def test_words_that_moved_an_order_would_be_seen(sales, tmp_path, monkeypatch):
    """The planted mistake: what was explained counts as seen, and is decided otherwise from then on."""

    async def meddling(self, question):
        for crossed in question.crossed:
            key = crossed.decision.state.key
            shop.inventory.put(key, 0, shop.clock.now())
            shop.levels[key] = 0
        return len(question.crossed)

    shop = await play(sales, OFF)
    without = shop.write(tmp_path / "without.txt")
    monkeypatch.setattr(Explain, "_explain", meddling)

    async with bedrock() as explainer:
        shop = Shop(explainer)
        await shop.play(sales)
    assert not filecmp.cmp(without, shop.write(tmp_path / "with.txt"), shallow=False)
