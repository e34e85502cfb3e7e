"""Which products was a killed run about to replace?

Written before each replacement, with what the state will be known by: whoever finds it so afterwards knows that it has
happened, and does not take what the replacement changed for sales that arrived meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self


class Intents:
    """Those of one shard; a line each, the newest of a product counts."""

    def __init__(self, path: Path, known: dict[str, int]) -> None:
        self._path = path
        self._known = known

    @classmethod
    def of(cls, folder: Path, shard: int) -> Self:
        path = folder / "intents" / f"{shard}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        known: dict[str, int] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    label, first = json.loads(line)
                except ValueError:
                    continue  # cut short by a kill: then the replacement had not begun
                known[label] = first
        return cls(path, known)

    def of_product(self, label: str) -> int | None:
        """The first segment that the replacement of this product would have left, if one was begun."""
        return self._known.get(label)

    def begin(self, firsts: Mapping[str, int]) -> None:
        """These are about to be replaced."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.writelines("\n" + json.dumps(each, ensure_ascii=True) for each in firsts.items())
            stream.write("\n")
        self._known.update(firsts)
