"""Outlooks for tests of the policy alone: nothing is known but the total over lead time and review."""

from __future__ import annotations

import numpy as np

from domain.features import Floats
from domain.outlook import BLOCKS, Outlook
from domain.replenishment import Before


def whole_of(mean: Floats, dispersion: Floats) -> Outlook:
    """All of it is sold from the arrival on."""
    nothing = np.zeros((len(mean), BLOCKS))
    before = Before(nothing, nothing, nothing, nothing)
    return Outlook(before, nothing[:, 0], (mean, dispersion), (mean, dispersion))
