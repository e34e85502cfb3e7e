"""`restock rebuild --missing-only` against the embedded AWS: what a stream lost is counted from the table, once,
whatever is run again or beside it, and what cannot be counted is said."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys

import pytest
import pytest_asyncio
from fakes.clock import TODAY
from fakes.proxy import error, lost_before, passed

from domain.buckets import Bucket
from domain.events import ProductKey
from domain.product import Freeze, ProductState
from handlers.errors import Misconfigured
from handlers.ports import Change
from worker.aws import state_codec
from worker.aws.dynamodb import number, text
from worker.aws.state import DynamoState
from worker.cli import main
from worker.intake import Batch
from worker.local.embedded_aws import create_sales_table
from worker.rebuild import rebuild
from worker.rebuild_command import closing_of_rebuild, closing_of_verify
from worker.rebuild_verify import Difference, Verified, verify
from worker.sources.source import Message
from worker.table_scan import TableScan, telling
from worker.wiring import build_parts

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLE = "retail-sales-history"
A = ProductKey("A")
DAY = "2024-10-0"  # the fake clock shows the 4th


def item(event_id, day=1, quantity="1", product="A", **more):
    """A sale as an item; day may be a whole date."""
    sold_on = day if isinstance(day, str) else f"{DAY}{day}"
    sale = {"product_id": text(product), "sale_date": text(f"{sold_on}#{event_id}"), "quantity": {"N": quantity}}
    return sale | more


class Shop:
    """A table of sales, what became of it, and the worker that reads its stream."""

    def __init__(self, aws, clock) -> None:
        self.clients = aws.clients
        self._clock = clock
        self.settings = aws.settings.model_copy(update={"batch_sales": 3})
        self.progress = io.StringIO()

    async def put(self, *items, table=TABLE):
        for each in items:
            await self.clients.dynamodb.put_item(TableName=table, Item=each)

    async def told(self, *items):
        """The stream brings the insertion of these."""
        scan = await TableScan.of(self.clients.dynamodb, TABLE)
        await self.received(*(scan.message(each).body for each in items))

    async def received(self, *bodies):
        parts = await build_parts(self.settings, self.clients, self._clock, io.StringIO())
        batch = Batch()
        for place, body in enumerate(bodies):
            await parts.intake.add(batch, Message(f"m{place}", str(place), body))
        assert not (await parts.intake.settle(batch)).handed_back

    async def rebuilt(self, clients=None, stop=None, table=TABLE, segments=2):
        clients, stop = clients or self.clients, stop or asyncio.Event()
        return await rebuild(self.settings, clients, self._clock, table, segments, stop, self.progress)

    async def verified(self):
        found = []
        done = await verify(
            self.settings, self.clients, self._clock, TABLE, 2, asyncio.Event(), self.progress, found.append
        )
        assert done.whole
        assert done.differences == len(found)
        return found

    async def state(self, key=A):
        return (await DynamoState(self.clients.dynamodb, self.settings.state_table, 10.0).load([key]))[key]

    async def stored(self, prefix=""):
        items = (await self.clients.dynamodb.scan(TableName=self.settings.state_table))["Items"]
        # The agenda is left out: whoever counts again has its products looked at again.
        kept = (i for i in items if i["pk"]["S"].startswith(prefix) and not i["pk"]["S"].startswith("A#"))
        return sorted(kept, key=lambda i: (i["pk"]["S"], i["sk"]["S"]))


@pytest_asyncio.fixture(loop_scope="session")
async def shop(aws, clock):
    await create_sales_table(aws.clients.dynamodb, TABLE)
    return Shop(aws, clock)


def figures(**said):
    names = ("items", "counted", "duplicates", "late", "quarantined", "conflicts", "unsettled")
    return {name: said.get(name, 0) for name in names}


def of(done):
    """The figures of a run, apart from how long it took."""
    return {name: value for name, value in done.summary().items() if name not in ("seconds", "items_per_s")}


async def test_what_the_stream_lost_is_counted_and_what_it_brought_is_not_counted_again(shop):
    items = [item(f"e{n}", day=1 + n % 3, product="ABC"[n % 3], quantity=str(n)) for n in range(20)]
    await shop.put(*items)
    await shop.told(*items[:8])
    done = await shop.rebuilt()
    assert done.whole
    assert of(done) == figures(items=20, counted=12, duplicates=8)
    for product in "ABC":
        sold = [n for n in range(20) if "ABC"[n % 3] == product]
        state = await shop.state(ProductKey(product))
        assert (state.sales, state.units) == (len(sold), sum(sold))
        assert state.dirty


async def test_what_it_counted_the_stream_does_not_count_again(shop):
    items = [item("e1", quantity="2"), item("e2", quantity="3", photo={"B": b"\x00\xff"}, tags={"SS": ["b", "a"]})]
    await shop.put(*items)
    await shop.rebuilt()
    await shop.told(*items)
    assert ((await shop.state()).sales, (await shop.state()).units) == (2, 5)


async def test_a_second_run_changes_nothing(shop):
    await shop.put(item("e1"), item("e2", quantity="1.5"), item("e3", day="2024-01-01"), item("e4"))
    await shop.told(item("e4", quantity="9"))
    first = of(await shop.rebuilt())
    stored = await shop.stored()
    assert first == figures(items=4, counted=1, late=1, quarantined=2, conflicts=1)
    assert of(await shop.rebuilt()) == figures(items=4, duplicates=1, late=1, quarantined=2, conflicts=1)
    assert await shop.stored() == stored


async def test_a_bad_item_is_quarantined_with_its_reason_and_as_it_stands(shop):
    await shop.put(item("e1", quantity="1.5"))
    await shop.rebuilt()
    [line] = await shop.stored("Q#")
    assert line["reason"]["S"].startswith("quantity: ")
    assert line["sk"]["S"].startswith("rebuild-")
    assert json.loads(line["body"]["S"])["dynamodb"]["NewImage"]["quantity"] == {"N": "1.5"}


async def test_a_changed_item_is_quarantined_and_a_correction_sent_by_hand_mends_it(shop):
    await shop.told(item("e1", quantity="6"))
    await shop.put(item("e1", quantity="4"))
    assert of(await shop.rebuilt()) == figures(items=1, quarantined=1, conflicts=1)
    [line] = await shop.stored("Q#")
    assert line["reason"]["S"] == "event_id was counted before with another payload"
    assert (await shop.state()).units == 6
    assert await shop.verified() == [Difference(A, TODAY - 3, "sold", 4, 6)]
    record = json.loads(line["body"]["S"])
    images = {**record["dynamodb"], "OldImage": item("e1", quantity="6")}
    await shop.received(json.dumps({**record, "eventName": "MODIFY", "eventID": "by-hand-1", "dynamodb": images}))
    assert (await shop.state()).units == 4
    assert await shop.verified() == []


async def test_a_change_that_was_read_without_its_insertion_is_not_healed_but_shown(shop):
    await shop.put(item("e1", quantity="4"))
    scan = await TableScan.of(shop.clients.dynamodb, TABLE)
    record = json.loads(scan.message(item("e1", quantity="4")).body)
    images = {**record["dynamodb"], "OldImage": item("e1", quantity="6")}
    await shop.received(json.dumps({**record, "eventName": "MODIFY", "dynamodb": images}))
    assert of(await shop.rebuilt()) == figures(items=1, counted=1)
    assert await shop.verified() == [Difference(A, TODAY - 3, "sold", 4, 2)]


async def test_what_is_late_is_not_counted_and_stays_where_it_is(shop):
    await shop.told(item("e1"))
    await shop.put(item("e1"), item("old", day="2024-08-01", quantity="7"))
    assert of(await shop.rebuilt()) == figures(items=2, duplicates=1, late=1)
    assert (await shop.state()).units == 1
    assert await shop.stored("L#") == []


async def test_orders_with_names_of_their_own_are_read_as_the_stream_reads_them(aws, shop):
    names = {"product_id": "sku", "occurred_at": "sold_at", "event_id": "order", "lines": "positions"}
    shop.settings = shop.settings.model_copy(update={"table_fields": names})
    lines = [{"M": {"sku": text(sku), "quantity": number(2)}} for sku in ("A", "B", "A")]
    order = item("o1") | {"order": text("o1"), "sold_at": text(f"{DAY}2"), "positions": {"L": lines}}
    await shop.put(order)
    await shop.told(order)
    assert of(await shop.rebuilt()) == figures(items=1, duplicates=3)
    assert (await shop.state()).buckets == {TODAY - 2: Bucket(sold=4)}
    assert await shop.verified() == []


async def test_a_product_of_a_newer_version_is_tried_again_and_then_named_as_unsettled(aws, shop, clock, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr(state_codec, "SCHEMA", state_codec.SCHEMA + 1)
        store = DynamoState(aws.clients.dynamodb, shop.settings.state_table, 10.0)
        await store.commit([Change(ProductState(A, version=1, freeze=Freeze(1, 2)))])
    await shop.put(item("e1"), item("e2"), item("e3", product="B"))
    done = await shop.rebuilt()
    assert of(done) == figures(items=3, counted=1, unsettled=2)
    assert clock.sleeps == [1.0, 2.0]
    _, failure = closing_of_rebuild(done, TABLE)
    assert failure == "items not settled: 2; see the log lines above, and run it again"


async def test_a_throttled_scan_is_tried_again(aws, shop):
    await shop.put(*(item(f"e{n}") for n in range(5)))
    aws.proxy.plan("Scan", error("ProvisionedThroughputExceededException"), None, error("InternalServerError", 500))
    assert of(await shop.rebuilt(clients=aws.proxied)) == figures(items=5, counted=5)


async def test_a_table_that_may_not_be_read_any_more_ends_it_with_what_was_done(aws, shop):
    await shop.put(*(item(f"e{n}") for n in range(5)))
    aws.proxy.plan("Scan", passed, error("AccessDeniedException"))
    done = await shop.rebuilt(clients=aws.proxied, segments=1)
    assert of(done) == figures(items=3, counted=3)
    assert not done.whole
    _, failure = closing_of_rebuild(done, TABLE)
    assert failure.startswith(f"Scan {TABLE}: AccessDeniedException")


async def test_a_stop_ends_it_after_the_page_in_hand_and_another_run_does_the_rest(aws, shop):
    await shop.put(*(item(f"e{n}") for n in range(5)))
    stop = asyncio.Event()

    async def stopping(call):
        stop.set()
        return await passed(call)

    aws.proxy.plan("Scan", stopping)
    done = await shop.rebuilt(clients=aws.proxied, stop=stop, segments=1)
    assert of(done) == figures(items=3, counted=3)
    assert closing_of_rebuild(done, TABLE)[1].startswith("stopped before the whole table was read")
    assert of(await shop.rebuilt()) == figures(items=5, counted=2, duplicates=3)


async def test_a_table_that_is_not_there_is_said(shop):
    with pytest.raises(Misconfigured, match="DescribeTable no-such-table"):
        await shop.rebuilt(table="no-such-table")


async def test_every_figure_that_differs_is_listed_and_nothing_is_written(shop):
    everywhere, lost = item("e1", quantity="2"), item("e2", day=2, quantity="-3", unit_price={"N": "1.5"})
    leeds = item("e3", location_id=text("LEEDS"))
    zero = item("e4", quantity="0", product="B")
    await shop.put(everywhere, lost, leeds, zero, item("e5", product="B"))
    await shop.told(everywhere, leeds, item("e5", product="B"))
    stored = await shop.stored()
    assert await shop.verified() == [
        Difference(A, TODAY - 2, "returned", 3, 0),
        Difference(A, TODAY - 2, "refunded", 450, 0),
        Difference(A, None, "sales", 2, 1),
        Difference(ProductKey("B"), None, "sales", 2, 1),
    ]
    assert await shop.stored() == stored
    await shop.rebuilt()
    assert await shop.verified() == []


async def test_days_that_no_state_keeps_are_not_compared(shop):
    years = [item(f"y{n}", day=f"20{20 + n // 12}-{1 + n % 12:02}-01") for n in range(57)]
    await shop.put(*years)
    for year in years:
        await shop.told(year)
    assert len((await shop.state()).buckets) < 5
    assert await shop.verified() == []


async def test_a_sale_by_the_queue_alone_shows_as_a_difference(shop):
    await shop.put(item("e1"))
    await shop.told(item("e1"), item("queue", quantity="5"))
    [sold, sales] = await shop.verified()
    assert (sold.table, sold.live, sales.table, sales.live) == (1, 6, 1, 2)


async def test_progress_is_told_in_plain_lines():
    progress = io.StringIO()
    async with telling(lambda: "3 items read", progress, every_s=0):
        for _ in range(20):
            await asyncio.sleep(0)
    assert set(progress.getvalue().splitlines()) == {"3 items read"}


async def restock(aws, *arguments, url=None, **settings):
    """The command as a shell runs it."""
    said = {"RESTOCK_ENDPOINT_URL": url or aws.url, **{f"RESTOCK_{name}": value for name, value in settings.items()}}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "worker.cli", "rebuild", "--missing-only", *arguments),
        env={**os.environ, **said},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said_by(process):
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_reports_in_words_and_in_files(aws, shop, tmp_path):
    await shop.put(item("e1"), item("e2"), item("e3", quantity="1.5"))
    table = ("--from-table", TABLE, "--report", str(tmp_path / "report"))
    code, out, err = await said_by(await restock(aws, *table, "--verify"))
    assert (code, err) == (1, "restock: 1 of 1 products differ between the table and the live state\n")
    assert out.splitlines()[-2].split() == ["A", "2024-10-01", "sold", "2", "0"]
    assert (tmp_path / "report" / "differences.csv").read_text().splitlines() == [
        "product_id,location_id,day,figure,table,live",
        "A,,2024-10-01,sold,2,0",
        "A,,,sales,2,0",
    ]
    code, out, err = await said_by(await restock(aws, *table))
    assert (code, err) == (0, "")
    assert out.splitlines()[2].split()[:2] == ["counted", "2"]
    assert "Nothing was decided here." in out
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary.pop("seconds") > 0
    assert summary.pop("items_per_s") > 0
    assert summary == figures(items=3, counted=2, quarantined=1)
    code, out, err = await said_by(await restock(aws, *table, "--verify"))
    assert (code, err) == (0, "")
    assert "1 products compared, 0 of them differ" in out
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["differences"] == 0


async def test_ctrl_c_ends_it_in_order(aws, shop):
    await shop.put(*(item(f"e{n}") for n in range(9)))
    scanned = asyncio.Event()

    async def slow(call):
        scanned.set()
        await asyncio.sleep(0.3)
        return await passed(call)

    aws.proxy.always("Scan", slow)
    process = await restock(aws, "--from-table", TABLE, "--segments", "1", url=aws.proxy.url, BATCH_SALES="1")
    await scanned.wait()
    process.send_signal(signal.SIGINT)
    code, out, err = await said_by(process)
    assert code == 1
    assert "finishing the pages in hand" in err
    assert err.splitlines()[-1].startswith("restock: stopped before the whole table was read")
    assert out.splitlines()[2].split()[:2] == ["counted", "1"]


async def test_a_second_ctrl_c_ends_it_where_it_stands(aws, shop):
    scanned = asyncio.Event()

    async def hanging(call):
        scanned.set()
        return await lost_before(call)

    aws.proxy.always("Scan", hanging)
    process = await restock(aws, "--from-table", TABLE, url=aws.proxy.url)
    await scanned.wait()
    process.send_signal(signal.SIGINT)
    assert b"press Ctrl-C again" in await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    code, _, err = await said_by(process)
    assert (code, err) == (1, "restock: ended where it stood; run it again, what was counted counts once\n")


@pytest.mark.parametrize("more", [(), ("--verify",)], ids=["rebuild", "verify"])
async def test_a_missing_table_ends_the_command_with_one_clear_line(aws, more):
    code, out, err = await said_by(await restock(aws, "--from-table", "no-such-table", *more))
    assert (code, out) == (1, "")
    [line] = err.splitlines()
    assert line.startswith("restock: DescribeTable no-such-table: ResourceNotFoundException")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--from --from-table --from-export is required"),
        (("--from-table", " "), "must name a table"),
        (("--from-table", TABLE, "--segments", "0"), "must lie between 1 and 64"),
        (("--from-table", TABLE, "--segments", "many"), "--segments"),
    ],
    ids=" ".join,
)
async def test_wrong_use_ends_with_code_2_and_the_reason(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["rebuild", *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


async def test_restocks_own_table_and_settings_that_cannot_work_are_wrong_use(capsys, monkeypatch):
    assert main(["rebuild", "--missing-only", "--from-table", "restock-state"]) == 2
    assert "holds no sales" in capsys.readouterr().err
    monkeypatch.setenv("RESTOCK_BATCH_SALES", "0")
    assert main(["rebuild", "--missing-only", "--from-table", TABLE]) == 2
    assert "RESTOCK_BATCH_SALES" in capsys.readouterr().err


async def test_what_differs_in_many_places_is_shown_in_part():
    shown = [Difference(ProductKey("A", "LEEDS"), TODAY, "sold", 1, 2)]
    verified = Verified(differences=3, differing=2, products=9, whole=True)
    text_of, failure = closing_of_verify(verified, TABLE, shown)
    assert "A#LEEDS" in text_of
    assert "and 2 more: --report DIR writes them all" in text_of
    assert failure == "2 of 9 products differ between the table and the live state"
