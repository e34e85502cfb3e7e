"""Is the new model good enough to serve?

The replay gate: on each of the four weeks held out, every product's total of the week is forecast from the days before
it, by the new model, by the one that serves and by the baseline, and compared with what sold. It is the measure that
the worker watches by (domain/accuracy.py), so that what passes here is what the worker holds it to afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from domain.accuracy import EVERYTHING, UNNAMED, UPPER, Score, Scoreboard, merged, scoreboard, shares_at
from domain.drift import BIAS_MAX
from domain.features import Floats, Ints
from domain.forecast import baseline_totals, total_quantile
from forecaster.ahead import forecast_windows
from forecaster.dataset import Panel
from forecaster.known_ahead import NO_CALENDAR, Calendar
from forecaster.model import DemandModel

WEEK_DAYS = 7
HISTORY_DAYS = 28
LEVELS = (0.1, 0.5, UPPER)
WORSE_THAN_SERVING_MAX = 1.02  # below it the difference is noise

Answer = Callable[[int, Ints], tuple[Floats, Floats, Ints]]
"""Of an origin and rows of the panel: of each week's total the mean and dispersion (n,) and quantiles (n, 3)."""


class Measured(NamedTuple):
    """One forecaster on one origin: its scores by category, and the sum of its quantile losses."""

    board: Scoreboard
    loss: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a forecaster comes to over some origins. wql: mean weighted quantile loss at LEVELS."""

    origins: int
    windows: int
    wape: float
    wql: float
    bias: float
    p90_coverage: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """passed: no reason against it. serving: None where no model serves, or where it has seen the days; compared says
    on how many of the origins it was. backtest: the new model's WAPE by category."""

    candidate: Figures
    baseline: Figures
    serving: Figures | None
    candidate_beside_serving: Figures | None
    backtest: dict[str, float]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        return not self.reasons


def judge(
    candidate: DemandModel,
    serving: DemandModel | None,
    panel: Panel,
    first_origin: int,
    calendar: Calendar = NO_CALENDAR,
) -> Verdict:
    """The verdict on the days from first_origin to the panel's end. ValueError if the candidate has seen any."""
    if candidate.origin.trained_until > first_origin:
        raise ValueError(f"the model {candidate.name} has seen the days it is to be judged on")
    origins = tuple(range(first_origin, panel.until - WEEK_DAYS + 1, WEEK_DAYS))
    new = measure(_answers_of(candidate, panel, calendar), panel, origins)
    base = measure(_baseline_of(panel), panel, origins)
    figures, baseline = figures_of(new), figures_of(base)
    serves, beside, notes = _serving(serving, panel, calendar, origins, new)
    return Verdict(
        candidate=figures,
        baseline=baseline,
        serving=serves,
        candidate_beside_serving=beside,
        backtest={name: round(score.wape, 6) for name, score in merged(one.board for one in new).items()},
        reasons=tuple(_reasons(figures, baseline, serves, beside)),
        notes=notes,
    )


def _serving(
    serving: DemandModel | None,
    panel: Panel,
    calendar: Calendar,
    origins: Sequence[int],
    new: Sequence[Measured],
) -> tuple[Figures | None, Figures | None, tuple[str, ...]]:
    """Both models on the origins that the serving one has not seen either."""
    if serving is None:
        return None, None, ("no model serves yet: compared with the baseline alone",)
    unseen = [at for at, origin in enumerate(origins) if origin >= serving.origin.trained_until]
    if not unseen:
        return None, None, (f"the serving model {serving.name} has seen these days: not compared with it",)
    old = measure(_answers_of(serving, panel, calendar), panel, [origins[at] for at in unseen])
    note = f"compared with the serving model on {len(unseen)} of {len(origins)} weeks: it has seen the others"
    return figures_of(old), figures_of([new[at] for at in unseen]), () if len(unseen) == len(origins) else (note,)


