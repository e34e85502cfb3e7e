"""What will be sent, and what is it worth?

Sales of a few products over many days in a short time, in messages of a few lines: some sales twice, some lines that
are no sale, some ids used for two different sales. All of it follows from the seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any

FIRST_DAY = date(2024, 3, 1)
DAYS = 28  # with what comes out of order well within the 35 days after which a sale would be late
OUT_OF_ORDER_DAYS = 4
PRODUCTS = 24
HOT_SHARE = 0.15  # of one product, which all workers want to write at once
FIFO_GROUPS = 6
TICK_S = 0.2
LINES_MAX = 6
DUPLICATES, DUPLICATE_WITHIN_S = 0.10, 15.0
POISON, REUSED, RETURNS = 0.01, 0.006, 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """kind: sale, rival (the second sale under an id) or poison. mark is in its text and in no other line's."""

    kind: str
    product: str
    mark: str
    fields: Mapping[str, Any] | str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    at_s: float
    group: str
    lines: tuple[Line, ...]

    @property
    def body(self) -> str:
        if isinstance(self.lines[0].fields, str):
            return self.lines[0].fields
        return json.dumps([line.fields for line in self.lines])


def label_of(number: int) -> str:
    """Products with a location and without, named as the state table names them."""
    return f"P{number:02d}#north" if number % 3 == 0 else f"P{number:02d}"


LABELS = [label_of(number) for number in range(PRODUCTS)]


def named(label: str) -> dict[str, str]:
    """The fields that name a product in an event."""
    product_id, _, location_id = label.partition("#")
    return {"product_id": product_id, **({"location_id": location_id} if location_id else {})}


def group_of(label: str) -> str:
    """The FIFO message group of a product."""
    return f"g{LABELS.index(label) % FIFO_GROUPS}"


def messages(seed: int, name: str, seconds: float, rate: float) -> list[Message]:
    """Everything that will be sent within these seconds, at rate new sales a second, in order."""
    chance = Random(f"restock chaos sales {seed} {name}")
    timed = sorted(_lines(chance, name, seconds, rate), key=lambda each: each[0])
    sent: list[Message] = []
    for tick, within in groupby(timed, key=lambda each: int(each[0] / TICK_S)):
        waiting: dict[str, list[Line]] = {}
        for _, line in within:
            waiting.setdefault(group_of(line.product), []).append(line)
        for group, lines in waiting.items():
            sent += [Message(tick * TICK_S, group, part) for part in _packed(chance, lines)]
    return sent


def _packed(chance: Random, lines: Iterable[Line]) -> Iterator[tuple[Line, ...]]:
    """Runs of a few lines; a line that is no JSON has a message of its own."""
    part: list[Line] = []
    size = chance.randint(1, LINES_MAX)
    for line in lines:
        alone = isinstance(line.fields, str)
        if part and (alone or len(part) >= size):
            yield tuple(part)
            part, size = [], chance.randint(1, LINES_MAX)
        if alone:
            yield (line,)
        else:
            part.append(line)
    if part:
        yield tuple(part)


def _lines(chance: Random, name: str, seconds: float, rate: float) -> Iterator[tuple[float, Line]]:
    for number in range(int(seconds * rate)):
        at_s = number / rate
        label = LABELS[0] if chance.random() < HOT_SHARE else chance.choice(LABELS)
        mark = f"{name}-{number:06d}-a"
        sale = _sale(chance, label, mark, at_s / seconds)
        if chance.random() < POISON:
            yield at_s, Line("poison", label, mark, _poisoned(chance, sale))
            continue
        yield at_s, Line("sale", label, mark, sale)
        again_s = min(seconds, at_s + chance.uniform(0, DUPLICATE_WITHIN_S))
        drawn = chance.random()
        if drawn < DUPLICATES:
            yield again_s, Line("sale", label, mark, sale, repeated=True)
        elif drawn < DUPLICATES + REUSED:
            rival = f"{name}-{number:06d}-b"
            yield again_s, Line("rival", label, rival, {**sale, "quantity": sale["quantity"] + 50, "till": rival})


def _sale(chance: Random, label: str, mark: str, share: float) -> dict[str, Any]:
    day = max(0, int(share * DAYS) - (chance.random() < 0.1) * chance.randint(1, OUT_OF_ORDER_DAYS))
    at = datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(days=day, seconds=chance.randrange(86_400))
    returned = chance.random() < RETURNS
    return {
        **named(label),
        "event_id": mark.rpartition("-")[0],
        "till": mark,
        "occurred_at": at.isoformat() + "Z",
        "quantity": -chance.randint(1, 3) if returned else chance.randint(1, 12),
        "unit_price": chance.randint(1, 5_000) / 100,
        "promotion": chance.random() < 0.1,
    }


def _poisoned(chance: Random, sale: Mapping[str, Any]) -> Mapping[str, Any] | str:
    drawn = chance.randrange(5)
    if drawn == 0:
        return f"{{no sale at all: {sale['till']}"
    if drawn == 1:
        return {name: value for name, value in sale.items() if name != "quantity"}
    wrong = {2: {"quantity": "many"}, 3: {"occurred_at": "2099-01-01"}, 4: {"type": "sale_imagined"}}
    return {**sale, **wrong[drawn]}
