"""Which events does every side get?

Sales of some products, a few of which sell most; some are sent twice, some come days late, some too late, some are
returns, some reuse an id for something else, some are no events at all. The draw is seeded. Nothing in it depends on
whether a side judges lateness before each event or before each batch, so that sides of both kinds are right."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.engine.spec import MS_PER_DAY, arrival_ms

START_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
DAYS = 90
PRODUCTS = 5_000
DELAY_S = 600
LATE_DAYS = 20
TOO_LATE_DAYS = (80, 110)
TOO_LATE_AFTER = 0.4  # before that a product may have no newest day to be late against
TOO_LATE_PRODUCTS = 5  # they sell every day: to be this late is late for certain
SHARES = (("again", 0.02), ("late", 0.03), ("too_late", 0.002), ("return", 0.02), ("invalid", 0.002))
CONFLICTS = 0.1  # of what is sent again
AGAIN_WITHIN = 1_000  # events, and never more than a fiftieth of all: an id is asked for while it is remembered
CATEGORIES = ("grocery", "dairy", "bakery", "drinks", "garden")
CHUNK = 1_000


def clock_of(events: int) -> dict[str, int]:
    """How the clock goes while so many events arrive."""
    return {"start_ms": START_MS, "days": DAYS, "events": events}


def write_events(path: Path, events: int, seed: int = 1, products: int = PRODUCTS) -> None:
    """One JSON text a line, after a first line that says how the clock goes."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(clock_of(events)) + "\n")
        for line in lines_of(events, seed, products):
            file.write(line + "\n")


def lines_of(events: int, seed: int = 1, products: int = PRODUCTS) -> Iterator[str]:
    """The message bodies in the order of arrival; a few are kept in memory, never all."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, products + 1)
    weights /= weights.sum()
    clock = clock_of(events)
    recent: deque[str] = deque(maxlen=max(1, min(AGAIN_WITHIN, events // 50)))
    for first in range(0, events, CHUNK):
        yield from _chunk(rng, weights, clock, first, min(CHUNK, events - first), recent)


def _chunk(
    rng: np.random.Generator, weights: np.ndarray, clock: dict[str, int], first: int, size: int, recent: deque[str]
) -> Iterator[str]:
    names = [name for name, _ in SHARES]
    bounds = np.cumsum([share for _, share in SHARES])
    kinds = np.searchsorted(bounds, rng.random(size), side="right").tolist()
    chosen = rng.choice(len(weights), size=size, p=weights).tolist()
    units, cents = rng.integers(1, 10, size).tolist(), rng.integers(100, 5_000, size).tolist()
    parts, delays = rng.random(size).tolist(), (rng.random(size) * DELAY_S * 1000).tolist()
    numbers = rng.integers(0, 10**6, size).tolist()
    for at in range(size):
        kind = names[kinds[at]] if kinds[at] < len(names) else "sale"
        arrives = arrival_ms(clock, first + at + 1)
        if kind == "again" and recent:
            yield _again(recent[int(parts[at] * len(recent))], numbers[at] < CONFLICTS * 10**6)
            continue
        product, occurred, quantity = chosen[at], arrives - int(delays[at]), units[at]
        if kind == "late":
            occurred -= int(parts[at] * LATE_DAYS * MS_PER_DAY)
        elif kind == "too_late" and first + at > TOO_LATE_AFTER * clock["events"]:
            product %= TOO_LATE_PRODUCTS
            low, high = TOO_LATE_DAYS
            occurred -= int((low + parts[at] * (high - low)) * MS_PER_DAY)
        elif kind == "return":
            quantity = -(1 + quantity % 3)
        line = _line(first + at, numbers[at], product, occurred, quantity, cents[at])
        if kind == "invalid":
            yield _spoilt(line, numbers[at] % 6, occurred)
            continue
        recent.append(line)
        yield line


def _line(number: int, suffix: int, product: int, occurred_ms: int, quantity: int, cents: int) -> str:
    moment = datetime.fromtimestamp(occurred_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    promotion = "true" if suffix % 10 == 0 else "false"
    return (
        f'{{"event_id":"sale-{number:08d}-{suffix:06d}","product_id":"SKU-{product:06d}","occurred_at":"{moment}",'
        f'"quantity":{quantity},"unit_price":{cents / 100:.2f},"promotion":{promotion},'
        f'"category":"{CATEGORIES[product % len(CATEGORIES)]}"}}'
    )


def _again(line: str, other: bool) -> str:
    """The same message once more, or another sale under its id."""
    if not other:
        return line
    sale = json.loads(line)
    sale["quantity"] += 1 if sale["quantity"] > 0 else -1
    return json.dumps(sale, separators=(",", ":"))


def _spoilt(line: str, way: int, occurred_ms: int) -> str:
    """A line that every side must refuse."""
    sale = json.loads(line)
    if way == 0:
        return line[: len(line) // 2]
    if way == 1:
        del sale["product_id"]
    elif way == 2:
        sale["quantity"] = 1.5
    elif way == 3:
        sale["product_id"] = ""
    elif way == 4:
        sale["occurred_at"] = "yesterday"
    else:
        moment = datetime.fromtimestamp((occurred_ms + 400 * MS_PER_DAY) // 1000, UTC)
        sale["occurred_at"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(sale, separators=(",", ":"))
