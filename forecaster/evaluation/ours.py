"""What does the project's own model say?

It is trained as `restock train` trains it, on the days before the cutoff alone, and asked as any caller asks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from domain.features import Floats, Ints
from forecaster.ahead import Totals, forecast_ahead, forecast_windows
from forecaster.dataset import Panel, panel_of
from forecaster.evaluation.distributions import Answer, count_cdf
from forecaster.evaluation.shop import Question
from forecaster.fitting import NotEnoughHistory, train
from forecaster.known_ahead import Calendar


def trained(question: Question, sales: pd.DataFrame, calendar: Calendar) -> Callable[[], Answer]:
    """Trains; what comes back answers. NotEnoughHistory says for which cutoff, and how much is needed."""
    day, freq = question.cutoff_day, question.shop.periods.freq
    panel = panel_of(sales, day, freq)
    try:
        model = train(panel, None, calendar).model
    except NotEnoughHistory as exc:
        raise NotEnoughHistory(f"cutoff {np.datetime64(day, 'D')}: too little history: {exc}") from exc

    def answer() -> Answer:
        rows = _rows(question, panel)
        window = np.array([[0, question.total_periods]], dtype=np.int64)
        steps = forecast_ahead(model, panel, question.cutoff, question.horizon, calendar)
        total = forecast_windows(model, panel, question.cutoff, window, calendar)
        return Answer(Ours(steps, rows), Ours(total, rows))

    return answer


def _rows(question: Question, panel: Panel) -> Ints:
    """The panel's row of each series, -1 for one whose last row is older than a panel reaches."""
    row = {key: at for at, key in enumerate(panel.products)}
    return np.array([row.get(key, -1) for key in question.keys], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Ours:
    """The model's totals in the question's order. What a panel no longer holds is expected to sell nothing."""

    totals: Totals
    rows: Ints

    @property
    def mean(self) -> Floats:
        return self._taken(self.totals.mean)

    def quantiles(self, levels: Sequence[float]) -> Floats:
        return self._taken(self.totals.quantiles(levels).astype(np.float64))

    def at_most(self, units: Floats) -> Floats:
        return self._at_most(np.floor(units))

    def below(self, units: Floats) -> Floats:
        return self._at_most(np.ceil(units) - 1)

    def _at_most(self, units: Floats) -> Floats:
        said = count_cdf(units, self.mean, self._taken(self.totals.dispersion))
        if self.totals.hurdle is None:
            return said
        known = self.rows >= 0
        laid = np.full(self.totals.mean.shape, np.nan)
        laid[self.rows[known]] = units[known]
        mixed = self.totals.hurdle.at_most(laid, self.totals.mean, self.totals.dispersion)[self.rows]
        return np.where(known[:, None] & np.isfinite(mixed) & ~np.isnan(units), mixed, said)

    def _taken(self, values: Floats) -> Floats:
        known = self.rows.reshape(-1, *[1] * (values.ndim - 1)) >= 0
        return np.where(known, values[self.rows], 0.0)
