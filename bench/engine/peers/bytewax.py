"""The work as a Bytewax dataflow: a source of micro-batches, a step that decodes, a stateful step keyed by product.

Decoding is one step over a whole batch with orjson, which also groups: one value a product and batch then crosses to
the keyed step instead of one an event, and the state of a product is touched once. That step is `stateful_batch`
itself, which `stateful_map` wraps at some cost. It keeps Python objects, as Bytewax does; recovery, which would pickle
them, is off. One worker: the figure is per CPU-second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from bench.engine.peers.grouped import grouped
from bench.engine.peers.plain import Product, count_one
from bench.engine.spec import Batch, Tally, calendar, main


class Bodies(DynamicSource[Batch], StatelessSourcePartition[Batch]):
    """Hands on one micro-batch at a time."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self.batches = batches

    def build(self, *_: Any) -> Bodies:
        return self

    def next_batch(self) -> list[Batch]:
        return [next(self.batches)]


class Kept(DynamicSink[Any], StatelessSinkPartition[Any]):
    """Keeps what comes out until the run is over."""

    def __init__(self) -> None:
        self.batches: dict[int, tuple[int, list[int], list[tuple[str, tuple[float, ...]]]]] = {}

    def build(self, *_: Any) -> Kept:
        return self

    def write_batch(self, items: list[tuple[str, Any]]) -> None:
        for product_id, (batch, outcomes, row) in items:
            _, counts, rows = self.batches[batch]
            for outcome in outcomes:
                counts[outcome] += 1
            if row is not None:
                rows.append((product_id, row))


class Decoding:
    """Turns a micro-batch into one value a product. Which day is the newest is known here, before any key."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.newest = -1
        self.batch = 0

    def __call__(self, batches: list[Batch]) -> list[tuple[str, Any]]:
        keyed: list[tuple[str, Any]] = []
        for now, bodies in batches:
            by_product, self.newest = grouped(bodies, now, self.newest)
            self.batch += 1
            self.kept.batches[self.batch] = (len(bodies), [0, 0, 0, 0], [])
            as_of = self.newest + 1
            dates = calendar(as_of)
            keyed += [(product_id, (as_of, dates, self.batch, sales)) for product_id, sales in by_product.items()]
        return keyed


class Folding(StatefulBatchLogic[Any, Any, Any]):
    """The state of one product."""

    def __init__(self, state: Product | None) -> None:
        self.product = state

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        if self.product is None:
            self.product = Product(values[0][-1][0][2])
        product, folded = self.product, []
        for as_of, dates, batch, sales in values:
            outcomes = [count_one(sale, product) for sale in sales]
            folded.append((batch, outcomes, product.days.row(as_of, dates) if 0 in outcomes else None))
        return folded, StatefulBatchLogic.RETAIN

    def snapshot(self) -> Product | None:
        return self.product


def work(batches: Iterator[Batch], tally: Tally) -> None:
    kept = Kept()
    flow = Dataflow("sales")
    # Read beforehand: the file is no part of the work.
    bodies = op.input("bodies", flow, Bodies(iter(list(batches))))
    keyed = op.flat_map_batch("decode", bodies, Decoding(kept))
    counted = op.stateful_batch("fold", keyed, Folding)
    op.output("kept", counted, kept)
    with tally.clock():
        run_main(flow)
    for _, (events, counts, rows) in sorted(kept.batches.items()):
        tally.close_batch(events, counts, rows)


if __name__ == "__main__":
    sys.exit(main(work))
