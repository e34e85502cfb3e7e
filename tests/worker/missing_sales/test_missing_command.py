"""What does `restock rebuild --missing-only`, and its --verify, tell whoever runs it?

Against the embedded AWS; where a signal matters, as a shell runs the command."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys

import pytest
from fakes.clock import TODAY
from fakes.proxy import lost_before, passed
from table_shop import TABLE, A, figures, item

from domain.events import ProductKey
from worker.aws.dynamodb import text
from worker.cli import main
from worker.rebuild_command import closing_of_verify
from worker.rebuild_verify import Difference, Verified
from worker.table_scan import telling

pytestmark = pytest.mark.asyncio(loop_scope="session")


# What differs


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


async def test_what_differs_in_many_places_is_shown_in_part():
    shown = [Difference(ProductKey("A", "LEEDS"), TODAY, "sold", 1, 2)]
    verified = Verified(differences=3, differing=2, products=9, whole=True)
    text_of, failure = closing_of_verify(verified, TABLE, shown)
    assert "A#LEEDS" in text_of
    assert "and 2 more: --report DIR writes them all" in text_of
    assert failure == "2 of 9 products differ between the table and the live state"


# The command


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


async def test_progress_is_told_in_plain_lines():
    progress = io.StringIO()
    async with telling(lambda: "3 items read", progress, every_s=0):
        for _ in range(20):
            await asyncio.sleep(0)
    assert set(progress.getvalue().splitlines()) == {"3 items read"}


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
