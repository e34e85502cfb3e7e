"""How does the worker speak to a Chronos endpoint of SageMaker JumpStart?

The JSON that Chronos-2 and Chronos-Bolt share, which AutoGluon's containers and our own take as well: a history a
product, and for each a mean and quantiles day by day. The products' planned promotions travel as the covariate
`promotion`, where there are any. Source: Endpoint API, notebooks/deploy-chronos-to-amazon-sagemaker.ipynb of
amazon-science/chronos-forecasting (1acdd31), and the same of Chronos-Bolt in its release 1.5.3."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.features import Floats, Ints
from forecaster.formats import ItemFailed
from worker.aws.endpoints.form import BODY_BYTES_MAX, Answer, Asked, encoded, listed, numbers, read_json
from worker.aws.endpoints.totals import LEVELS, days_of_quantiles, totals_of_days

FORM = "Chronos"
SERIES_A_CALL_MAX = 1_000  # "List with at most 1000 time series"
NUMBER_BYTES_MAX = 24
ITEM_BYTES_MAX = 2_000  # an id of the longest kind, escaped, and the names of the fields


class ChronosForm:
    """days_max: how far ahead the endpoint forecasts: Chronos-2 up to 1,024 days, Chronos-Bolt up to 64."""

    content_type = "application/json"
    accept = "application/json"
    calls_at_once = 1

    def __init__(self, days_max: int, correlation: float) -> None:
        self._days_max = days_max
        self._correlation = correlation

    def products_a_call(self, cover_days: Ints) -> int:
        days = self._days(cover_days)
        bytes_a_product = (len(LEVELS) + 1) * days * NUMBER_BYTES_MAX + ITEM_BYTES_MAX
        return max(1, min(SERIES_A_CALL_MAX, BODY_BYTES_MAX // bytes_a_product))

    def encode(self, asked: Asked) -> bytes:
        days = self._days(asked.cover_days)
        inputs: list[dict[str, Any]] = [
            {"item_id": item, "start": asked.start, "target": target}
            for item, target in zip(asked.items, asked.demand.tolist(), strict=True)
        ]
        # All products or none: the endpoint lays the covariates out as one table.
        planned = promotion_days(asked, days)
        if planned.any():
            for said, flags in zip(inputs, planned.tolist(), strict=True):
                said["past_covariates"] = {"promotion": flags[: asked.days]}
                said["future_covariates"] = {"promotion": flags[asked.days :]}
        parameters = {"prediction_length": days, "freq": "D", "quantile_levels": list(LEVELS)}
        return encoded({"inputs": inputs, "parameters": parameters})

    def decode(self, asked: Asked, body: bytes) -> list[Answer]:
        predictions = listed(read_json(body, FORM), "predictions", FORM)
        said = {str(one.get("item_id")): one for one in predictions if isinstance(one, dict)}
        days = self._days(asked.cover_days)
        return [
            self._read(said.get(item), days, lengths, past)
            for item, lengths, past in zip(asked.items, asked.cover_days, asked.past_dispersions, strict=True)
        ]

    def _read(self, said: dict[str, Any] | None, days: int, cover_days: Ints, past_dispersion: float) -> Answer:
        if said is None:
            return ItemFailed("absent from the answer")
        if "error" in said:
            return ItemFailed(str(said["error"]))
        quantiles = [numbers(said.get(str(level)), days) for level in LEVELS]
        rows = [row for row in quantiles if row is not None]
        if len(rows) < len(LEVELS):
            return ItemFailed(f"no {days} days of quantiles {', '.join(map(str, LEVELS))}")
        read = days_of_quantiles(np.array(rows), numbers(said.get("mean"), days), past_dispersion)
        return totals_of_days(read, cover_days, self._correlation)

    def _days(self, cover_days: Ints) -> int:
        return max(1, min(self._days_max, int(cover_days.max(initial=1))))


def promotion_days(asked: Asked, ahead: int) -> Floats:
    """1 on each day of the history and of the days ahead that lies in a planned promotion, else 0; (n, days)."""
    first = asked.series.as_of - asked.days
    flags = np.zeros((len(asked), asked.days + ahead))
    for row, spans in enumerate(asked.series.planned_promotions):
        for since, until in spans:
            flags[row, max(0, since - first) : max(0, until + 1 - first)] = 1.0
    return flags
