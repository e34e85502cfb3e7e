"""Where is a model or a folder of sales, and what is in it?

An address is a path of this machine or s3://…; what lies in S3 is fetched into the run's folder, once. A model is a
folder as `restock train` writes it, or SageMaker's model.tar.gz of one."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

from forecaster.model import META_FILE, DemandModel, UnreadableModel
from handlers.errors import Misconfigured
from worker.aws.s3_files import S3Files
from worker.retraining.plan import S3Place

ARTIFACT = "model.tar.gz"


async def fetched(address: str, folder: Path, s3: Any, *, anew: bool = False) -> Path:
    """The address as a path of this machine: an object, or all the objects under a prefix. s3: a client, None if there
    is none. anew: also what has been fetched before."""
    if not address.startswith("s3://"):
        return _here(address)
    place, files = S3Place.of(address), S3Files(s3, S3Place.of(address).bucket)
    found = 0
    async for key in files.keys(place.prefix):
        if key != place.prefix and not key.startswith(place.key("").rstrip("/") + "/"):
            continue  # its name only begins like the folder's
        path = folder / (key.removeprefix(place.prefix).strip("/") or Path(key).name)
        if anew or not path.exists():
            await files.get(key, path)
        found += 1
    if not found:
        raise Misconfigured(f"{address}: there is nothing")
    return folder / Path(place.prefix).name if (folder / Path(place.prefix).name).is_file() else folder


def _here(address: str) -> Path:
    path = Path(address)
    if not path.exists():
        raise Misconfigured(f"{address}: there is no such file or folder")
    return path


def existing(path: str | None) -> str | None:
    """The path if there is something; None on the first time, when no model serves yet."""
    return path if path is not None and Path(path).exists() else None


def load_model(path: Path, folder: Path) -> DemandModel:
    """The model in a folder or an archive, which is unpacked into `folder` first."""
    archive = path / ARTIFACT if (path / ARTIFACT).is_file() else path
    if archive.is_file():
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        except tarfile.TarError as exc:
            raise UnreadableModel(f"{archive} is no archive of a model: {exc}") from exc
        path = folder
    return DemandModel.load(next((meta.parent for meta in sorted(path.rglob(META_FILE))), path))


def put_in_place(model: Path, serving: Path) -> None:
    """Makes the model the one that serves from this folder; what was there lies beside it until the next time."""
    fresh, before = serving.with_name(f"{serving.name}.new"), serving.with_name(f"{serving.name}.before")
    for old in (fresh, before):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(model, fresh)
    if serving.exists():
        serving.rename(before)
    fresh.rename(serving)
