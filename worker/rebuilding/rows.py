"""How are the sales of history held while a state is made of them?

As packed rows of numpy: 45 bytes a sale, whatever it was read from. An entry is what the ledger remembers of the sale;
the code stands for the product's label. A piece of history is written as one file, its rows ordered by shard: a shard
is read as a slice of each piece, and memory never holds more than a piece or a shard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from domain.events import ProductKey, SaleRecorded
from domain.ledger import ENTRY_BYTES, entry_of
from domain.product import product_label

ROW = np.dtype(
    [
        ("entry", np.uint8, (ENTRY_BYTES,)),
        ("code", np.int32),
        ("day", np.int32),
        ("quantity", np.int64),
        ("revenue", np.int64),
        ("promotion", np.bool_),
    ]
)
Packed = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Packed sales, and the labels that their codes stand for."""

    packed: Packed
    labels: list[str]

    def __len__(self) -> int:
        return len(self.packed)


def shard_of(label: str, shards: int) -> int:
    return crc32(label.encode("utf-8", "surrogatepass")) % shards


def rows_of(sales: Sequence[SaleRecorded]) -> Rows:
    """The sales in the order given."""
    codes: dict[ProductKey, int] = {}
    packed = np.zeros(len(sales), dtype=ROW)
    packed["code"] = [codes.setdefault(sale.product, len(codes)) for sale in sales]
    packed["entry"] = _entries(map(entry_of, sales), len(sales))
    packed["day"] = [sale.day for sale in sales]
    packed["quantity"] = [sale.quantity for sale in sales]
    packed["revenue"] = [sale.revenue_minor for sale in sales]
    packed["promotion"] = [sale.promotion for sale in sales]
    return Rows(packed, [product_label(product) for product in codes])


def _entries(entries: Iterable[bytes], count: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(entries), dtype=np.uint8).reshape(count, ENTRY_BYTES)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows, under one code a label."""
    codes: dict[str, int] = {}
    packed = np.concatenate([part.packed for part in parts]) if parts else np.zeros(0, dtype=ROW)
    at = 0
    for part in parts:
        renamed = np.array([codes.setdefault(label, len(codes)) for label in part.labels], dtype=np.int32)
        if len(part):
            packed["code"][at : at + len(part)] = renamed[part.packed["code"]]
        at += len(part)
    return Rows(packed, list(codes))


def write_piece(folder: Path, rows: Rows, shards: int) -> None:
    """Writes a piece; it is there as a whole or not at all."""
    partly = folder.with_name(folder.name + ".part")
    shutil.rmtree(partly, ignore_errors=True)
    partly.mkdir(parents=True)
    shard_of_code = np.array([shard_of(label, shards) for label in rows.labels], dtype=np.int32)
    shard = shard_of_code[rows.packed["code"]] if len(rows) else np.zeros(0, dtype=np.int32)
    order = np.argsort(shard, kind="stable")
    np.save(partly / "rows.npy", rows.packed[order])
    ends = np.searchsorted(shard[order], np.arange(shards + 1)).tolist()
    (partly / "labels.json").write_text(json.dumps({"labels": rows.labels, "ends": ends}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partly.rename(folder)


def read_shard(pieces: Iterable[Path], shard: int) -> Rows:
    """What all pieces have of a shard, in the order of the pieces and of the rows in them."""
    parts = []
    for piece in pieces:
        about = json.loads((piece / "labels.json").read_text(encoding="utf-8"))
        first, end = about["ends"][shard : shard + 2]
        if first < end:
            # Only the slice is read from disk.
            packed = np.array(np.load(piece / "rows.npy", mmap_mode="r")[first:end])
            used, codes = np.unique(packed["code"], return_inverse=True)
            packed["code"] = codes
            parts.append(Rows(packed, [about["labels"][code] for code in used.tolist()]))
    return joined(parts)
