"""How far was a replay when it was stopped?

A number a replay in a small file, written after what it stands for is durable: too low after a crash, never too high.
Counting a part twice counts it once, so that a lost file costs time only."""

from __future__ import annotations

import json
from pathlib import Path


class Mark:
    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.json"

    def read(self) -> int:
        try:
            done = json.loads(self._path.read_text(encoding="utf-8"))["done"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return done if isinstance(done, int) and done > 0 else 0

    def write(self, done: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partly = self._path.with_suffix(".part")
        partly.write_text(json.dumps({"done": done}), encoding="utf-8")
        partly.replace(self._path)

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)
