"""How far do totals stray from their mean?

A table of negative-binomial dispersions by cover length and by level (units a day), measured on totals that the
measuring model had not seen. Between the bands' centres the table is interpolated, so that a product drifting from
one band to the next does not jump; a band with few totals leans on its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from domain.features import Floats, Ints
from domain.forecast import DISPERSION_MAX, MEAN_FLOOR

COVER_CENTRES = (1.0, 3.0, 8.0, 15.0, 28.0, 50.0)
LEVEL_CENTRES = (0.02, 0.06, 0.2, 0.6, 2.0, 6.0, 20.0, 60.0)
CANDIDATES = np.geomspace(0.01, DISPERSION_MAX, 36)
PAIRS_A_BAND_MAX = 3_000
PRIOR_PAIRS = 60.0
PRIOR_DISPERSION = 1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Dispersions float64 (len(COVER_CENTRES), len(LEVEL_CENTRES))."""

    table: Floats

    def at(self, cover_days: Floats, level: Floats) -> Floats:
        """The dispersion of each total, bilinear between the centres' logarithms and flat beyond them."""
        i, u = _between(COVER_CENTRES, cover_days)
        j, v = _between(LEVEL_CENTRES, level)
        low = self.table[i, j] * (1 - v) + self.table[i, j + 1] * v
        high = self.table[i + 1, j] * (1 - v) + self.table[i + 1, j + 1] * v
        return np.asarray(low * (1 - u) + high * u)


def _between(centres: tuple[float, ...], values: Floats) -> tuple[Ints, Floats]:
    """The centre at or below each value, and how far it is from there to the next one, 0 to 1."""
    logs = np.log(np.array(centres))
    at = np.interp(np.log(np.maximum(values, MEAN_FLOOR)), logs, np.arange(len(logs)))
    below = np.minimum(at.astype(np.int64), len(logs) - 2)
    return below, at - below


def _nearest(centres: tuple[float, ...], values: Floats) -> Ints:
    below, way = _between(centres, values)
    return below + (way >= 0.5)


def spread_of(total: Floats, mean: Floats, cover_days: Floats, level: Floats) -> Spread:
    """The most likely table, from held-out totals and their predicted means; float64 (r,) each."""
    cover, band = _nearest(COVER_CENTRES, cover_days), _nearest(LEVEL_CENTRES, level)
    whole = _likeliest(total, mean, PRIOR_DISPERSION)
    table = np.full((len(COVER_CENTRES), len(LEVEL_CENTRES)), whole)
    for row in range(len(COVER_CENTRES)):
        of_length = cover == row
        if not of_length.any():
            # Longer than any total that was held out: as the longest that there was.
            table[row] = table[max(0, row - 1)]
            continue
        lean = _likeliest(total[of_length], mean[of_length], whole)
        for column in range(len(LEVEL_CENTRES)):
            cell = of_length & (band == column)
            table[row, column] = _likeliest(total[cell], mean[cell], lean)
    return Spread(table)


def _likeliest(total: Floats, mean: Floats, prior: float) -> float:
    """The candidate of greatest likelihood, drawn towards the prior as if that had PRIOR_PAIRS totals behind it."""
    if not len(total):
        return prior
    stride = -(-len(total) // PAIRS_A_BAND_MAX)
    likelihood = _log_likelihood(total[::stride, None], np.maximum(mean[::stride, None], MEAN_FLOOR))
    best = float(CANDIDATES[likelihood.sum(axis=0).argmax()])
    weight = len(total) / (len(total) + PRIOR_PAIRS)
    return float(np.exp(weight * np.log(best) + (1 - weight) * np.log(prior)))


def _log_likelihood(y: Floats, mu: Floats) -> NDArray[np.float64]:
    """Of each total (r, 1) under each candidate, (r, len(CANDIDATES)); the term in y alone is left out."""
    size = 1.0 / CANDIDATES
    whole = size + mu
    return np.asarray(gammaln(y + size) - gammaln(size) + size * np.log(size / whole) + y * np.log(mu / whole))
