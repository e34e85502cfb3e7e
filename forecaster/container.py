"""What has SageMaker given a training container to do?

Everything is read from the files of its contract: hyperparameters (all of them text), the channels and how their data
came, and which hosts there are. What cannot be done is refused before anything is trained, in words that say what to
set instead. Nothing is read from SM_* variables: those come from a toolkit that is not in this image."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from forecaster.fitting import Fitting
from forecaster.periods import DAY, SEASONS
from forecaster.sales import UnreadableSales, is_sales_file

# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
CALENDAR, VALIDATION = "calendar", "validation"
SUFFIX_OF = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "application/json": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/jsonlines": ".jsonl",
    "application/x-jsonlines": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/parquet": ".parquet",
    "application/x-parquet": ".parquet",
    "application/vnd.apache.parquet": ".parquet",
}
POSIX_MODES = ("File", "FastFile")  # in both of them the objects of a channel are files
KINDS = {"int": int, "float": float}


class WrongJob(ValueError):
    """This job cannot be done as it was asked for; the message says what to ask for instead."""


class WrongHyperparameter(WrongJob):
    """The message names it and says what it should be."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The hyperparameters. until: days since the epoch, None for all days."""

    fitting: Fitting = field(default_factory=Fitting)
    until: int | None = None
    freq: str = DAY


@dataclass(frozen=True, slots=True)
class Channels:
    """sales and validation: files of sales; calendar: what is known ahead, if anything."""

    sales: tuple[Path, ...]
    validation: tuple[Path, ...] = ()
    calendar: Path | None = None


def hyperparameters(path: Path) -> Asked:
    """Fitting's fields, `until` and `freq`; names that begin with sagemaker_ are the toolkit's and mean nothing."""
    said = _plain(_read(path))
    until, freq = said.pop("until", None), said.pop("freq", DAY).upper()
    if freq not in SEASONS:
        raise WrongHyperparameter(f"hyperparameter freq: {freq!r} is none of {', '.join(SEASONS)}")
    fields = {each.name: str(each.type) for each in dataclasses.fields(Fitting) if str(each.type) in KINDS}
    values = {}
    for name, value in said.items():
        if name not in fields:
            raise WrongHyperparameter(f"hyperparameter {name}: unknown; known are freq, until, {', '.join(fields)}")
        values[name] = _number(name, value, fields[name])
    return Asked(Fitting(**values), None if until is None else date_of(until), freq)


def _plain(said: Mapping[str, Any]) -> dict[str, str]:
    """Each value as the text it stands for: SageMaker's Python SDK sends text as JSON, in quotes of its own."""
    plain = {name: str(value).strip() for name, value in said.items() if not name.startswith("sagemaker_")}
    for name, value in plain.items():
        if len(value) > 1 and value[0] == value[-1] == '"':
            try:
                plain[name] = str(json.loads(value)).strip()
            except ValueError as exc:
                raise WrongHyperparameter(f"hyperparameter {name}: {value} is no JSON text") from exc
    return plain


def _number(name: str, value: str, kind: str) -> Any:
    try:
        number = KINDS[kind](value)
    except ValueError as exc:
        raise WrongHyperparameter(f"hyperparameter {name}: {value!r} is no {kind}") from exc
    if not (0 < number <= 10**9 or (name == "seed" and number == 0)):
        raise WrongHyperparameter(f"hyperparameter {name}: {value} is not above zero and within reason")
    return number


def date_of(said: str) -> int:
    """Days since the epoch of an ISO date."""
    try:
        return int(np.datetime64(said, "D").astype(np.int64))
    except ValueError as exc:
        raise WrongHyperparameter(f"until: {said!r} is no date such as 2011-02-01") from exc


def require_one_host(path: Path) -> None:
    """WrongJob for a job on several instances: each of them would train the same model."""
    hosts = _read(path).get("hosts", [])
    if isinstance(hosts, list) and len(hosts) > 1:
        raise WrongJob(f"{len(hosts)} instances were asked for, training runs on one: set InstanceCount to 1")


def channels(given: Path, links: Path) -> Channels:
    """The files of all channels: those that inputdataconfig.json names, or whatever lies under data.

    `calendar` holds one file of what is known ahead, `validation` sales that are not trained on; every other channel
    holds sales. A file whose name does not say what it is, is what its channel's ContentType says: it is linked to
    from `links` under a name that does."""
    folder = given / "data"
    config = _read(given / "config" / "inputdataconfig.json")
    if not config:
        found = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        config = {name: {} for name in found}
    files = {name: _files(folder / name, name, about, links / name) for name, about in sorted(config.items())}
    calendar, validation = files.pop(CALENDAR, ()), files.pop(VALIDATION, ())
    if len(calendar) > 1:
        raise WrongJob(f"channel {CALENDAR} holds {len(calendar)} files: it must be one")
    sales = tuple(path for of_channel in files.values() for path in of_channel)
    if not sales:
        named = ", ".join(files) or "none"
        raise UnreadableSales(f"{folder}: no .csv, .jsonl or .parquet file of sales in the channels ({named})")
    return Channels(sales, validation, calendar[0] if calendar else None)


def _files(folder: Path, name: str, about: object, links: Path) -> tuple[Path, ...]:
    said = about if isinstance(about, dict) else {}
    mode = said.get("TrainingInputMode", "File")
    if mode not in POSIX_MODES:
        raise WrongJob(f"channel {name} comes by {mode} mode, which is not read: set its InputMode to File or FastFile")
    if said.get("RecordWrapperType", "None") not in (None, "None"):
        raise WrongJob(f"channel {name} is wrapped as {said['RecordWrapperType']}: set its RecordWrapperType to None")
    kind = str(said.get("ContentType") or "").partition(";")[0].strip().lower()
    if kind and kind not in SUFFIX_OF:
        known = "text/csv, application/jsonlines and application/x-parquet"
        raise WrongJob(f"channel {name} has the content type {kind}, which is not read: {known} are")
    there = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))
    if not kind:
        return tuple(path for path in there if is_sales_file(path))
    return tuple(
        path if is_sales_file(path) else _linked(path, folder, links, SUFFIX_OF[kind])
        for path in there
        if not path.name.endswith(".manifest")
    )


def _linked(path: Path, folder: Path, links: Path, suffix: str) -> Path:
    relative = path.relative_to(folder)
    gz = ".gz" if relative.name.endswith(".gz") else ""
    link = links / relative.parent / (relative.name.removesuffix(".gz") + suffix + gz)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(path.resolve())
    return link


def _read(path: Path) -> dict[str, Any]:
    """A file of /opt/ml/input/config; empty where there is none."""
    if not path.exists():
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise WrongJob(f"{path}: not JSON: {exc}") from exc
    if not isinstance(said, dict):
        raise WrongJob(f"{path}: no JSON object")
    return said
