"""Which shop do the baselines forecast in these tests?"""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def lumpy() -> dict[str, list[float]]:
    """Sixty days of five series, from steady to rare, drawn by a seed."""
    draw = np.random.default_rng(3)
    return {f"p{at}": draw.poisson(rate, 60).astype(float).tolist() for at, rate in enumerate((8, 3, 1, 0.4, 0.1))}
