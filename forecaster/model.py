"""How much will be sold over the next k days, as the past has taught it?

A booster answers for the mean, measured against the product's level: every column but the level itself is free of
scale, and each prediction starts from log(level * k), which the booster does not store, so that it is added again
here. A table answers for the spread. A product whose row makes no sense fails alone; a longer total is never smaller
than a shorter one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from domain.features import Floats, Ints, calendar_of
from domain.forecast import MEAN_FLOOR, TotalDemand
from forecaster.dispersion import COVER_CENTRES, LEVEL_CENTRES, Spread
from forecaster.formats import FEATURES, ForecastRequest, ItemFailed

FORMAT = 1
MODEL_FILE, META_FILE = "model.txt", "meta.json"
THREADS = 1  # beside other busy processes two threads mostly wait for each other
COVER_DAYS_MAX = 366
ABSURD = 1e12
RATIO_LOG_MAX = 5.0

# Measured in units (a day), so divided by the level before the booster sees them.
IN_UNITS = (
    "lag_7",
    "lag_30",
    "rolling_7",
    "rolling_30",
    "rolling_56",
    "ewma",
    "std_30",
    "same_weekday_mean",
)
COLUMNS = (*FEATURES, "cover_days", "planned_share", "day_of_week")

Prediction = tuple[TotalDemand, ...] | ItemFailed


class UnreadableModel(ValueError):
    """The directory holds no model that this version can serve; the message says why."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made of. trained_until is the first day it has not seen, in days since the epoch."""

    trained_until: int
    products: int
    rows: int


