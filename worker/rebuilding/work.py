"""How far is a rebuild, whatever kills it?

A folder says: which history and which state it is of, which pieces of the history are read, which products stood how
before any of it was read, and which shards are done. Each is written as a whole after what it stands for; a run with
the same folder goes on behind it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.errors import Misconfigured

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A file of history: how it is called, how large it is, which version of it, and how it comes to be a file here."""

    name: str
    size_bytes: int
    version: str
    fetched: Callable[[Path], Awaitable[Path]]


@dataclass(frozen=True, slots=True)
class Work:
    folder: Path
    shards: int

    @classmethod
    def begun(cls, folder: Path, about: Mapping[str, Any], shards: int) -> Work:
        """The work of this very rebuild, from where it was. Misconfigured if the folder holds that of another one."""
        said = json.loads(json.dumps({**about, "shards": shards, "format": FORMAT}))
        manifest = folder / "rebuild.json"
        if manifest.exists():
            if json.loads(manifest.read_text(encoding="utf-8")) != said:
                raise Misconfigured(f"{folder} holds an unfinished rebuild of something else: name another --work")
        elif folder.exists() and any(folder.iterdir()):
            raise Misconfigured(f"{folder} is not empty and holds no rebuild: name another --work")
        else:
            write_json(manifest, said)
        return cls(folder, shards)

    @property
    def pieces(self) -> Path:
        return self.folder / "pieces"

    def piece(self, name: str) -> Path:
        return self.pieces / name

    def fixed(self, listed: Sequence[Part]) -> list[Part]:
        """The files of the history as they were listed first. Misconfigured if one of them has changed or is gone."""
        path = self.folder / "parts.json"
        said = read_json(path)
        if said is None:
            write_json(path, {"parts": [[part.name, part.size_bytes, part.version] for part in listed]})
            return list(listed)
        now = {(part.name, part.size_bytes, part.version): part for part in listed}
        for part in said["parts"]:
            if tuple(part) not in now:
                raise Misconfigured(f"{part[0]} has changed since it was read: begin anew, with another --work")
        return [now[tuple(part)] for part in said["parts"]]

    def read(self, name: str) -> dict[str, Any] | None:
        """The figures of a piece that is read, None of one that is not."""
        return read_json(self.pieces / f"{name}.json")

    def has_read(self, name: str, figures: Mapping[str, Any]) -> None:
        write_json(self.pieces / f"{name}.json", figures)

    def done(self, shard: int) -> dict[str, Any] | None:
        """The figures of a shard that is done, None of one that is not."""
        return read_json(self.folder / "done" / f"{shard}.json")

    def has_done(self, shard: int, figures: Mapping[str, Any]) -> None:
        write_json(self.folder / "done" / f"{shard}.json", figures)

    @property
    def before(self) -> Path:
        """Where the products' states are kept as they stood at the beginning."""
        return self.folder / "before"

    def finish(self) -> None:
        """It is done: nothing of it is needed any more."""
        shutil.rmtree(self.folder)


def write_json(path: Path, said: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partly = path.with_name(path.name + ".part")
    partly.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    partly.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return said
