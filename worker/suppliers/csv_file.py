"""What does a supplier's CSV file say?

A line a message, the fields of a message as columns, `status` for `type` if one likes; UTF-8, with or without a mark at
its beginning; commas, semicolons or tabs between the cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BYTES_MAX = 32_000_000
SEPARATORS = ",;\t"


class UnreadableFile(Exception):
    """It is no file of messages: one line says why."""


def messages_in(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the file, empty cells left out. UnreadableFile if it is none."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise UnreadableFile(f"{path}: larger than {BYTES_MAX} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise UnreadableFile(f"{path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise UnreadableFile(f"{path}: not UTF-8") from exc
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    rows = csv.DictReader(text.splitlines(), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        named = [str(name).strip() for name in rows.fieldnames or ()]
        if "reorder_id" not in named or not {"type", "status"} & set(named):
            raise UnreadableFile(f"{path}: the first line must name reorder_id and type (or status)")
        rows.fieldnames = named
        for row in rows:
            yield {
                ("more cells than columns" if name is None else name): value.strip()
                if isinstance(value, str)
                else value
                for name, value in row.items()
                if value not in (None, "")
            }
    except csv.Error as exc:
        raise UnreadableFile(f"{path}: line {rows.line_num}: {exc}") from exc
