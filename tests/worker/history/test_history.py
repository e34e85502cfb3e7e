"""History as it is loaded, and what is found to be odd about it."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import sys
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest
import pytest_asyncio

from domain.events import ProductKey, SaleRecorded
from handlers.errors import Misconfigured
from worker.history.command import _queried, _read, judged, negative_stock
from worker.history.daily import EPOCH, Window, daily, window_of
from worker.history.page import page
from worker.history.quality import code_variants
from worker.history.sales_query import sales_between
from worker.local.embedded_aws import create_sales_table
from worker.rebuilding.rows import rows_of
from worker.rebuilding.shadow import shadow_of
from worker.table_scan import TableScan

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLE = "retail-sales-history"


def day(text):
    return (date.fromisoformat(text) - EPOCH).days


def sale(product, on, quantity=1, event_id=None, revenue=None):
    at = day(on) * 86_400_000
    event_id = event_id or f"{product}-{on}-{quantity}"
    return SaleRecorded(ProductKey(product), event_id, at, quantity, revenue if revenue is not None else quantity * 100)


def quality_of(*sales, months=None):
    return judged([shadow_of(rows_of(sales))], months, Counter())


@pytest.mark.parametrize(
    ("last", "months", "first"),
    [
        ("2024-10-31", 1, "2024-10-01"),
        ("2024-03-31", 1, "2024-03-01"),
        ("2024-10-15", 12, "2023-10-16"),
        ("2024-02-29", 12, "2023-03-01"),
        ("2024-01-10", 1, "2023-12-11"),
    ],
)
async def test_months_are_those_of_the_calendar(last, months, first):
    assert window_of(day(last), months, 0) == Window(day(first), day(last))


async def test_days_without_a_sale_are_zero_and_not_left_out():
    chance = np.random.default_rng(4)
    sales = [
        sale("A", f"2024-09-{1 + int(n):02}", int(q), f"e{at}", int(q) * 150)
        for at, (n, q) in enumerate(zip(chance.integers(0, 28, 60), chance.integers(-3, 9, 60), strict=True))
    ]
    [sold] = shadow_of(rows_of(sales)).products()
    frame = pd.DataFrame({"day": [s.day for s in sales], "units": [s.quantity for s in sales]})
    window = Window(day("2024-08-20"), day("2024-10-05"))
    expected = frame.groupby("day")["units"].sum().reindex(range(window.first, window.last + 1), fill_value=0)
    assert daily(sold, window)[:, 0].tolist() == expected.tolist()
    assert daily(sold, window)[:, 1].tolist() == (expected * 150).tolist()


async def test_gaps_duplicates_conflicts_and_what_lies_outside_are_told():
    twice = sale("A", "2024-09-10")
    said = quality_of(
        sale("A", "2024-06-01"),
        sale("A", "2024-09-02"),
        twice,
        twice,
        twice._replace(quantity=7),
        sale("A", "2024-09-14"),
        months=1,
    ).summary()
    assert (said["rows"], said["rows_outside"], said["duplicates"], said["conflicts"]) == (4, 1, 1, 1)
    assert said["missing_days"] == 7 + 3
    assert said["longest_gaps"] == [{"label": "A", "days": 7}]


async def test_a_day_far_above_the_usual_is_named_and_a_busy_one_is_not():
    usual = [sale("A", f"2024-09-{n:02}", 10 + n % 3) for n in range(1, 21)]
    said = quality_of(*usual, sale("A", "2024-09-21", 16), sale("A", "2024-09-22", 1_000)).summary()
    assert [(each["day"], each["units"]) for each in said["outlier_days"]] == [("2024-09-22", 1_000)]
    assert quality_of(sale("A", "2024-09-01"), sale("A", "2024-09-02", 1_000)).summary()["outliers"] == 0


async def test_ids_that_differ_in_writing_only_are_put_side_by_side():
    assert code_variants(["85123A", "85123a", "0042", "42", "42#LEEDS", "ab-1", "AB 1", "x"]) == [
        ["0042", "42"],
        ["85123A", "85123a"],
        ["AB 1", "ab-1"],
    ]


async def test_the_page_shows_what_was_found_and_nothing_that_a_file_wrote_is_markup():
    said = quality_of(sale("<script>", "2024-09-01"), sale("<SCRIPT>", "2024-09-03")).summary()
    html = page(said | {"refused": {"<b>": 3}}, "a & b")
    assert "&lt;script&gt; · &lt;SCRIPT&gt;" in html.replace(
        "&lt;SCRIPT&gt; · &lt;script&gt;", "&lt;script&gt; · &lt;SCRIPT&gt;"
    )
    assert "<script>" not in html.lower().replace("&lt;", "")
    assert "a &amp; b" in html


@pytest_asyncio.fixture(loop_scope="session")
async def table(aws):
    await create_sales_table(aws.clients.dynamodb, TABLE)
    return aws.clients.dynamodb


async def put(dynamodb, *days, product="A", **more):
    for each in days:
        item = {"product_id": {"S": product}, "sale_date": {"S": each}, "quantity": {"N": "2"}, **more}
        await dynamodb.put_item(TableName=TABLE, Item=item)


async def test_a_query_has_both_its_days_whole_and_no_other_product(table):
    await put(table, "2024-09-30T23:59:59Z", "2024-10-01", "2024-10-01T00:00:00Z#e1", "2024-10-03T23:59:59.999Z#e2")
    await put(table, "2024-10-04T00:00:00Z", "2024-10-04")
    await put(table, "2024-10-02", product="B")
    scan = await TableScan.of(table, TABLE)
    found = sales_between(scan, "A", date(2024, 10, 1), date(2024, 10, 3), 2 * 10**12, Counter(), {})
    assert [each.day for each in [sale async for sale in found]] == [day("2024-10-01")] * 2 + [day("2024-10-03")]


async def test_a_query_follows_every_page_and_counts_what_is_no_sale(table):
    large = {"note": {"S": "x" * 100_000}}
    await put(table, *(f"2024-10-01T10:00:{n:02}Z" for n in range(15)), **large)
    await put(table, "2024-10-02T10:00:00Z", quantity={"N": "1.5"})
    scan, refused = await TableScan.of(table, TABLE), Counter()
    found = sales_between(scan, "A", date(2024, 10, 1), date(2024, 10, 3), 2 * 10**12, refused, {})
    assert len([sale async for sale in found]) == 15
    assert refused.total() == 1


async def test_a_window_of_months_ends_with_the_newest_sale_and_is_read_from_its_beginning(table, aws):
    await put(table, "2019-11-30T10:00:00Z", "2019-12-02T10:00:00Z", "2019-12-31T10:00:00Z")
    await put(table, "2019-12-31T11:00:00Z", "2019-12-31T12:00:00Z", quantity={"N": "1.5"})
    await put(table, "2019-12-20T10:00:00Z", product="B")
    chosen = argparse.Namespace(from_table=TABLE, product=["A", "B", "nobody"], months=1)
    shadows, refused = await _queried(chosen, aws.settings, aws.clients)
    quality = judged(shadows, 1, refused)
    assert quality.window == Window(day("2019-12-01"), day("2019-12-31"))
    [of_a] = [sold for shadow in shadows for sold in shadow.products() if sold.label == "A"]
    assert daily(of_a, quality.window)[:, 0].sum() == 4
    assert refused.total() == 2


async def test_stock_below_zero_is_told(aws):
    for product, stock in (("A", "-3"), ("B", "0"), ("C", "-7")):
        item = {"product_id": {"S": product}, "location_id": {"S": "-"}, "current_stock": {"N": stock}}
        await aws.clients.dynamodb.put_item(TableName=aws.settings.inventory_table, Item=item)
    assert await negative_stock(aws.clients.dynamodb, aws.settings.inventory_table) == [("C", -7), ("A", -3)]


async def test_the_command_writes_a_table_a_page_and_every_day(aws, tmp_path):
    with (tmp_path / "sales.csv").open("w") as stream:
        stream.write("product_id,date,quantity,event_id\nA,2024-09-01,2,e1\nA,2024-09-04,3,e2\nB,2024-09-04,many,e3\n")
    report = tmp_path / "report"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "worker.cli", "history", "--from", str(tmp_path / "sales.csv"), "--report", str(report)),
        *("--work", str(tmp_path / "work")),
        env={**os.environ, "RESTOCK_ENDPOINT_URL": aws.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 0, err
    summary = json.loads((report / "summary.json").read_text())
    assert (summary["rows"], summary["refused_rows"], summary["missing_days"]) == (2, 1, 2)
    with (report / "daily.csv").open(newline="") as stream:
        assert [(row["date"], row["units"]) for row in csv.DictReader(stream)] == [
            ("2024-09-01", "2"),
            ("2024-09-02", "0"),
            ("2024-09-03", "0"),
            ("2024-09-04", "3"),
        ]
    assert "quantity" in (report / "quality.html").read_text()


class Stopped:
    """A history of which nothing is read: the command is stopped at once."""

    def about(self):
        return {"from": "sales.csv"}

    async def read(self, reading):
        return False


async def test_what_a_stopped_history_left_is_begun_anew(tmp_path):
    for _ in range(2):
        assert await _read(Stopped(), tmp_path, asyncio.Event()) is None
        assert not (tmp_path / "pieces").exists()
        (tmp_path / "pieces").mkdir()


@pytest.mark.parametrize("name", ["thesis.txt", "rebuild.json"])
async def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path, name):
    """Somebody's files, or a rebuild that is not finished."""
    (tmp_path / name).write_text('{"state_table": "restock-state"}')
    with pytest.raises(Misconfigured, match="name another --work"):
        await _read(Stopped(), tmp_path, asyncio.Event())
    assert (tmp_path / name).exists()
