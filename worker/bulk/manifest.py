"""What has been asked for, and which shards of it are done?

A shard that the manifest names is complete. A run that was cut short goes on with the others, if it is the same run;
answers are read by what the manifest says that was asked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from handlers.errors import Misconfigured
from worker.bulk.places import Place

MANIFEST = "manifest.json"
INPUT, OUTPUT = "input", "output"


class AnotherRun(ValueError):
    """The place holds another run than the one that is asked for; the message says in what it differs."""


@dataclass(frozen=True, slots=True)
class Asked:
    """source: where the sales come from. as_of: YYYY-MM-DD, the first day that is forecast."""

    source: str
    as_of: str
    cover_days: tuple[int, ...]
    shards: int


@dataclass(slots=True)
class Manifest:
    """done: products of each complete shard, by its name."""

    asked: Asked
    done: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [shard_name(number, self.asked.shards) for number in range(self.asked.shards)]

    @property
    def products(self) -> int:
        return sum(self.done.values())

    async def keep(self, place: Place, work: Path) -> None:
        await place.keep(_written(work, json.dumps(asdict(self), indent=1)), MANIFEST)

    @classmethod
    async def read(cls, place: Place, work: Path) -> Self:
        """Misconfigured if the place holds no run."""
        try:
            said = json.loads((await place.get(MANIFEST, work)).read_text(encoding="utf-8"))
            asked = Asked(**{**said["asked"], "cover_days": tuple(said["asked"]["cover_days"])})
            return cls(asked, dict(said["done"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise Misconfigured(f"{place.uri(MANIFEST)} is no manifest: {exc}") from exc

    @classmethod
    async def of(cls, place: Place, work: Path, asked: Asked) -> Self:
        """The manifest of the run that was begun here, or a new one. AnotherRun if it was begun otherwise."""
        try:
            known = await cls.read(place, work)
        except Misconfigured:
            return cls(asked)
        if known.asked != asked:
            was, now = asdict(known.asked), asdict(asked)
            parts = ", ".join(f"{name} was {was[name]}, now {now[name]}" for name in was if was[name] != now[name])
            raise AnotherRun(f"{place.uri('')} holds another run ({parts}): choose another place, or empty it")
        return known


def shard_name(number: int, shards: int) -> str:
    return f"shard-{number:05}-of-{shards:05}.jsonl"


def _written(work: Path, said: str) -> Path:
    work.mkdir(parents=True, exist_ok=True)
    path = work / f".{MANIFEST}.part"
    path.write_text(said + "\n", encoding="utf-8")
    return path
