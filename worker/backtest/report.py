"""What does a backtest leave behind for scripts?

summary.json with every figure, orders.parquet with every order. A moment is naive UTC; costs are null where none were
given."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.backtest import Outcome
from forecaster.evaluation.report import whole_ids
from worker.backtest.contest import Compared, Entry, Point, stock_at
from worker.backtest.history import Replayed

SUMMARY, ORDERS = "summary.json", "orders.parquet"


@dataclass(frozen=True, slots=True)
class Backtested:
    """Everything a report is made of. reached: each policy from the first period on that an order
    can reach. compared: restock beside each other policy, where there is a frontier."""

    asked: dict[str, Any]
    replayed: Replayed
    entries: tuple[Entry, ...]
    reached: dict[str, Outcome]
    compared: dict[str, Compared]
    service: float
    lead_time: int
    rows: int
    skipped: int
    trainings: int
    seconds: float
    warnings: list[str]


def write_report(folder: Path, done: Backtested) -> None:
    """Writes both files."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(orders_table(done), folder / ORDERS)
    (folder / SUMMARY).write_text(json.dumps(summary(done), indent=2) + "\n")


def summary(done: Backtested) -> dict[str, Any]:
    """The figures, in plain numbers."""
    shop = done.replayed.shop
    return {
        **done.asked,
        "products": len(shop.on_hand),
        "rows": done.rows,
        "rows_skipped": done.skipped,
        "first_period_begins": done.replayed.begins_on(1).isoformat(),
        "demand": int(shop.demand.sum()),
        "policies": {entry.name: _policy(entry) for entry in done.entries},
        "frontier": {entry.name: [_point(point) for point in entry.frontier] for entry in done.entries},
        "compared": {
            name: {
                "fill_rate": said.fill_rate,
                "average_on_hand": said.average_on_hand,
                "stock_saved_at_its_service": said.stock_saved,
                "fill_rate_gained_at_its_stock": said.fill_rate_gained,
            }
            for name, said in done.compared.items()
        },
        "at_equal_service": {
            "fill_rate": done.service,
            "average_on_hand": {entry.name: stock_at(entry.frontier, done.service) for entry in done.entries},
        },
        "trainings": done.trainings,
        "seconds": round(done.seconds, 2),
        "warnings": done.warnings,
    }


def _policy(entry: Entry) -> dict[str, Any]:
    figures = entry.figures
    return {"setting": entry.setting, **_plain(figures), "periods": _by_period(figures)}


def _point(point: Point) -> dict[str, Any]:
    return {"setting": point.setting, **_plain(point.figures)}


def _plain(figures: Outcome) -> dict[str, Any]:
    return {
        "total_cost": figures.total_cost,
        "holding_cost": figures.holding_cost,
        "shortage_cost": figures.shortage_cost,
        "fill_rate": figures.fill_rate,
        "stockout_share": figures.stockout_share,
        "average_on_hand": figures.average_on_hand,
        "orders": figures.orders,
        "units_ordered": figures.units_ordered,
    }


def _by_period(figures: Outcome) -> list[dict[str, Any]] | None:
    """What each period cost, from period 1 on."""
    if figures.holding_by_period is None or figures.shortage_by_period is None:
        return None
    pairs = zip(figures.holding_by_period.tolist(), figures.shortage_by_period.tolist(), strict=True)
    return [
        {"period": period, "holding_cost": held, "shortage_cost": short, "total_cost": held + short}
        for period, (held, short) in enumerate(pairs, start=1)
    ]


def orders_table(done: Backtested) -> pa.Table:
    """One row an order. decided_at is the first moment after period t; arrives_at the first of period t + 1 + L. Ids
    are whole numbers where a Parquet file of sales has whole numbers, else text."""
    products = done.replayed.past.products
    whole = whole_ids(Path(done.asked["sales"]))
    columns: dict[str, list[Any]] = {
        name: [] for name in ("policy", "product_id", "location_id", "decided_at", "quantity", "arrives_at")
    }
    for entry in done.entries:
        for row, t in zip(*(index.tolist() for index in np.nonzero(entry.run.ordered)), strict=True):
            columns["policy"].append(entry.name)
            columns["product_id"].append(products[row].product_id)
            columns["location_id"].append(products[row].location_id)
            columns["decided_at"].append(_moment(done.replayed, t + 1))
            columns["quantity"].append(int(entry.run.ordered[row, t]))
            columns["arrives_at"].append(_moment(done.replayed, t + 1 + done.lead_time))
    kinds = {"decided_at": pa.timestamp("us"), "arrives_at": pa.timestamp("us"), "quantity": pa.int64()}
    for name in whole:
        columns[name] = [None if said is None else int(said) for said in columns[name]]
        kinds[name] = pa.int64()
    return pa.table({name: pa.array(said, kinds.get(name, pa.string())) for name, said in columns.items()})


def _moment(replayed: Replayed, period: int) -> dt.datetime:
    return dt.datetime.combine(replayed.begins_on(period), dt.time())
