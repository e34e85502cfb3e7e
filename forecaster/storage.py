"""How does a model lie in its directory?

The boosters as LightGBM's text, what is remembered and the calendar beside them, and meta.json, which is written last
and holds the digest of each: a directory that is torn, mixed or of another version is refused by name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from forecaster.chances import Chance
from forecaster.design import past_of
from forecaster.dispersion import COVER_CENTRES, LEVEL_CENTRES, Spread
from forecaster.formats import FEATURES
from forecaster.known_ahead import NO_CALENDAR, load_calendar, save_calendar
from forecaster.learners import STARTS, Learnt
from forecaster.memory import Memory
from forecaster.newcomers import Newcomers
from forecaster.periods import Periods
from forecaster.sizes import SHARES, Pool

if TYPE_CHECKING:
    from forecaster.model import DemandModel, Origin

FORMAT = 4
MODEL_FILE, META_FILE = "model.txt", "meta.json"
DISPERSION_FILE, MEMORY_FILE, CALENDAR_FILE = "dispersion.txt", "memory.npz", "calendar.json"
CHANCE_FILE = "chance.txt"


class UnreadableModel(ValueError):
    """The directory holds no model that this version can serve; the message says why."""


def write_model(model: DemandModel, directory: Path) -> None:
    """meta.json last. Files of an earlier model that this one does not have are taken away."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / META_FILE).unlink(missing_ok=True)
    for old in directory.glob("model*.txt"):
        old.unlink()
    names = _booster_files(len(model.boosters))
    means = (learnt.booster for learnt in model.boosters)
    for name, booster in zip((*names, DISPERSION_FILE), (*means, model.deviations), strict=True):
        (directory / name).write_text(str(booster.model_to_string()), encoding="utf-8")
    model.past.memory.save(directory / MEMORY_FILE)
    for name in (CALENDAR_FILE, CHANCE_FILE):
        (directory / name).unlink(missing_ok=True)
    files = [*names, DISPERSION_FILE, MEMORY_FILE]
    if model.past.calendar:
        save_calendar(model.past.calendar, directory / CALENDAR_FILE)
        files.append(CALENDAR_FILE)
    if model.chance is not None:
        (directory / CHANCE_FILE).write_text(str(model.chance.booster.model_to_string()), encoding="utf-8")
        files.append(CHANCE_FILE)
    said = _meta(model) | {"files": {name: digest((directory / name).read_bytes()) for name in files}}
    (directory / META_FILE).write_text(json.dumps(said, indent=1, allow_nan=False), encoding="utf-8")


def _meta(model: DemandModel) -> dict[str, Any]:
    periods = model.past.memory.periods
    return {
        "format": FORMAT,
        "name": model.name,
        "freq": periods.freq,
        "week_begins": periods.anchor,
        "features": list(FEATURES),
        "columns": list(model.columns),
        "calendar": [*model.past.calendar.columns],
        "events": [*model.past.calendar.events],
        "trained_until": iso_day(periods.first_day(model.origin.trained_until)),
        "products": model.origin.products,
        "rows": model.origin.rows,
        "trust": model.trust,
        "drift": model.drift,
        "dispersion": model.dispersion,
        "spread": {
            "cover_days": list(COVER_CENTRES),
            "level": list(LEVEL_CENTRES),
            "table": model.spread.table.tolist(),
        },
        "closures": list(model.closures),
        "newcomers": {name: list(said) for name, said in model.newcomers.by_category.items()},
        "boosters": [learnt.start for learnt in model.boosters],
        "sizes": None if model.chance is None else dataclasses.asdict(model.chance.pool),
    }


def read_model(directory: Path, kind: type[DemandModel], origin: type[Origin]) -> DemandModel:
    """UnreadableModel when it is missing, torn or of another version."""
    try:
        meta = json.loads((directory / META_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UnreadableModel(f"no model in {directory}: {exc}") from exc
    try:
        _check(meta, directory)
        periods = Periods(meta["freq"], int(meta["week_begins"]))
        has_calendar = CALENDAR_FILE in meta["files"]
        calendar = load_calendar(directory / CALENDAR_FILE) if has_calendar else NO_CALENDAR
        memory = Memory.load(directory / MEMORY_FILE, periods)
        return kind(
            boosters=_boosters(meta["boosters"], meta["columns"], directory),
            trust=float(meta["trust"]),
            drift=float(meta["drift"]),
            deviations=_booster(directory / DISPERSION_FILE),
            dispersion=float(meta["dispersion"]),
            spread=Spread(np.array(meta["spread"]["table"], dtype=np.float64)),
            newcomers=Newcomers({name: (float(m), float(a)) for name, (m, a) in meta["newcomers"].items()}),
            columns=tuple(meta["columns"]),
            past=past_of(memory, calendar),
            origin=origin(periods.step(_day(meta["trained_until"])), int(meta["products"]), int(meta["rows"])),
            closures=tuple(meta["closures"]),
            chance=_chance(meta["sizes"], directory),
        )
    except (KeyError, TypeError, ValueError, OSError, EOFError, lgb.basic.LightGBMError) as exc:
        raise UnreadableModel(f"the model in {directory} cannot be used: {exc}") from exc


def _check(meta: dict[str, Any], directory: Path) -> None:
    if meta["format"] != FORMAT:
        raise ValueError(f"it is of format {meta['format']}, this version reads format {FORMAT}: train it anew")
    if tuple(meta["features"]) != FEATURES:
        raise ValueError("it was trained on other features")
    shape = (len(meta["spread"]["table"]), len(meta["spread"]["table"][0]))
    if shape != (len(COVER_CENTRES), len(LEVEL_CENTRES)):
        raise ValueError(f"its dispersion table is {shape[0]} x {shape[1]}")
    for name, expected in meta["files"].items():
        if digest((directory / name).read_bytes()) != expected:
            raise ValueError(f"{name} is not the one that {META_FILE} was written for")


def _boosters(starts: list[str], columns: list[str], directory: Path) -> tuple[Learnt, ...]:
    if not starts or not set(starts) <= set(STARTS):
        raise ValueError(f"its boosters start from {starts}")
    missing = sorted({name for start in starts for name in STARTS[start]} - set(columns))
    if missing:
        raise ValueError(f"its boosters start from {starts}, but it has no column {', '.join(missing)}")
    return tuple(
        Learnt(_booster(directory / name), start)
        for name, start in zip(_booster_files(len(starts)), starts, strict=True)
    )


def _booster_files(count: int) -> tuple[str, ...]:
    return (MODEL_FILE, *(f"model-{number}.txt" for number in range(2, count + 1)))


def _chance(said: dict[str, Any] | None, directory: Path) -> Chance | None:
    if said is None:
        return None
    pool = Pool(float(said["log_mean"]), float(said["log_variance"]), tuple(map(float, said["shape"])))
    if len(pool.shape) != len(SHARES):
        raise ValueError(f"the shape of its sizes has {len(pool.shape)} shares, not {len(SHARES)}")
    return Chance(_booster(directory / CHANCE_FILE), pool)


def _booster(path: Path) -> lgb.Booster:
    return lgb.Booster(model_str=path.read_text(encoding="utf-8"))


def digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def iso_day(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _day(iso: str) -> int:
    return int(np.datetime64(iso, "D").astype(np.int64))
