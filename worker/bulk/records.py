"""What is a shard made of?

Lines of the endpoint's short form, a request each, of RECORD_PRODUCTS products: Batch Transform sends a line a call,
which may have 6 MiB. A record that would have more is cut in two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from domain.features import DailySeries, Ints
from forecaster.formats import encode_request, request_of

RECORD_PRODUCTS = 300
RECORD_BYTES_MAX = 6 * 1024 * 1024


class Part(NamedTuple):
    """Some products of a shard: their labels and what is known of them."""

    items: Sequence[str]
    series: DailySeries


def lines_of(part: Part, cover_days: Sequence[int]) -> Iterator[bytes]:
    """The records of a part."""
    for at in range(0, len(part.items), RECORD_PRODUCTS):
        rows = list(range(at, min(len(part.items), at + RECORD_PRODUCTS)))
        cover = np.tile(np.array(cover_days, dtype=np.int64), (len(rows), 1))
        yield from _fitting(Part([part.items[row] for row in rows], part.series.take(rows)), cover)


def _fitting(part: Part, cover: Ints) -> Iterator[bytes]:
    line = encode_request(request_of(part.items, part.series, cover))
    if len(line) <= RECORD_BYTES_MAX or len(part.items) == 1:
        yield line
        return
    middle = len(part.items) // 2
    for rows in (list(range(middle)), list(range(middle, len(part.items)))):
        yield from _fitting(Part([part.items[row] for row in rows], part.series.take(rows)), cover[rows])


def write_shard(path: Path, parts: Iterable[Part], cover_days: Sequence[int]) -> int:
    """Adds the records of all parts to a shard, one after the other; returns the number of products."""
    products = 0
    with path.open("ab") as stream:
        for part in parts:
            for line in lines_of(part, cover_days):
                stream.write(line + b"\n")
            products += len(part.items)
    return products
