"""What do the worker and a model endpoint say to each other?

The state-based short form: the worker holds each product's history already, so it sends one row of features a
product instead of months of history, and the lengths to cover; the endpoint answers with the distribution of each
total. A product that cannot be forecast carries its own error and never fails the batch. Pure JSON, no NaN."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from domain.features import (
    DailySeries,
    Floats,
    Ints,
    calendar_of,
    planned_share,
    rolling_features,
    shape_features,
)
from domain.forecast import TotalDemand, level_of

CONTENT_TYPE = "application/json"
FORM = "restock-features-2"
VALUE_MAX = 1e10  # beyond any demand; quantiles of far larger means do not end

# The columns of a row, in order. `level` is the units a day that the others are measured against.
FEATURES = (
    "level",
    "lag_7",
    "lag_30",
    "rolling_7",
    "rolling_30",
    "rolling_56",
    "ewma",
    "std_30",
    "same_weekday_mean",
    "nonzero_share",
    "days_since_last_sale",
    "price_ratio",
    "promotion_share",
    "rolling_14",
    "rolling_28",
    "earlier",
    "std_56",
    "nonzero_7",
    "nonzero_28",
    "size",
    "size_std",
    "largest",
    "middle",
    "upper_quarter",
    "upper_tenth",
    "age",
    "week_1",
    "week_2",
    "week_3",
    "week_4",
    *(f"last_{weekday}" for weekday in range(7)),
    *(f"month_{weekday}" for weekday in range(7)),
    *(f"window_{weekday}" for weekday in range(7)),
)


class MalformedPayload(ValueError):
    """The body is not of the short form; the message says where."""


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """n products at one as_of, and h windows of each: cover_days steps from offsets steps after as_of on, int64 (n, h)
    each. features float64 (n, len(FEATURES)); planned_share float64 (n, h): the share of each window that lies in a
    planned promotion. offsets None: every window begins at as_of."""

    as_of: int
    items: tuple[str, ...]
    features: Floats
    cover_days: Ints
    planned_share: Floats
    offsets: Ints | None = None

    @property
    def begins(self) -> Ints:
        """The offset of every window, int64 (n, h)."""
        return np.zeros_like(self.cover_days) if self.offsets is None else self.offsets

    def take(self, rows: Sequence[int] | Ints) -> ForecastRequest:
        """The same request for some of its products."""
        index = np.asarray(rows, dtype=np.int64)
        offsets = None if self.offsets is None else self.offsets[index]
        items = tuple(self.items[row] for row in index.tolist())
        rest = self.features[index], self.cover_days[index], self.planned_share[index]
        return ForecastRequest(self.as_of, items, *rest, offsets)


@dataclass(frozen=True, slots=True)
class ItemFailed:
    """Why this product has no forecast."""

    reason: str


def feature_matrix(series: DailySeries) -> Floats:
    """The columns of FEATURES for every product of the series, float64 (n, len(FEATURES))."""
    columns = {"level": level_of(series.net, series.freq), **rolling_features(series), **shape_features(series)}
    return np.column_stack([columns[name].astype(np.float64) for name in FEATURES])


def request_of(
    items: Sequence[str], series: DailySeries, cover_days: Ints, offsets: Ints | None = None
) -> ForecastRequest:
    """Builds the request for products laid out as arrays; cover_days and offsets are int64 (n, h)."""
    planned = np.zeros(cover_days.shape)
    if any(series.planned_promotions):
        for j in range(cover_days.shape[1]):
            begins = None if offsets is None else offsets[:, j]
            planned[:, j] = planned_share(series, cover_days[:, j], begins)
    return ForecastRequest(series.as_of, tuple(items), feature_matrix(series), cover_days, planned, offsets)


def encode_request(request: ForecastRequest) -> bytes:
    """The body of InvokeEndpoint."""
    body = {
        "form": FORM,
        "as_of": str(np.datetime64(request.as_of, "D")),
        "calendar": calendar_of(request.as_of),
        "features": list(FEATURES),
        "items": list(request.items),
        "rows": np.round(request.features, 9).tolist(),
        "cover_days": request.cover_days.tolist(),
        "planned_share": np.round(request.planned_share, 6).tolist(),
    }
    if request.offsets is not None and request.offsets.any():
        body["offsets"] = request.offsets.tolist()
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def decode_request(body: bytes) -> ForecastRequest:
    """Reads a request; MalformedPayload says what is wrong with it."""
    try:
        said = json.loads(body)
        if said["form"] != FORM or tuple(said["features"]) != FEATURES:
            raise MalformedPayload(f"expected form {FORM} with features {', '.join(FEATURES)}")
        request = ForecastRequest(
            as_of=int(np.datetime64(date.fromisoformat(said["as_of"]), "D").astype(np.int64)),
            items=tuple(said["items"]),
            features=np.array(said["rows"], dtype=np.float64).reshape(len(said["items"]), len(FEATURES)),
            cover_days=np.array(said["cover_days"], dtype=np.int64).reshape(len(said["items"]), -1),
            planned_share=np.array(said["planned_share"], dtype=np.float64).reshape(len(said["items"]), -1),
            offsets=_offsets(said),
        )
    except MalformedPayload:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as exc:
        raise MalformedPayload(f"not a {FORM} request: {type(exc).__name__}: {exc}") from exc
    if not request.cover_days.shape == request.planned_share.shape == request.begins.shape:
        raise MalformedPayload("cover_days, planned_share and offsets differ in shape")
    return request


def _offsets(said: dict[str, object]) -> Ints | None:
    if "offsets" not in said:
        return None
    return np.array(said["offsets"], dtype=np.int64).reshape(np.array(said["cover_days"], dtype=np.int64).shape)


def encode_response(model: str, items: Sequence[str], totals: Sequence[Sequence[TotalDemand] | ItemFailed]) -> bytes:
    """The endpoint's answer, one prediction a product in the order asked."""
    predictions = [
        {"item_id": item, "error": answer.reason}
        if isinstance(answer, ItemFailed)
        else {"item_id": item, "totals": [[t.cover_days, round(t.mean, 6), round(t.dispersion, 6)] for t in answer]}
        for item, answer in zip(items, totals, strict=True)
    ]
    body = {"form": FORM, "model": model, "predictions": predictions}
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def decode_response(body: bytes) -> dict[str, tuple[TotalDemand, ...] | ItemFailed]:
    """Each product's totals, or why there are none; MalformedPayload if the answer as a whole cannot be read."""
    try:
        predictions = json.loads(body)["predictions"]
        return {said["item_id"]: _prediction(said) for said in predictions}
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as exc:
        raise MalformedPayload(f"not a {FORM} response: {type(exc).__name__}: {exc}") from exc


def _prediction(said: dict[str, object]) -> tuple[TotalDemand, ...] | ItemFailed:
    totals = said.get("totals")
    if not isinstance(totals, list):
        return ItemFailed(str(said.get("error", "no totals")))
    read = tuple(TotalDemand(int(days), float(mean), float(dispersion)) for days, mean, dispersion in totals)
    if any(not 0 <= value <= VALUE_MAX for total in read for value in (total.mean, total.dispersion)):
        return ItemFailed(f"a mean or dispersion lies outside 0 to {VALUE_MAX:g}")
    return read
