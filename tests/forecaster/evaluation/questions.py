"""Which sales are evaluated in these tests?

A few series whose every unit is written down, so that an expected figure can be reckoned by hand beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecaster.evaluation.shop import Question, questions_of, shop_of
from forecaster.periods import Periods

FIRST_DAY = 15_000


def sales_of(series: dict[str, Sequence[float]], first_day: int = FIRST_DAY, price_minor: int = 0) -> pd.DataFrame:
    """Daily totals, zeros included; a NaN has no row. A key `product@location` has a location."""
    rows = [
        (key.partition("@")[0], key.partition("@")[2] or None, first_day + at, int(units), int(units) * price_minor)
        for key, values in series.items()
        for at, units in enumerate(values)
        if not np.isnan(units)
    ]
    frame = pd.DataFrame(rows, columns=["product_id", "location_id", "day", "quantity", "revenue_minor"])
    return frame.assign(promotion=False).astype({"product_id": "str", "location_id": "str"})


def question_of(
    series: dict[str, Sequence[float]], cutoff: int, horizon: int = 3, freq: str = "D", **more: int
) -> Question:
    """The question that is asked `cutoff` days after the first."""
    day = FIRST_DAY + cutoff
    periods = Periods.ending(freq, day)
    shop = shop_of(sales_of(series, **more), periods)
    return next(questions_of(shop, periods.step(day), horizon, 1, 14))
