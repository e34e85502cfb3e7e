"""What does a request in the form of JumpStart's Chronos ask of our model, and what is it answered?

Every `target` is a history of its own, a `null` in it a step that nobody knows; the answer is the mean and the
quantiles of each step ahead. What is wrong with one series is said in that series' prediction, as `error`, and the
others are answered: Amazon's containers refuse the whole request. Source: Endpoint API in
notebooks/deploy-chronos-to-amazon-sagemaker.ipynb of amazon-science/chronos-forecasting (1acdd31)."""

from __future__ import annotations

import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecaster.ahead import forecast_ahead
from forecaster.chronos_history import History, WrongSeries, calendar_with, history_of, panel_of
from forecaster.formats import MalformedPayload
from forecaster.model import DemandModel
from forecaster.periods import DAY, MONTH, WEEK

SERIES_MAX = 1_000
PREDICTION_LENGTH_MAX = 1_024
QUANTILES_MAX = 100
NUMBERS_MAX = 2_000_000  # more never fit into an answer
TOTALS_AT_ONCE = 100_000  # rows of the booster's matrix
DEFAULT_LEVELS = (0.1, 0.5, 0.9)
# The pandas aliases of the three frequencies; a week may end on any day (W-SUN), a month at either end.
FREQUENCIES = {"D": DAY, "1D": DAY, "W": WEEK, "1W": WEEK, "M": MONTH, "MS": MONTH, "ME": MONTH, "1M": MONTH}


@dataclass(frozen=True, slots=True)
class Parameters:
    """levels: the quantiles asked for, as numbers and as they are called in the answer."""

    prediction_length: int
    levels: Mapping[str, float]
    freq: str | None


class TooLate(Exception):
    """The time for an answer is up."""


def answer(model: DemandModel, said: Mapping[str, Any], until: float = math.inf) -> bytes:
    """The predictions, in the order asked; MalformedPayload if the request as a whole makes no sense, TooLate if
    time.monotonic() passes `until` on the way."""
    inputs = _inputs(said)
    parameters = _parameters(said.get("parameters"))
    periods = model.past.memory.periods
    if parameters.freq not in (None, periods.freq):
        raise MalformedPayload(f"freq {parameters.freq} is asked for, the model was trained on {periods.freq}")
    numbers = len(inputs) * parameters.prediction_length * (1 + len(parameters.levels))
    if numbers > NUMBERS_MAX:
        raise MalformedPayload(f"{numbers} numbers asked for: at most {NUMBERS_MAX} a request")
    predictions: list[dict[str, Any]] = [{} for _ in inputs]
    at_once = max(1, TOTALS_AT_ONCE // parameters.prediction_length)
    for as_of, rows in _histories(model, inputs, parameters, predictions).items():
        for at in range(0, len(rows), at_once):
            if time.monotonic() > until:
                raise TooLate
            _predict(model, parameters, as_of, rows[at : at + at_once], predictions)
    return json.dumps({"predictions": predictions}, separators=(",", ":"), allow_nan=False).encode()


def _inputs(said: Mapping[str, Any]) -> list[Any]:
    inputs = said.get("inputs")
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= SERIES_MAX:
        raise MalformedPayload(f"inputs must be a list of 1 to {SERIES_MAX} time series")
    ids = Counter(str(one["item_id"]) for one in inputs if isinstance(one, dict) and "item_id" in one)
    if ids and (twice := ids.most_common(1)[0])[1] > 1:
        raise MalformedPayload(f"item_id {twice[0]!r} comes twice")
    return inputs


def _parameters(said: object) -> Parameters:
    if said is None:
        said = {}
    if not isinstance(said, dict):
        raise MalformedPayload("parameters must be an object")
    length = said.get("prediction_length", 1)
    if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= PREDICTION_LENGTH_MAX:
        raise MalformedPayload(f"prediction_length must be a whole number from 1 to {PREDICTION_LENGTH_MAX}")
    levels = said.get("quantile_levels", list(DEFAULT_LEVELS))
    if not isinstance(levels, list) or len(levels) > QUANTILES_MAX or not all(map(_is_level, levels)):
        raise MalformedPayload(f"quantile_levels must be at most {QUANTILES_MAX} numbers between 0 and 1")
    return Parameters(length, {str(level): float(level) for level in levels}, _freq(said.get("freq")))


def _is_level(said: object) -> bool:
    return isinstance(said, float) and 0 < said < 1


def _freq(said: object) -> str | None:
    if said is None:
        return None
    freq = FREQUENCIES.get(str(said).partition("-")[0].upper())
    if freq is None:
        raise MalformedPayload(f"freq {said!r} is none of D, W and M")
    return freq


def _histories(
    model: DemandModel, inputs: list[Any], parameters: Parameters, predictions: list[dict[str, Any]]
) -> dict[int, list[tuple[int, History]]]:
    """The series by the step they are to be forecast from, each with its place; what is wrong goes to predictions."""
    together: dict[int, list[tuple[int, History]]] = defaultdict(list)
    periods, dated = model.past.memory.periods, parameters.freq is not None
    for place, one in enumerate(inputs):
        if isinstance(one, dict) and "item_id" in one:
            predictions[place]["item_id"] = str(one["item_id"])
        try:
            history = history_of(one, place, periods, dated, parameters.prediction_length)
        except WrongSeries as exc:
            predictions[place]["error"] = str(exc)
            continue
        # Without a date there is no telling which day it is; the day the model ends with is as good as any.
        together[model.origin.trained_until if history.as_of is None else history.as_of].append((place, history))
    return together


def _predict(
    model: DemandModel,
    parameters: Parameters,
    as_of: int,
    rows: list[tuple[int, History]],
    predictions: list[dict[str, Any]],
) -> None:
    histories, periods = [history for _, history in rows], model.past.memory.periods
    panel = panel_of(histories, as_of, periods, parameters.prediction_length)
    calendar = calendar_with(model.past.calendar, histories, as_of, periods)
    totals = forecast_ahead(model, panel, as_of, parameters.prediction_length, calendar)
    levels = list(parameters.levels.values())
    quantiles = np.asarray(totals.quantiles(levels)) if levels else totals.mean[:, :, None]
    for row, (place, history) in enumerate(rows):
        said = predictions[place]
        said["mean"] = np.round(totals.mean[row], 6).tolist()
        said.update((name, quantiles[row, :, at].tolist()) for at, name in enumerate(parameters.levels))
        if history.until is not None:
            said["start"] = f"{history.until.isoformat()}T00:00:00"
