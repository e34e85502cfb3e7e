"""With what are the boosters fitted?

The data decides: how often its products sell, and how long their past is. No set has parameters of its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from forecaster.dataset import Panel
from forecaster.model import THREADS
from forecaster.periods import DAY

SMOOTH_ZERO_SHARE = 0.25
SEASONS_YEARS = 2


@dataclass(frozen=True, slots=True)
class Fitting:
    """How to fit. The names are LightGBM's but for rounds, rows_max (the number of (product, window) pairs)
    and weighed: whether windows count by forecaster/importance.py, or all alike."""

    rounds: int = 150
    rows_max: int = 200_000
    learning_rate: float = 0.06
    num_leaves: int = 31
    min_data_in_leaf: int = 100
    tweedie_variance_power: float = 1.3
    feature_fraction: float = 0.6
    bagging_fraction: float = 0.8
    lambda_l2: float = 2.0
    weighed: bool = False
    seed: int = 20101201
    threads: int = THREADS

    def parameters(self) -> dict[str, object]:
        return {
            "objective": "tweedie",
            "tweedie_variance_power": self.tweedie_variance_power,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "cat_smooth": 20.0,
            "cat_l2": 20.0,
            "max_bin": 127,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbose": -1,
        }


def lumpy(panel: Panel) -> bool:
    """Whether many steps sell nothing, of those since each product began."""
    began = np.arange(panel.net.shape[1]) >= (panel.starts - panel.first_step)[:, None]
    return not began.any() or float((panel.net[began] <= 0).mean()) > SMOOTH_ZERO_SHARE


def suited(how: Fitting, panel: Panel) -> Fitting:
    """Products that sell on most days have more to tell: larger trees, more rows, and large totals matter more. Where
    the past tells of seasons too, many columns say much the same: each tree sees fewer of them, in smaller steps."""
    if lumpy(panel) or panel.freq != DAY:
        return how
    larger = dataclasses.replace(
        how,
        num_leaves=2 * how.num_leaves,
        rounds=how.rounds * 3 // 2,
        rows_max=how.rows_max * 3 // 2,
        tweedie_variance_power=1.1,
    )
    if panel.net.shape[1] < SEASONS_YEARS * panel.periods.year:
        return larger
    return dataclasses.replace(
        larger,
        learning_rate=how.learning_rate * 5 / 6,
        feature_fraction=0.4,
        bagging_fraction=0.7,
        lambda_l2=10.0,
        weighed=True,
    )
