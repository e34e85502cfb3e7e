"""Does `restock rebuild`, as a shell runs it, ask before it writes, say what is wrong, and survive being killed?"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
from history_shop import TRUE, A, sale, sets

from domain.events import ProductKey
from domain.product import product_label

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
        aws.proxy.always("TransactWriteItems", sets(reached, calls))
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