@dataclass(frozen=True, slots=True)
class DemandModel:
    """booster: the mean's departure from level * k, as a logarithm. drift: added to it for every product alike."""

    booster: lgb.Booster
    drift: float
    spread: Spread
    origin: Origin

    @property
    def name(self) -> str:
        """Names the algorithm, the first day not seen, and the booster's text."""
        return f"lightgbm-{_iso(self.origin.trained_until)}-{_digest(_text_of(self.booster))[:8]}"

    def means(self, request: ForecastRequest, threads: int = THREADS) -> Floats:
        """The mean of every total, float64 (n, h) as request.cover_days. All rows must make sense."""
        n, h = request.cover_days.shape
        if not n * h:
            return np.zeros((n, h))
        raw = self.booster.predict(design(request), raw_score=True, num_threads=threads)
        ratio = np.clip(np.asarray(raw, dtype=np.float64) + self.drift, -RATIO_LOG_MAX, RATIO_LOG_MAX)
        means = np.exp(log_start(request) + ratio).reshape(n, h)
        return np.maximum(_never_falling(means, request.cover_days), MEAN_FLOOR)

    def predict(self, request: ForecastRequest, threads: int = THREADS) -> list[Prediction]:
        """The totals of each product in the order asked, or why there are none. One call of the booster."""
        reasons = _reasons(request)
        rows = [row for row, reason in enumerate(reasons) if reason is None]
        known = _take(request, rows)
        means = self.means(known, threads)
        dispersions = self.spread.at(known.cover_days.astype(np.float64), known.features[:, :1])
        answers: list[Prediction] = [ItemFailed(reason or "") for reason in reasons]
        lists = zip(rows, known.cover_days.tolist(), means.tolist(), dispersions.tolist(), strict=True)
        for row, days, mu, alpha in lists:
            answers[row] = tuple(map(TotalDemand, days, mu, alpha))
        return answers

    def save(self, directory: Path) -> None:
        """Writes model.txt and then meta.json, which names the booster it belongs to."""
        directory.mkdir(parents=True, exist_ok=True)
        text = _text_of(self.booster)
        meta = {
            "format": FORMAT,
            "name": self.name,
            "features": list(FEATURES),
            "columns": list(COLUMNS),
            "trained_until": _iso(self.origin.trained_until),
            "products": self.origin.products,
            "rows": self.origin.rows,
            "drift": self.drift,
            "dispersion": {
                "cover_days": list(COVER_CENTRES),
                "level": list(LEVEL_CENTRES),
                "table": self.spread.table.tolist(),
            },
            "model_sha256": _digest(text),
        }
        (directory / MODEL_FILE).write_text(text, encoding="utf-8")
        (directory / META_FILE).write_text(json.dumps(meta, indent=1, allow_nan=False), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> DemandModel:
        """Reads what save wrote; UnreadableModel when it is missing, torn or of another version."""
        try:
            meta = json.loads((directory / META_FILE).read_text(encoding="utf-8"))
            text = (directory / MODEL_FILE).read_text(encoding="utf-8")
        except (OSError, ValueError) as exc:
            raise UnreadableModel(f"no model in {directory}: {exc}") from exc
        try:
            _check(meta, text)
            origin = Origin(_day(meta["trained_until"]), int(meta["products"]), int(meta["rows"]))
            spread = Spread(np.array(meta["dispersion"]["table"], dtype=np.float64))
            booster = lgb.Booster(model_str=text)
            return cls(booster, float(meta["drift"]), spread, origin)
        except (KeyError, TypeError, ValueError, lgb.basic.LightGBMError) as exc:
            raise UnreadableModel(f"the model in {directory} cannot be used: {exc}") from exc


def design(request: ForecastRequest) -> Floats:
    """The booster's rows, COLUMNS wide: each product of the request with each of its cover lengths in turn."""
    n, h = request.cover_days.shape
    level = np.maximum(request.features[:, :1], MEAN_FLOOR)
    scale_free = np.where([name in IN_UNITS for name in FEATURES], request.features / level, request.features)
    scale_free[:, 0] = np.log(level[:, 0])
    return np.column_stack(
        [
            np.repeat(scale_free, h, axis=0),
            request.cover_days.ravel(),
            request.planned_share.ravel(),
            np.full(n * h, calendar_of(request.as_of)["day_of_week"]),
        ]
    )


def log_start(request: ForecastRequest) -> Floats:
    """Where each prediction starts from: the logarithm of level * k, float64 (n * h,)."""
    level = np.maximum(request.features[:, :1], MEAN_FLOOR)
    return np.asarray(np.log(level * request.cover_days).ravel())


def _reasons(request: ForecastRequest) -> list[str | None]:
    """Why a product cannot be forecast, None where it can."""
    features, days, planned = request.features, request.cover_days, request.planned_share
    faults = {
        "a feature is not a finite number": ~np.isfinite(features),
        "a feature is beyond all measure": np.abs(features) > ABSURD,
        "level is not above zero": features[:, :1] <= 0,
        f"cover_days is not within 1 to {COVER_DAYS_MAX}": (days < 1) | (days > COVER_DAYS_MAX),
        "planned_share is not within 0 to 1": ~((planned >= 0) & (planned <= 1)),
    }
    reasons: list[str | None] = [None] * len(request.items)
    for reason, faulty in faults.items():
        for row in np.unique(np.nonzero(faulty)[0]).tolist():
            reasons[row] = reasons[row] or reason
    return reasons


def _take(request: ForecastRequest, rows: list[int]) -> ForecastRequest:
    items = tuple(request.items[row] for row in rows)
    features, days, planned = (
        request.features[rows],
        request.cover_days[rows],
        request.planned_share[rows],
    )
    return ForecastRequest(request.as_of, items, features, days, planned)


def _never_falling(means: Floats, cover_days: Ints) -> Floats:
    order = np.argsort(cover_days, axis=1, kind="stable")
    rising = np.maximum.accumulate(np.take_along_axis(means, order, axis=1), axis=1)
    np.put_along_axis(means, order, rising, axis=1)
    return means


def _check(meta: dict[str, Any], text: str) -> None:
    if meta["format"] != FORMAT:
        raise ValueError(f"it is of format {meta['format']}, this version reads format {FORMAT}")
    if tuple(meta["features"]) != FEATURES or tuple(meta["columns"]) != COLUMNS:
        raise ValueError("it was trained on other features")
    shape = (len(meta["dispersion"]["table"]), len(meta["dispersion"]["table"][0]))
    if shape != (len(COVER_CENTRES), len(LEVEL_CENTRES)):
        raise ValueError(f"its dispersion table is {shape[0]} x {shape[1]}")
    if meta["model_sha256"] != _digest(text):
        raise ValueError(f"{MODEL_FILE} is not the one that {META_FILE} was written for")


def _text_of(booster: lgb.Booster) -> str:
    return str(booster.model_to_string())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _day(iso: str) -> int:
    return int(np.datetime64(iso, "D").astype(np.int64))
