"""`restock replay file`: the sales of a file count once, whoever sent some of them before, wherever it was stopped."""

from __future__ import annotations

import asyncio
import io
import os
import sys

import pytest

from domain.events import ProductKey
from worker.producer import pack
from worker.replay.counting import open_counting
from worker.replay.file import opened, replay_file
from worker.replay.marks import Mark
from worker.replay.progress import Progress

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROWS = 2_500


@pytest.fixture
def path(tmp_path):
    rows = [f"{'AB'[n % 2]},2024-09-{1 + n % 28:02},{n % 5}" for n in range(ROWS)]
    rows[7] = "A,2024-09-01,many"
    (tmp_path / "sales.csv").write_text("\n".join(["product_id,date,quantity", *rows]) + "\n")
    return tmp_path / "sales.csv"


class StoppedAfter:
    """Takes messages as the counting does, and stops the replay after so many rows."""

    def __init__(self, counting, rows_max, stop) -> None:
        self._counting, self._rows_max, self._stop = counting, rows_max, stop

    async def take(self, messages):
        settled = await self._counting.take(messages)
        if self._counting.lines >= self._rows_max:
            self._stop.set()
        return settled


async def replayed(parking, path, stop=None, rows_max=None):
    counting = await open_counting(parking.settings, parking.clients, parking.clock, 0)
    [(_, sales)] = opened([path])
    stop = stop or asyncio.Event()
    taking = counting if rows_max is None else StoppedAfter(counting, rows_max, stop)
    progress = Progress("rows", ROWS, io.StringIO())
    whole = await replay_file(path, sales, taking, Mark(path.parent, "mark"), stop, progress, 0)
    await counting.agenda.release()
    return whole, counting.summary()


@pytest.fixture
def counted_by_hand():
    sold = [(n, n % 5) for n in range(ROWS) if n != 7]
    return {
        product: (sum(1 for n, _ in sold if n % 2 == at), sum(q for n, q in sold if n % 2 == at))
        for at, product in enumerate("AB")
    }


async def test_each_row_is_counted_once_and_a_bad_one_parked(parking, path, counted_by_hand):
    whole, became = await replayed(parking, path)
    assert whole
    assert (became["lines"], became["counted"], became["quarantined"]) == (ROWS, ROWS - 1, 1)
    for product, figures in counted_by_hand.items():
        state = await parking.state(ProductKey(product))
        assert (state.sales, state.units) == figures


async def test_what_a_shop_sent_of_the_file_before_is_known_by_its_ids(parking, path):
    [(_, sales)] = opened([path])
    sent = next(iter(pack(sales.rows, fifo_groups=None)))
    await parking.received(sent.body, "5f0c2b1e-9d3a-4c56-8f01-223344556671")
    _, became = await replayed(parking, path)
    assert became["duplicates"] == 99  # of the hundred one is bad, and parked a second time under its own id
    assert became["counted"] == ROWS - 100


async def test_stopped_it_goes_on_where_it_was(parking, path):
    whole, first = await replayed(parking, path, rows_max=1_000)
    assert not whole
    whole, rest = await replayed(parking, path)
    assert whole
    assert first["lines"] + rest["lines"] == ROWS
    assert (first["counted"] + rest["counted"], rest["duplicates"]) == (ROWS - 1, 0)


async def test_with_its_mark_lost_it_counts_nothing_twice(parking, path):
    await replayed(parking, path, rows_max=1_000)
    Mark(path.parent, "mark").forget()
    _, became = await replayed(parking, path)
    assert became["lines"] == ROWS
    assert (await parking.state()).sales + (await parking.state(ProductKey("B"))).sales == ROWS - 1


async def test_a_bad_row_is_parked_once_however_often_it_is_replayed(parking, path):
    for _ in range(2):
        Mark(path.parent, "mark").forget()
        await replayed(parking, path)
    assert len(await parking.reasons()) == 1


async def test_the_products_are_to_be_decided_when_it_has_ended(parking, path):
    await replayed(parking, path)
    assert {key.product_id for key in await parking.due()} == {"A", "B"}


async def test_a_file_that_is_none_stops_it_before_anything_is_counted(aws, path, tmp_path):
    bad = tmp_path / "notes.txt"
    bad.write_text("x")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "worker.cli", "replay", "file", str(path), str(bad), "--yes"),
        env={**os.environ, "RESTOCK_ENDPOINT_URL": aws.url},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert "sales are read from .csv" in err.decode()
