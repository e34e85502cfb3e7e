"""Does memory grow with the sales counted, and how sure is that?

Samples of one process hang together: a heap that has grown by a page stays so for a while. An interval that took them
for independent would be far too narrow, and a block bootstrap of the residuals still is (it held the truth in 64 of 100
runs of noise correlated by 0.9, this one in about 90). So the samples become the medians of a few long parts of the
run, and a line through those has few degrees of freedom and an honest interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from bench.soak.memory import Sample

PARTS = 6
CONFIDENCE = 0.95
MILLION = 1e6


class Line(NamedTuple):
    """MB per million events with its 95 % interval, and what the line says at the first and the last event."""

    slope: float
    low: float
    high: float
    first_mb: float
    last_mb: float


def fit(samples: Sequence[Sample]) -> Line:
    """The line through the samples. ValueError if they are too few to say anything."""
    # One sample for each count of events: while nothing is counted time goes on and memory says nothing new.
    held: dict[int, list[float]] = {}
    for sample in samples:
        held.setdefault(sample.events, []).append(sample.rss_mb)
    if len(held) < 2 * PARTS:
        raise ValueError(f"{len(held)} counts of events after the warm-up are too few for a slope: send more events")
    events = np.array(list(held), dtype=np.float64) / MILLION
    rss = np.array([float(np.mean(each)) for each in held.values()])
    cuts = np.linspace(events[0], events[-1], PARTS + 1)[1:-1]
    part = np.searchsorted(cuts, events, side="right")
    x = np.array([events[part == each].mean() for each in range(PARTS) if (part == each).any()])
    y = np.array([np.median(rss[part == each]) for each in range(PARTS) if (part == each).any()])
    if len(x) < PARTS:
        raise ValueError("a part of the run has no sample: send more events")
    centred = x - x.mean()
    spread = float((centred**2).sum())
    slope = float((centred * y).sum()) / spread
    level = float(y.mean()) - slope * float(x.mean())
    left = y - level - slope * x
    freedom = PARTS - 2
    error = float(np.sqrt((left**2).sum() / freedom / spread)) * float(student_t.ppf(0.5 + CONFIDENCE / 2, freedom))
    return Line(
        slope, slope - error, slope + error, level + slope * float(events[0]), level + slope * float(events[-1])
    )
