"""How many items, bytes and capacity units does a sale cost?

Counted on a table in memory whose headers are grown up: they hold the days of the past and what decisions leave in
them. The reads and the redelivery are those of a worker that knows nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.event_ids.design import Design, Sales, by_product
from bench.event_ids.designs import Segments
from bench.event_ids.metering import TRANSACTIONAL, MemoryTable, Meter
from bench.event_ids.replay import Periods, replay
from domain import ledger
from domain.events import MS_PER_DAY
from domain.orders import OpenOrder
from domain.product import INTERVAL_DAYS, ForecastNote, Interval, Outcome, ProductState, StockLevel
from worker.aws.dynamodb import chunks

GROWING_BATCH = 10_000
PROBED = 1_000
TAILS = (8, 16, 24, 32, 48)
CYCLE = 3


async def units(kind: type[Design], periods: Periods, sizes: Sequence[int]) -> tuple[dict[str, Any], Design]:
    """What a design costs at each batch size, and a worker that has seen all but the future."""
    grown = MemoryTable()
    worker = kind(grown)
    await live(worker, periods.past, GROWING_BATCH)
    costs: dict[str, Any] = {}
    for size in sizes:
        table = MemoryTable(grown)
        then = kind(table, warm=worker)
        costs[str(size)] = {
            **await capacity(then, table, periods.present, size),
            "cold_read_units_per_product": await cold_read_units(kind, table, periods.future[:PROBED]),
            **await redelivered(kind, table, periods.present[-PROBED:]),
        }
    return costs, then


async def tails(periods: Periods) -> dict[str, Any]:
    """Segments with other lengths of the tail, in batches of 1,000."""
    chosen, said = ledger.TAIL_ENTRIES, {}
    try:
        for entries in TAILS:
            ledger.TAIL_ENTRIES = entries
            said[str(entries)] = (await units(Segments, periods, (1_000,)))[0]["1000"]
    finally:
        ledger.TAIL_ENTRIES = chosen
    return said


async def live(worker: Design, sales: Sales, size: int) -> None:
    """Replays sales to a worker whose products are decided between their commits."""
    for batch in chunks(sales, size):
        await replay(worker, [batch])
        for key in {sale.product for sale in batch}:
            worker.states[key] = as_decided(worker.states[key])


def as_decided(state: ProductState) -> ProductState:
    """The state with what decisions leave in a header, alike for all designs: nothing dirty, a forecast, an interval
    for each day that it sold, an open order after one that was received, the shop's stock."""
    days = sorted(state.buckets)[-INTERVAL_DAYS:]
    today = days[-1]
    return state._replace(
        dirty=0,
        decisions=state.decisions + 1,
        forecast=ForecastNote(today, 3_000_000_000, "model", ((1, 2.3456789012345678, 1.2345678901234567),) * 3),
        intervals=tuple(Interval(day, 0, 7) for day in days),
        cycle=CYCLE,
        open_orders=(OpenOrder(CYCLE, 48, 0, today + 7),),
        received_at=(today - 2) * MS_PER_DAY,
        stock=StockLevel(120, today * MS_PER_DAY),
        band="healthy",
    )


async def capacity(worker: Design, table: MemoryTable, sales: Sales, size: int) -> dict[str, float]:
    """What these sales cost to write in batches of this size."""
    table.meter = Meter()
    await live(worker, sales, size)
    written = table.meter
    transactional = written.write_units + (TRANSACTIONAL - 1) * written.put_write_units
    return {
        "items_per_sale": written.items / len(sales),
        "bytes_per_sale": written.bytes / len(sales),
        "write_units_per_sale": written.write_units / len(sales),
        "write_units_were_every_write_a_transaction": transactional / len(sales),
        "transactions": written.transactions,
        "largest_item": written.largest,
    }


async def cold_read_units(kind: type[Design], table: MemoryTable, coming: Sales) -> float:
    """What a worker that knows nothing reads before it can count these sales, for each of their products."""
    table.meter = Meter()
    grouped = by_product(coming)
    await kind(table).fetch(grouped)
    return table.meter.read_units / len(grouped)


async def redelivered(kind: type[Design], table: MemoryTable, old: Sales) -> dict[str, float]:
    """What it costs a worker that knows nothing to see that it counted all of these already."""
    table.meter = Meter()
    if Outcome.APPLIED in await replay(kind(table), [old]):
        raise AssertionError(f"{kind.name} counted a sale twice")
    return {
        "redelivered_write_units_per_sale": table.meter.write_units / len(old),
        "redelivered_read_units_per_sale": table.meter.read_units / len(old),
    }
