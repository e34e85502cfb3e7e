"""What will sell in any window ahead, product by product?

A window is (offset, length) in steps from as_of. Only steps before as_of are looked at, and each window is answered by
the distribution of its own total: nothing is summed from smaller windows but the means."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.features import Floats, Ints
from domain.forecast import total_quantile
from domain.product import product_label
from forecaster.chances import Hurdle, hurdle_of
from forecaster.closures import with_closures
from forecaster.dataset import Panel
from forecaster.design import past_of
from forecaster.formats import request_of
from forecaster.known_ahead import NO_CALENDAR, Calendar
from forecaster.memory import memory_of
from forecaster.model import DemandModel

PRODUCTS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Totals:
    """windows: int64 (m, 2). mean, dispersion: float64 (n, m), one row a product of the panel (or of `rows`).
    hurdle: what single days sell by their chance and sizes, where the model knows them."""

    windows: Ints
    mean: Floats
    dispersion: Floats
    hurdle: Hurdle | None = None

    def quantiles(self, levels: Sequence[float]) -> Ints:
        """The smallest number of units not exceeded with each probability, int64 (n, m, len(levels)), rising with it
        whatever the order of levels."""
        return np.stack([self._quantile(level) for level in levels], axis=2)

    def _quantile(self, level: float) -> Ints:
        units = total_quantile(level, self.mean, self.dispersion)
        return units if self.hurdle is None else self.hurdle.mixed(level, units)


def forecast_windows(
    model: DemandModel,
    panel: Panel,
    as_of: int,
    windows: Ints,
    calendar: Calendar = NO_CALENDAR,
    rows: Ints | None = None,
) -> Totals:
    """The totals of every window, of all products of the panel or of its given rows, windows int64 (m, 2).

    calendar: what is known ahead, if it is more than the model was trained with. What lies further back than a
    product's window is taken from the panel if it reaches back as far as the model's own memory, else from that."""
    rows = np.arange(len(panel.products)) if rows is None else rows
    panel = with_closures(panel, model.past.calendar if calendar is NO_CALENDAR else calendar, model.closures)
    model = _with(model, panel, calendar)
    means, dispersions, chances = (np.zeros((len(rows), len(windows))) for _ in range(3))
    for at in range(0, len(rows), PRODUCTS_AT_ONCE):
        part = rows[at : at + PRODUCTS_AT_ONCE]
        items = [product_label(panel.products[row]) for row in part]
        begins, lengths = (np.tile(windows[:, column], (len(part), 1)) for column in (0, 1))
        request = request_of(items, panel.series(as_of, part), lengths, begins)
        unseen = np.flatnonzero(panel.starts[part] >= as_of).tolist()
        means[at : at + len(part)], dispersions[at : at + len(part)] = model.distributions(request, unseen=unseen)
        chances[at : at + len(part)] = model.chances(request, unseen=unseen)
    return Totals(windows, means, dispersions, hurdle_of(model.chance, chances, panel, as_of, rows))


def _with(model: DemandModel, panel: Panel, calendar: Calendar) -> DemandModel:
    memory = model.past.memory
    if calendar is NO_CALENDAR:
        calendar = model.past.calendar
    reaches = panel.first_step <= memory.first_step and panel.until > memory.until and panel.products
    if reaches and panel.periods == memory.periods:
        memory = memory_of(panel)
    if memory is model.past.memory and calendar is model.past.calendar:
        return model
    return dataclasses.replace(model, past=past_of(memory, calendar))


def forecast_ahead(
    model: DemandModel, panel: Panel, as_of: int, horizon: int, calendar: Calendar = NO_CALENDAR
) -> Totals:
    """Each of the next `horizon` steps by itself."""
    windows = np.column_stack([np.arange(horizon), np.ones(horizon, dtype=np.int64)])
    return forecast_windows(model, panel, as_of, windows, calendar)
