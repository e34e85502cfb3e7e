"""The comparison of ways to keep event ids finds all of them exact, and would notice one that is not."""

from pathlib import Path

import pytest

from bench.event_ids.designs import DESIGNS, Segments
from bench.event_ids.exactness import cross_day, exactness
from bench.event_ids.hot_product import hot_product
from bench.event_ids.metering import MemoryTable, item_bytes
from bench.event_ids.pages import Pages
from bench.event_ids.replay import sales_of
from domain.ledger import Ledger
from worker.local.sample import SAMPLE_PATH


@pytest.fixture(scope="module")
def sales():
    # Every line as one of eight products: tails, pages and segments fill.
    lines = sales_of(Path(SAMPLE_PATH), 2_000)
    return [s._replace(product=s.product._replace(product_id=f"p{i % 8}")) for i, s in enumerate(lines)]


@pytest.mark.parametrize("kind", DESIGNS)
async def test_every_design_counts_each_sale_once(kind, sales):
    found = await exactness(kind, MemoryTable(), sales, 100, "restock-state")
    assert found["exact"]
    assert found["delivered"] > found["distinct"]
    assert found["commits_lost"] > 0, "the stale worker never lost a race: nothing was tried"


async def test_a_design_that_forgets_on_a_restart_is_noticed(sales):
    class Forgetful(Segments):
        async def fetch(self, wanted):
            await super().fetch(wanted)
            for key in wanted:
                ledger = self.states[key].ledger
                empty = Ledger(first=ledger.first, next_number=ledger.next_number)
                self.states[key] = self.states[key]._replace(ledger=empty)

    found = await exactness(Forgetful, MemoryTable(), sales, 100, "restock-state")
    assert found["counted"] > found["distinct"]


@pytest.mark.parametrize("kind", DESIGNS)
async def test_only_pages_count_an_id_again_under_another_date(kind, sales):
    assert await cross_day(kind, MemoryTable(), sales[0], "restock-state") is (kind is not Pages)


async def test_a_page_that_grew_past_its_limit_is_split(monkeypatch):
    monkeypatch.setattr("bench.event_ids.hot_product.HOT_SALES", 1_000)
    monkeypatch.setattr("bench.event_ids.hot_product.HOT_DAYS", 2)
    _, found = await hot_product(Pages, 50)
    assert found["id_items_alive"] == 8  # 500 ids of 20 bytes a day: four pages
    assert found["largest_item"] < 4_200


def test_an_item_is_as_large_as_dynamodb_says():
    assert item_bytes({"pk": {"S": "é"}, "n": {"N": "12345"}, "b": {"B": b"abc"}}) == (2 + 2) + (1 + 4) + (1 + 3)
