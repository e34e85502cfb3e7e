"""The comparison of ways to keep event ids finds all of them exact, and would notice one that is not."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from bench.event_ids.designs import DESIGNS, Segments
from bench.event_ids.exactness import cross_day, exactness
from bench.event_ids.hot_product import hot_product
from bench.event_ids.metering import TABLE, MemoryTable
from bench.event_ids.pages import Pages
from bench.event_ids.replay import replay, sales_of
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


async def test_only_segments_ever_write_a_header_alone_and_that_is_a_put(sales):
    units = {}
    for kind in DESIGNS:
        table = MemoryTable()
        await replay(kind(table), [sales[:100]])
        units[kind] = (table.meter.put_write_units, table.meter.write_units)
    assert [kind for kind, (put, _) in units.items() if put] == [Segments]
    assert units[Segments][1] < min(written for kind, (_, written) in units.items() if kind is not Segments) / 2


@pytest.mark.parametrize(
    ("write", "units"),
    [
        (lambda table, put: table.put_item(**put), 2),
        (lambda table, put: table.transact_write_items(TransactItems=[{"Put": put}]), 4),
    ],
    ids=["put", "transaction"],
)
async def test_a_put_is_billed_half_of_a_transaction_whether_its_condition_holds_or_not(write, units):
    table = MemoryTable()
    item = {"pk": {"S": "P#A"}, "sk": {"S": "H"}, "b": {"B": bytes(1_100)}}
    put = {"TableName": TABLE, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
    await write(table, put)
    assert table.meter.write_units == units
    with pytest.raises(ClientError):
        await write(table, put)
    assert table.meter.write_units == 2 * units