def _reasons(new: Figures, baseline: Figures, serving: Figures | None, beside: Figures | None) -> list[str]:
    reasons = []
    if not new.windows:
        reasons.append("no product has a history to be judged by")
    if new.wape >= baseline.wape:
        reasons.append(f"WAPE {new.wape:.4f} is no better than the baseline's {baseline.wape:.4f}")
    if new.wql > baseline.wql:
        reasons.append(f"weighted quantile loss {new.wql:.4f} is above the baseline's {baseline.wql:.4f}")
    known = serving or baseline
    if abs(new.bias) > max(BIAS_MAX, abs(known.bias)):
        reasons.append(f"bias {new.bias:+.4f} is beyond {BIAS_MAX:.2f} and what serves now has {known.bias:+.4f}")
    if serving is not None and beside is not None and beside.wape > WORSE_THAN_SERVING_MAX * serving.wape:
        reasons.append(f"WAPE {beside.wape:.4f} is above the serving model's {serving.wape:.4f}")
    return reasons


def measure(answer: Answer, panel: Panel, origins: Sequence[int]) -> list[Measured]:
    """One forecaster on each origin."""
    return [_on(answer, panel, origin) for origin in origins]


def _on(answer: Answer, panel: Panel, origin: int) -> Measured:
    at = origin - panel.first_step
    days = slice(at, at + WEEK_DAYS)
    known = (panel.first_sales() <= origin - HISTORY_DAYS) & ~panel.censored[:, days].any(axis=1)
    rows = np.flatnonzero(known)
    if not len(rows):
        return Measured(scoreboard([]), 0.0)
    sold = np.maximum(panel.net[rows, days], 0).sum(axis=1)
    mean, dispersion, quantiles = answer(origin, rows)
    gap = sold[:, None] - quantiles
    levels = np.array(LEVELS)
    loss = 2 * np.maximum(levels * gap, (levels - 1) * gap).sum() / len(LEVELS)
    base, _, _ = _baseline_of(panel)(origin, rows)
    return Measured(_board(panel, rows, sold, (mean, dispersion, quantiles[:, -1]), base), float(loss))


def _board(panel: Panel, rows: Ints, sold: Ints, said: tuple[Floats, Floats, Ints], baseline: Floats) -> Scoreboard:
    mean, dispersion, upper = said
    share = shares_at(UPPER, upper, mean, dispersion)
    covered = np.where(sold < upper, 1.0, np.where(sold == upper, share, 0.0))
    columns = (np.ones(len(rows)), sold, mean, np.abs(mean - sold), np.abs(baseline - sold), covered)
    names = [panel.categories[row] or UNNAMED for row in rows]
    table = np.column_stack(columns).tolist()
    return scoreboard((name, Score(*row)) for name, row in zip(names, table, strict=True))


def _answers_of(model: DemandModel, panel: Panel, calendar: Calendar) -> Answer:
    def answer(origin: int, rows: Ints) -> tuple[Floats, Floats, Ints]:
        week = np.array([[0, WEEK_DAYS]], dtype=np.int64)
        totals = forecast_windows(model, panel, origin, week, calendar, rows)
        return totals.mean[:, 0], totals.dispersion[:, 0], totals.quantiles(LEVELS)[:, 0]

    return answer


def _baseline_of(panel: Panel) -> Answer:
    def answer(origin: int, rows: Ints) -> tuple[Floats, Floats, Ints]:
        cover = np.full(len(rows), WEEK_DAYS, dtype=np.int64)
        totals = baseline_totals(panel.series(origin, rows), [cover])
        mean = np.array([total.mean for (total,) in totals])
        dispersion = np.array([total.dispersion for (total,) in totals])
        quantiles = np.stack([total_quantile(level, mean, dispersion) for level in LEVELS], axis=1)
        return mean, dispersion, quantiles

    return answer


def figures_of(measured: Sequence[Measured]) -> Figures:
    whole = merged(one.board for one in measured)[EVERYTHING]
    return Figures(
        origins=len(measured),
        windows=int(whole.windows),
        wape=whole.wape,
        wql=sum(one.loss for one in measured) / max(whole.sold, 1.0),
        bias=whole.bias,
        p90_coverage=whole.coverage,
    )


def told(verdict: Verdict) -> dict[str, Any]:
    """The verdict as gate.json holds it."""
    parts = ("candidate", "baseline", "serving", "candidate_beside_serving")
    said = {name: getattr(verdict, name) for name in parts}
    figures = {
        name: None if one is None else {key: getattr(one, key) for key in Figures.__dataclass_fields__}
        for name, one in said.items()
    }
    return {
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
        "notes": list(verdict.notes),
        **figures,
        "backtest": verdict.backtest,
    }
