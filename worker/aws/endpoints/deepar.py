"""How does the worker speak to an endpoint of SageMaker's DeepAR?

A history a product, and for an answer sample paths, from which the totals are counted as the model sees them.
Predictions come back in the order asked, without ids. How far ahead the model forecasts was fixed when it was trained.
A model that was trained with categories or dynamic features cannot be asked: the worker does not know its encoding.
Source: DeepAR Inference Formats, Amazon SageMaker AI Developer Guide."""

from __future__ import annotations

import numpy as np

from domain.features import Ints
from forecaster.formats import ItemFailed
from worker.aws.endpoints.form import BODY_BYTES_MAX, Answer, Asked, encoded, listed, numbers, read_json, table
from worker.aws.endpoints.totals import LEVELS, days_of_quantiles, totals_of_days, totals_of_samples

FORM = "DeepAR"
SAMPLES = 100  # the variance of a total is then known to within 14 %
SAMPLES_MIN = 20
NUMBER_BYTES_MAX = 24


class DeepArForm:
    """days: the model's prediction_length."""

    content_type = "application/json"
    accept = "application/json"
    calls_at_once = 1

    def __init__(self, days: int, correlation: float) -> None:
        self._days = days
        self._correlation = correlation

    def products_a_call(self, cover_days: Ints) -> int:
        bytes_a_product = (SAMPLES + len(LEVELS) + 1) * self._days * NUMBER_BYTES_MAX
        return max(1, BODY_BYTES_MAX // bytes_a_product)

    def encode(self, asked: Asked) -> bytes:
        start = f"{asked.start} 00:00:00"
        return encoded(
            {
                "instances": [{"start": start, "target": target} for target in asked.demand.tolist()],
                "configuration": {
                    "num_samples": SAMPLES,
                    "output_types": ["mean", "quantiles", "samples"],
                    "quantiles": [str(level) for level in LEVELS],
                },
            }
        )

    def decode(self, asked: Asked, body: bytes) -> list[Answer]:
        predictions = listed(read_json(body, FORM), "predictions", FORM, len(asked))
        each = zip(predictions, asked.cover_days, asked.past_dispersions, strict=True)
        return [self._read(said, lengths, past) for said, lengths, past in each]

    def _read(self, said: object, cover_days: Ints, past_dispersion: float) -> Answer:
        if not isinstance(said, dict):
            return ItemFailed("no prediction")
        paths = said.get("samples")
        if isinstance(paths, list) and len(paths) >= SAMPLES_MIN:
            read = table(paths, self._days)
            if read is None:
                return ItemFailed(f"a sample path is not of {self._days} numbers")
            return totals_of_samples(read, cover_days)
        named = said.get("quantiles")
        quantiles = named if isinstance(named, dict) else {}
        rows = [row for row in (numbers(quantiles.get(str(level)), self._days) for level in LEVELS) if row is not None]
        if len(rows) < len(LEVELS):
            return ItemFailed(f"neither {SAMPLES_MIN} sample paths nor quantiles of {self._days} days")
        days = days_of_quantiles(np.array(rows), numbers(said.get("mean"), self._days), past_dispersion)
        return totals_of_days(days, cover_days, self._correlation)
