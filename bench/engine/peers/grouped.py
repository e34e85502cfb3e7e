"""Which valid sales does a batch hold of each product?

With orjson, for the peers that work a product at a time. Which day is the newest is known here, before any state is
touched: what raises it is counted, whatever else becomes of the batch."""

from __future__ import annotations

from collections import defaultdict

import orjson

from bench.engine.checked import Sale, latest_at, sale_of


def grouped(bodies: list[str], now: int, newest: int) -> tuple[dict[str, list[Sale]], int]:
    """The valid sales by product, and the newest day so far."""
    latest, loads = latest_at(now), orjson.loads
    by_product: defaultdict[str, list[Sale]] = defaultdict(list)
    for body in bodies:
        try:
            sale = sale_of(loads(body), latest)
        except orjson.JSONDecodeError:
            continue
        if sale is not None:
            by_product[sale[0]].append(sale)
            if sale[2] > newest:
                newest = sale[2]
    return by_product, newest
