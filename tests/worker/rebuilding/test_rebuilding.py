"""`restock rebuild` from history, against the embedded AWS: the live state becomes what history says, whoever sells
meanwhile, whatever is killed and run again."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from fakes.proxy import error, passed

from domain.events import ProductKey
from domain.product import product_label
from handlers.errors import Misconfigured
from worker.aws.agenda import DynamoAgenda
from worker.aws.state import DynamoState
from worker.intake import Batch
from worker.local.embedded_aws import create_sales_table
from worker.rebuilding.histories import files_history
from worker.rebuilding.item_histories import export_history, table_history
from worker.rebuilding.run import Asked, rebuild_from
from worker.rebuilding.work import Work
from worker.sources.source import Message
from worker.table_scan import TableScan
from worker.wiring import build_parts

pytestmark = pytest.mark.asyncio(loop_scope="session")

A, B = ProductKey("A"), ProductKey("B")
FIELDS = ("product_id", "event_id", "occurred_at", "quantity", "unit_price")
SHARDS = 4


def sale(event_id, product="A", quantity=1, day="2024-10-01", price=1.5):
    return dict(zip(FIELDS, (product, event_id, f"{day}T09:00:00Z", quantity, price), strict=True))


class Shop:
    """What the worker counted, and a history of it in a file."""

    def __init__(self, aws, clock, folder: Path) -> None:
        self.aws, self.clients, self.settings, self.clock, self.folder = aws, aws.clients, aws.settings, clock, folder
        self.store = DynamoState(aws.clients.dynamodb, aws.settings.state_table, 10.0)

    async def counted(self, *sales, clients=None):
        """The worker receives these, as ever; what it makes of them is durable afterwards."""
        parts = await build_parts(self.settings, clients or self.clients, self.clock, io.StringIO())
        batch = Batch()
        await parts.intake.add(batch, Message("m1", "r", json.dumps(sales)))
        assert not (await parts.intake.settle(batch)).handed_back

    def history(self, *sales, name="history.csv"):
        with (self.folder / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, FIELDS)
            writer.writeheader()
            writer.writerows(sales)

    async def rebuilt(self, history=None, clients=None, stop=None, work="work", **asked):
        clients = clients or self.clients
        history = history or await files_history(str(self.folder / "history.csv"), clients.s3)
        folder = Work.begun(self.folder / work, history.about(), SHARDS)
        said = Asked(**{"write": True, "processes": 0, **asked})
        done = await rebuild_from(history, self.settings, clients, self.clock, folder, said, stop or asyncio.Event())
        if done.whole:
            folder.finish()
        return done

    async def state(self, key=A):
        return (await self.store.load([key]))[key]

    async def figures(self, key=A):
        """What a rebuild is about."""
        state = await self.state(key)
        return dict(state.buckets), state.newest_day, state.sales, state.units

    async def due(self):
        agenda = DynamoAgenda(self.clients.dynamodb, self.settings.state_table, self.clock)
        return set(await agenda.due(self.clock.now() + 1, 1_000))


@pytest_asyncio.fixture(loop_scope="session")
async def shop(aws, clock, tmp_path):
    return Shop(aws, clock, tmp_path)


def counts(done, *names):
    return tuple(done.counts[name] for name in names)


TRUE = [sale(f"e{n}", product="AB"[n % 2], quantity=n % 7 - 1, day=f"2024-09-{10 + n % 20}") for n in range(60)]


async def test_a_state_that_is_what_history_says_is_not_touched(shop):
    await shop.counted(*TRUE)
    shop.history(*TRUE)
    before = await shop.state()
    done = await shop.rebuilt()
    assert done.whole
    assert counts(done, "products", "equal", "swap", "differences") == (2, 2, 0, 0)
    assert await shop.state() == before


async def test_what_was_counted_wrongly_and_what_was_lost_becomes_what_history_says(shop):
    wrong = [{**each, "quantity": 10 * each["quantity"]} for each in TRUE[:20]]
    await shop.counted(*wrong, *TRUE[20:50])  # the last ten were lost
    shop.history(*TRUE)
    dirty = (await shop.state()).dirty
    done = await shop.rebuilt()
    assert counts(done, "products", "swapped") == (2, 2)
    assert (await shop.state()).dirty == dirty + 1  # somebody has to decide it anew
    assert await shop.due() == {A, B}
    await twin_agrees(shop)


async def twin_agrees(shop, sales=TRUE):
    """The state is bit for bit that of a worker who counted nothing but these."""
    was = {key: await shop.figures(key) for key in (A, B)}
    for key in (A, B):
        mine = [each for each in sales if each["product_id"] == key.product_id]
        named = ProductKey(f"twin of {key.product_id}")
        await shop.counted(*({**each, "product_id": named.product_id} for each in mine))
        assert await shop.figures(named) == was[key]


async def test_afterwards_every_sale_of_history_is_a_duplicate_and_a_new_one_counts(shop):
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    await shop.rebuilt()
    was = await shop.figures()
    await shop.counted(*TRUE)
    assert await shop.figures() == was
    await shop.counted(sale("new", quantity=100))
    assert (await shop.figures())[2:] == (was[2] + 1, was[3] + 100)


async def test_a_second_rebuild_finds_nothing_to_do(shop):
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    await shop.rebuilt()
    assert counts(await shop.rebuilt(), "equal", "swap") == (2, 0)


async def test_orders_stock_and_what_else_the_state_keeps_stay_as_they_are(shop):
    await shop.counted({"type": "stock_changed", "event_id": "s1", **sale("x"), "level": 40})
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    stock = (await shop.state()).stock
    done = await shop.rebuilt()
    assert counts(done, "swapped") == (2,)
    assert stock is not None
    assert (await shop.state()).stock == stock


async def test_verify_tells_each_difference_and_writes_nothing(shop):
    await shop.counted(*TRUE[1:])
    shop.history(*TRUE)
    before = await shop.state()
    done = await shop.rebuilt(write=False)
    assert counts(done, "equal", "swap", "swapped", "differences") == (1, 1, 0, 3)  # returned, refunded, sales
    assert await shop.state() == before
    assert await shop.due() == {A, B}  # as the worker left it


async def test_sales_that_arrive_while_it_runs_are_not_lost_and_count_once(shop):
    """Some of them are in the history, some are not."""
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    arriving = [*TRUE[18:40], *(sale(f"new{n}", "AB"[n % 2], 3, "2024-10-02") for n in range(10))]

    async def sell_first(call):
        shop.aws.proxy.heal()
        for each in arriving:
            await shop.counted(each)
        return await call_through(call)

    shop.aws.proxy.always("BatchWriteItem", sell_first)
    done = await shop.rebuilt(clients=shop.aws.proxied)
    assert counts(done, "swapped") == (2,)
    await twin_agrees(shop, [*TRUE, *arriving[22:]])


async def call_through(call):
    return await passed(call)


async def test_a_product_that_is_still_counted_wrongly_is_left_alone(shop):
    shop.history(*TRUE)

    async def spoil_first(call):
        shop.aws.proxy.heal()
        await shop.counted({**TRUE[0], "quantity": 77})
        return await call_through(call)

    shop.aws.proxy.always("BatchWriteItem", spoil_first)
    await shop.counted(*TRUE[1:20])
    done = await shop.rebuilt(clients=shop.aws.proxied)
    assert counts(done, "wrong_now", "swapped") == (1, 1)


async def test_sales_that_history_lacks_are_kept_unless_they_are_meant_to_go(shop):
    queued = sale("by-queue", quantity=50)
    await shop.counted(*TRUE, queued, {**sale("e999", "B"), "quantity": 5})
    shop.history(*TRUE[1:], TRUE[0] | {"quantity": 5})
    done = await shop.rebuilt()
    assert counts(done, "extra", "extra_sales", "swapped") == (2, 2, 0)
    done = await shop.rebuilt(drop_extra=True)
    assert counts(done, "swapped") == (2,)
    await twin_agrees(shop, [TRUE[0] | {"quantity": 5}, *TRUE[1:]])


async def test_late_sales_are_listed_apart_and_counted_when_that_is_asked_for(shop):
    late = sale("late", quantity=40, day="2024-08-01")
    await shop.counted(*TRUE)
    await shop.counted(late)
    shop.history(late, *TRUE)
    done = await shop.rebuilt()
    assert counts(done, "late", "equal", "swap") == (1, 2, 0)
    done = await shop.rebuilt(include_late=True)
    assert counts(done, "late", "swapped") == (1, 1)
    await twin_agrees(shop, [late, *TRUE])
    assert counts(await shop.rebuilt(), "late", "equal") == (0, 2)  # it is kept aside no longer


@pytest.mark.parametrize("operation", ["Scan", "BatchWriteItem", "TransactWriteItems"])
async def test_cut_off_at_any_write_and_run_again_it_comes_to_the_same(shop, operation):
    many = [sale(f"e{n}", "AB"[n % 2], n % 5, f"2024-09-{10 + n % 20}") for n in range(120)]
    await shop.counted(*({**each, "quantity": 9} for each in many[:60]))
    meanwhile = [sale(f"meanwhile-{effect}", quantity=11, day="2024-10-02") for effect in (True, False)]
    shop.history(*many, *meanwhile)
    for effect in (True, False):

        async def broken(call, effect=effect):
            if effect:
                await call.forward()
            return await error("AccessDeniedException", 400)(call)

        shop.aws.proxy.always(operation, broken)
        try:
            await shop.rebuilt(clients=shop.aws.proxied)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the next run must go on
            assert "AccessDenied" in str(exc)  # noqa: PT017
        shop.aws.proxy.heal()
        await shop.counted(sale(f"meanwhile-{effect}", quantity=11, day="2024-10-02"))
    assert (await shop.rebuilt()).whole
    await twin_agrees(shop, [*many, *meanwhile])


async def test_stopped_it_goes_on_where_it_was(shop):
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    stop = asyncio.Event()

    async def then_stop(call):
        stop.set()
        return await call_through(call)

    shop.aws.proxy.always("BatchWriteItem", then_stop)
    done = await shop.rebuilt(clients=shop.aws.proxied, stop=stop)
    shop.aws.proxy.heal()
    assert not done.whole
    done = await shop.rebuilt()
    assert done.whole
    assert counts(done, "swapped", "products") == (2, 2)
    await twin_agrees(shop)


async def test_a_folder_with_the_work_of_another_rebuild_is_refused(shop):
    shop.history(*TRUE)
    stop = asyncio.Event()
    stop.set()
    assert not (await shop.rebuilt(stop=stop)).whole
    shop.history(*TRUE, name="other.csv")
    other = await files_history(str(shop.folder / "other.csv"), shop.clients.s3)
    with pytest.raises(Misconfigured, match="holds an unfinished rebuild of something else"):
        await shop.rebuilt(other)


async def test_files_that_come_while_it_runs_are_no_part_of_it_and_one_that_changes_stops_it(shop):
    lake = shop.folder / "lake"
    lake.mkdir()
    shop.history(*TRUE[:40], name="lake/1.csv")
    history = await files_history(str(lake), shop.clients.s3)
    shop.history(*TRUE[40:], name="lake/2.csv")  # before it is read: a part of it
    await shop.counted(*TRUE)
    stop = asyncio.Event()
    shop.aws.proxy.always("BatchGetItem", stops(stop, after=2))
    assert not (await shop.rebuilt(history, shop.aws.proxied, stop)).whole
    shop.aws.proxy.heal()
    shop.history(sale("later"), name="lake/3.csv")
    done = await shop.rebuilt(await files_history(str(lake), shop.clients.s3))
    assert counts(done, "rows", "equal") == (60, 2)


def stops(stop, after):
    """Passes calls on, and stops the command at one of them."""
    left = after

    async def pass_on(call):
        nonlocal left
        left -= 1
        if not left:
            stop.set()
        return await passed(call)

    return pass_on


def item(each):
    return {
        "product_id": {"S": each["product_id"]},
        "sale_date": {"S": f"{each['occurred_at']}#{each['event_id']}"},
        "quantity": {"N": str(each["quantity"])},
        "unit_price": {"N": str(each["unit_price"])},
    }


async def told(shop, items):
    """The table's stream brings the insertion of these to the worker."""
    scan = await TableScan.of(shop.clients.dynamodb, "retail-sales-history")
    parts = await build_parts(shop.settings, shop.clients, shop.clock, io.StringIO())
    batch = Batch()
    for place, each in enumerate(items):
        await parts.intake.add(batch, Message(f"m{place}", str(place), scan.message(each).body))
    await parts.intake.settle(batch)


