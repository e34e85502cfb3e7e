"""Where do the shards of a bulk forecast lie?

In a folder of this machine or under an address in S3. A file appears as a whole: it is written under another name and
renamed, or put."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from handlers.errors import Misconfigured
from worker.aws.s3_files import S3Files
from worker.retraining.plan import S3Place


class Place(Protocol):
    async def names(self, folder: str) -> list[str]:
        """The files of a folder, in order."""
        ...

    async def keep(self, written: Path, name: str) -> None:
        """Moves a file that is complete to its name here."""
        ...

    async def get(self, name: str, work: Path) -> Path:
        """The file as a path of this machine. Misconfigured if there is none."""
        ...

    def uri(self, name: str) -> str: ...


class FolderPlace:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def names(self, folder: str) -> list[str]:
        return _names(self._folder / folder)

    async def keep(self, written: Path, name: str) -> None:
        _move(written, self._folder / name)

    async def get(self, name: str, work: Path) -> Path:
        return _existing(self._folder / name)

    def uri(self, name: str) -> str:
        return str(self._folder / name)


class S3PlaceOf:
    def __init__(self, place: S3Place, client: Any) -> None:
        self._place = place
        self._files = S3Files(client, place.bucket)

    async def names(self, folder: str) -> list[str]:
        prefix = self._place.key(folder) + "/"
        keys = [key async for key in self._files.keys(prefix)]
        return sorted(name for key in keys if (name := key.removeprefix(prefix)) and "/" not in name)

    async def keep(self, written: Path, name: str) -> None:
        await self._files.put(self._place.key(name), written)
        _remove(written)

    async def get(self, name: str, work: Path) -> Path:
        path = work / name
        await self._files.get(self._place.key(name), path)
        return path

    def uri(self, name: str) -> str:
        return self._place.uri(name)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _move(written: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written.replace(path)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise Misconfigured(f"{path}: there is no such file")
    return path


def _remove(path: Path) -> None:
    path.unlink()
