"""Does a single day sell anything at all, and what follows for its quantiles?

Where most days sell nothing and some sell a lot, a negative binomial that allows for the large orders puts its middle
too low. There a booster answers for the chance of a sale, the product's own sizes for the rest, and each quantile is
halfway between theirs and the negative binomial's: never falling along the levels, as neither of the two is. Totals of
several days, and means, remain the negative binomial's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.features import Floats, Ints
from domain.forecast import total_quantile
from forecaster.dataset import Panel
from forecaster.sizes import Pool, Sizes, pool_of, sizes_of

CHANCE_ROUNDS = 120
MIN_DATA_IN_LEAF = 150
CHANCE_MIN = 1e-9
HALVINGS = 24  # a probability is found to within 6e-8


@dataclass(frozen=True, slots=True)
class Chance:
    """booster: the chance that a single day sells anything. pool: what all products sell on days that do."""

    booster: lgb.Booster
    pool: Pool

    def of(self, rows: NDArray[np.float32], threads: int) -> Floats:
        """Of each row of the design, float64 (r,)."""
        return np.asarray(self.booster.predict(rows, num_threads=threads), dtype=np.float64)


def fit_chance(
    rows: NDArray[np.float32],
    total: Floats,
    columns: Sequence[str],
    categorical: Sequence[str],
    parameters: dict[str, object],
    rounds: int,
    panel: Panel,
) -> Chance | None:
    """Learnt from the rows that are single days; None when all of them say the same."""
    single = rows[:, columns.index("length")] == 1
    sold = total[single] > 0
    pool = pool_of(panel)
    if pool is None or sold.all() or not sold.any():
        return None
    least = min(MIN_DATA_IN_LEAF, max(5, len(sold) // 50))
    data = lgb.Dataset(
        rows[single],
        sold.astype(np.float64),
        feature_name=list(columns),
        categorical_feature=list(categorical),
    )
    asked = parameters | {"objective": "binary", "min_data_in_leaf": least}
    return Chance(lgb.train(asked, data, min(rounds, CHANCE_ROUNDS)), pool)


@dataclass(frozen=True, slots=True)
class Hurdle:
    """What single days of n products sell by their chance and their sizes. chance: float64 (n, m), NaN where the
    negative binomial speaks alone."""

    chance: Floats
    sizes: Sizes

    def mixed(self, level: float | Floats, units: Ints) -> Ints:
        """The quantile at this level, or at these of (n, m), halfway from the negative binomial's, `units`; int64
        (n, m)."""
        chance = np.maximum(self.chance, CHANCE_MIN)
        share = (level - (1 - chance)) / chance
        sells = share > 0
        size = np.where(sells, self.sizes.at(np.where(sells, share, 1.0)), 0.0)
        halfway = np.rint((units + size) / 2).astype(np.int64)
        return np.where(np.isfinite(self.chance), halfway, units)

    def at_most(self, units: Floats, mean: Floats, dispersion: Floats) -> Floats:
        """The probability that a day sells no more than `units`: the highest level whose quantile is within them, for
        want of a formula found by halving. Float64 (n, m), NaN where the negative binomial speaks alone."""
        low, high = np.zeros(units.shape), np.ones(units.shape)
        for _ in range(HALVINGS):
            level = (low + high) / 2
            within = self.mixed(level, total_quantile(level, mean, dispersion)) <= units
            low, high = np.where(within, level, low), np.where(within, high, level)
        return np.where(np.isfinite(self.chance), np.where(units < 0, 0.0, low), np.nan)


def hurdle_of(chance: Chance | None, chances: Floats, panel: Panel, as_of: int, rows: Ints) -> Hurdle | None:
    """Of these rows of the panel; None when no window is a single day of a product that is known."""
    if chance is None or not np.isfinite(chances).any():
        return None
    return Hurdle(chances, sizes_of(panel, as_of, rows, chance.pool))