async def test_from_the_table_it_knows_the_ids_that_its_stream_told(shop):
    dynamodb = shop.clients.dynamodb
    await create_sales_table(dynamodb, "retail-sales-history")
    items = [item(each) for each in TRUE]
    for each in items:
        await dynamodb.put_item(TableName="retail-sales-history", Item=each)
    await told(shop, [{**each, "quantity": {"N": "9"}} for each in items[:20]] + items[20:50])
    history = await table_history(dynamodb, "retail-sales-history", {}, 2, 7)
    done = await shop.rebuilt(history)
    assert counts(done, "rows", "swapped") == (60, 2)
    was = await shop.figures()
    await told(shop, items)
    assert await shop.figures() == was
    assert counts(await shop.rebuilt(history), "equal") == (2,)


async def test_from_an_export_it_comes_to_the_same_as_from_the_table(shop):
    dynamodb, s3 = shop.clients.dynamodb, shop.clients.s3
    await create_sales_table(dynamodb, "retail-sales-history")
    items = [item(each) for each in TRUE]
    await told(shop, items[:50])
    await s3.create_bucket(Bucket="exports")
    place = "AWSDynamoDB/017"
    arn = (await dynamodb.describe_table(TableName="retail-sales-history"))["Table"]["TableArn"]
    about = {"outputFormat": "DYNAMODB_JSON", "exportType": "FULL_EXPORT", "tableArn": arn}
    await s3.put_object(Bucket="exports", Key=f"{place}/manifest-summary.json", Body=json.dumps(about).encode())
    for part in range(2):
        lines = "\n".join(json.dumps({"Item": each}) for each in items[part::2])
        body = gzip.compress(lines.encode())
        await s3.put_object(Bucket="exports", Key=f"{place}/data/part{part}.json.gz", Body=body)
    history = await export_history(f"s3://exports/{place}/", s3, dynamodb, {})
    done = await shop.rebuilt(history)
    assert counts(done, "rows", "swapped") == (60, 2)
    was = await shop.figures()
    await told(shop, items)
    assert await shop.figures() == was


