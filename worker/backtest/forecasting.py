"""What does the forecaster say, knowing only what the replayed shop knew?

The panel it is trained on and asked from is the past and the shop's own sales since, censored where the shelf ran
empty. It is put together anew from what a policy was shown, so that what the file knows beyond that cannot reach it."""

from __future__ import annotations

import dataclasses

import numpy as np

from domain.backtest import Seen
from domain.features import Floats, Ints
from forecaster.ahead import forecast_windows
from forecaster.dataset import Panel
from forecaster.fitting import Fitting, train
from forecaster.known_ahead import NO_CALENDAR, Calendar
from forecaster.model import DemandModel
from worker.backtest.history import Replayed


class Forecasts:
    """Answers for one run of the backtest. The model of START is the same for every run, and trained once."""

    def __init__(self, replayed: Replayed, calendar: Calendar = NO_CALENDAR, fitting: Fitting | None = None) -> None:
        self._replayed = replayed
        self._calendar = calendar
        self._fitting = fitting
        self._first = self._trained(replayed.past)
        self.trainings = 1

    def ahead(self, retrain_every: int) -> _Run:
        """A forecaster for one replay, retrained every so many periods, or never when that is 0."""
        return _Run(self, retrain_every)

    def panel(self, seen: Seen) -> Panel:
        """The past and the periods since, from nothing but what was seen (and the prices of what was sold)."""
        past, since = self._replayed.past, seen.sales[:, self._replayed.past.net.shape[1] :]
        shown = slice(0, since.shape[1])
        revenue, promoted = (
            np.rint(since * per_unit[:, shown]).astype(np.int64)
            for per_unit in (self._replayed.price, self._replayed.promoted)
        )
        return dataclasses.replace(
            past,
            net=np.hstack([past.net, since]),
            sold=np.hstack([past.sold, since]),
            revenue=np.hstack([past.revenue, revenue]),
            promoted=np.hstack([past.promoted, promoted]),
            censored=np.hstack([past.censored, seen.censored[:, past.net.shape[1] :]]),
        )

    def _trained(self, panel: Panel) -> DemandModel:
        return train(panel, self._fitting, self._calendar).model

    def retrained(self, panel: Panel) -> DemandModel:
        self.trainings += 1
        return self._trained(panel)

    def answer(self, model: DemandModel, panel: Panel, windows: Ints) -> tuple[Floats, Floats]:
        totals = forecast_windows(model, panel, panel.until, windows, self._calendar)
        return totals.mean, totals.dispersion

    @property
    def first(self) -> DemandModel:
        return self._first


class _Run:
    """Called as domain.restocking.Ahead."""

    def __init__(self, forecasts: Forecasts, retrain_every: int) -> None:
        self._forecasts = forecasts
        self._every = retrain_every
        self._model = forecasts.first
        self._trained_at = 0

    def __call__(self, seen: Seen, windows: Ints) -> tuple[Floats, Floats]:
        panel = self._forecasts.panel(seen)
        if self._every and seen.period - self._trained_at >= self._every:
            self._model, self._trained_at = self._forecasts.retrained(panel), seen.period
        return self._forecasts.answer(self._model, panel, windows)
