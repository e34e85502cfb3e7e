"""What does exponential smoothing say?

statsmodels fits each series twice: level alone, ETS(A,N,N), and level with an additive season, ETS(A,N,A); the lower
AICc answers. The variance of a step and of a total follow from the fitted smoothing weights in closed form (Hyndman,
Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing", 2008, 6.3 and 6.6), and demand is the normal
distribution clipped at zero. Trends are left out: over weeks of a single product they lead far astray."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from domain.features import Floats
from forecaster.evaluation.distributions import Answer, ClippedNormal
from forecaster.evaluation.shop import Question

PERIODS_MIN = 12  # below it, or a season beyond it for a seasonal fit, statsmodels finds no first state
SEASONS_MIN = 3
ITERATIONS_MAX = 200


@dataclass(frozen=True, slots=True)
class Smoothed:
    """One series' smoothing. ahead: the means of the steps to come, float64 (horizon,). alpha and gamma: how far an
    error moves the level and the season (0 without one); variance: of a one-step error."""

    ahead: Floats
    alpha: float
    gamma: float
    variance: float
    aicc: float


def fit_smoothing(question: Question) -> list[Smoothed]:
    """Every series by itself, from its first row on."""
    fitted = []
    for row, age in enumerate(question.ages.tolist()):
        past = question.past[row, max(0, question.past.shape[1] - age) :]
        fitted.append(_fitted(past, question.season, question.horizon))
    return fitted


def answer_of(question: Question, fitted: list[Smoothed]) -> Answer:
    horizon, k = question.horizon, question.total_periods
    ahead = np.array([each.ahead for each in fitted])
    single = np.array([step_variances(each, question.season, horizon) for each in fitted])
    whole = np.array([[total_variance(each, question.season, k)] for each in fitted])
    return Answer(
        ClippedNormal(ahead, np.sqrt(single)),
        ClippedNormal(ahead[:, :k].sum(axis=1, keepdims=True), np.sqrt(whole)),
    )


def step_variances(fit: Smoothed, season: int, horizon: int) -> Floats:
    """Of each of the next steps: variance * (1 + sum of c_j^2 for j < h), c_j what an error still adds j steps on."""
    carried = np.square(_carried(fit, season, horizon)).cumsum()
    return fit.variance * (1 + np.concatenate([[0.0], carried[:-1]]))


def total_variance(fit: Smoothed, season: int, periods: int) -> float:
    """Of the next periods together: each error counts in its own step and in all later ones that it moves."""
    reach = 1 + np.concatenate([[0.0], _carried(fit, season, periods).cumsum()[:-1]])
    return float(fit.variance * np.square(reach).sum())


def _carried(fit: Smoothed, season: int, steps: int) -> Floats:
    return np.asarray(fit.alpha + fit.gamma * (np.arange(1, steps + 1) % season == 0))


def _fitted(past: Floats, season: int, horizon: int) -> Smoothed:
    if len(past) < PERIODS_MIN or past.min() == past.max():
        # Too short or too even to smooth: its mean, which strays as its periods do.
        return Smoothed(np.full(horizon, past.mean()), 1 / len(past), 0.0, float(past.var()), 0.0)
    level = _ets(past, None, horizon)
    if len(past) < max(SEASONS_MIN * season, PERIODS_MIN + season):
        return level
    return min(level, _ets(past, season, horizon), key=lambda fit: fit.aicc)


def _ets(past: Floats, season: int | None, horizon: int) -> Smoothed:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    model = ETSModel(
        past,
        error="add",
        seasonal=None if season is None else "add",
        seasonal_periods=season,
        initialization_method="heuristic",
    )
    with warnings.catch_warnings():
        # A fit that stops early is still the best that was found; its own errors say how good it is.
        warnings.simplefilter("ignore")
        result = model.fit(disp=False, maxiter=ITERATIONS_MAX)
    said = dict(zip(model.param_names, result.params, strict=True))
    variance = float(np.mean(np.square(result.resid)))
    # The first level and season are parameters too, though the heuristic and not the fit has set them.
    parameters = 3 if season is None else 3 + season
    n = len(past)
    rest = max(n - parameters - 1, 1e-3)
    aicc = n * np.log(max(variance, 1e-12)) + 2 * parameters + 2 * parameters * (parameters + 1) / rest
    return Smoothed(
        np.asarray(result.forecast(horizon), dtype=np.float64),
        float(said["smoothing_level"]),
        float(said.get("smoothing_seasonal", 0.0)),
        variance,
        float(aicc),
    )