async def test_from_s3_several_files_are_one_history(shop):
    await shop.clients.s3.create_bucket(Bucket="history")
    for part in range(3):
        shop.history(*TRUE[part::3], name="part.csv")
        body = (shop.folder / "part.csv").read_bytes()
        await shop.clients.s3.put_object(Bucket="history", Key=f"sales/{part}.csv", Body=body)
    done = await shop.rebuilt(await files_history("s3://history/sales/", shop.clients.s3))
    assert counts(done, "rows", "products") == (60, 2)
    await twin_agrees(shop)


async def restock(aws, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "worker.cli", "rebuild", *arguments),
        env={**os.environ, "RESTOCK_ENDPOINT_URL": aws.url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.timeout(300)
async def test_the_command_verifies_asks_for_yes_and_then_does_it(aws, shop, tmp_path):
    await shop.counted(*TRUE[1:])
    shop.history(*TRUE)
    report, work = tmp_path / "report", tmp_path / "passing"
    said = ("--from", str(tmp_path / "history.csv"), "--work", str(work), "--report", str(report))
    said = (*said, "--shards", "2", "--processes", "1")
    code, out, err = await restock(aws, *said, "--verify")
    assert (code, err.splitlines()[-1]) == (1, "restock: 1 of 2 products differ from history")
    assert (report / "differences.csv").read_text().splitlines()[1:] == [
        "A,,2024-09-10,returned,1,0",
        "A,,2024-09-10,refunded,150,0",
        "A,,,sales,30,29",
    ]
    code, _, err = await restock(aws, *said)
    assert (code, err) == (0, "nothing was done: say --yes to do it\n")
    code, out, err = await restock(aws, *said, "--yes")
    assert (code, "restock:" in err) == (0, False)
    assert json.loads((report / "summary.json").read_text())["swapped"] == 1
    assert not work.exists()
    code, out, err = await restock(aws, *said, "--verify")
    assert (code, "restock:" in err) == (0, False)
    assert product_label(A) not in out.split()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--from", "no-such-file.csv"), 1, "there is no such file"),
        (("--from", "s3://"), 1, "looks like s3://bucket/prefix"),
        (("--from-table", "restock-state"), 2, "holds no sales"),
        (("--from", "x", "--missing-only"), 2, "--missing-only goes with --from-table only"),
        (("--from", "x", "--from-table", "y"), 2, "not allowed with"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_wrong_use_and_what_is_missing_end_with_one_clear_line(aws, arguments, code, said):
    ended, _, err = await restock(aws, *arguments)
    assert ended == code
    assert said in err.splitlines()[-1]


@pytest.mark.timeout(240)
async def test_killed_with_9_again_and_again_it_comes_to_the_same(aws, shop, tmp_path):
    many = [sale(f"e{n}", f"P{n % 40}", 1 + n % 5, f"2024-09-{10 + n % 20}") for n in range(2_000)]
    await shop.counted(*({**each, "quantity": 9} for each in many[:1_000]))
    shop.history(*many)
    place = ("--from", str(tmp_path / "history.csv"), "--work", str(tmp_path / "passing"), "--yes", "--processes", "1")
    killed = 0
    for calls in (1, 6):  # of the writes: somewhere in the middle of the replacements
        reached = asyncio.Event()
        aws.proxy.always("TransactWriteItems", reaches(reached, calls))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "worker.cli", "rebuild", *place, "--shards", "2"),
            env={**os.environ, "RESTOCK_ENDPOINT_URL": aws.proxy.url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        waiting = [asyncio.create_task(process.wait()), asyncio.create_task(reached.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if process.returncode is None:
            process.kill()
            killed += 1
        await process.wait()
        waiting[1].cancel()
        aws.proxy.heal()
    assert killed
    done = await restock(aws, *place, "--shards", "2")
    assert done[0] == 0, done[2]
    for product in range(40):
        mine = [each for each in many if each["product_id"] == f"P{product}"]
        state = await shop.state(ProductKey(f"P{product}"))
        assert (state.sales, state.units) == (len(mine), sum(each["quantity"] for each in mine))


def reaches(reached, calls):
    left = calls

    async def pass_on(call):
        nonlocal left
        left -= 1
        if not left:
            reached.set()
        return await passed(call)

    return pass_on
