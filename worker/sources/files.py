"""Which sales does a file hold, and in what order did they happen?

Every row of the file comes out exactly once, in event-time order, as it was written: a bad row is neither
dropped nor repaired but left for the worker to quarantine. Only a file without any sense is refused."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from worker.sources.column_sales import read_parquet
from worker.sources.csv_sales import read_csv
from worker.sources.jsonl_sales import read_jsonl
from worker.sources.sales_file import MAPPINGS, RawRow, SalesFile, UnreadableSales

# Whoever opens a file of sales needs this module alone.
__all__ = ["MAPPINGS", "RawRow", "SalesFile", "UnreadableSales", "open_sales"]

_READERS: Mapping[str, Callable[[bytes, str], SalesFile]] = {
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_jsonl,
    ".parquet": read_parquet,
}


def open_sales(path: Path) -> SalesFile:
    """Reads .csv, .jsonl (.ndjson, .json: an object a line), .parquet, also .gz. Raises UnreadableSales."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    read = _READERS.get("".join(suffixes[-2:-1] if zipped else suffixes[-1:]))
    try:
        if read is None:
            raise UnreadableSales("sales are read from .csv, .jsonl and .parquet files (.gz too)")
        stored = path.read_bytes()
        content = gzip.decompress(stored) if zipped else stored
        if not content or content.isspace():
            raise UnreadableSales("is empty")
        return read(content, hashlib.sha256(stored).hexdigest()[:16])
    except UnreadableSales as exc:
        raise UnreadableSales(f"{path}: {exc}") from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as exc:
        reason = (isinstance(exc, OSError) and exc.strerror) or " ".join(str(exc).split())
        raise UnreadableSales(f"{path}: cannot be read: {reason}") from exc
