"""Has the model drifted, and whom should it not serve for now?

Judged once a week on the last four closed weeks, by category and not by product: signals of single products alarm all
the time. Nothing is said of few windows, nothing after one bad week, and nothing twice within the cool-down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.accuracy import EVERYTHING, Score, Scoreboard, merged

DAYS_A_WEEK = 7
WEEKS_JUDGED = 4
WINDOWS_MIN = 40  # of a category in four weeks, or nothing is said of it
COVERAGE_WINDOWS_MIN = 200  # from here on a share of .9 is known to about .02
DRIFT_FACTOR = 1.10
BIAS_MAX = 0.10
COVERAGE_BAND = (0.85, 0.95)
RECOVERY_FACTOR = 0.97  # a model must be better by so much before it is asked again
COOL_DOWN_WEEKS = 4

DRIFTED = "drifted"
BIASED = "biased"
MISCOVERED = "miscovered"
NO_BETTER = "no better than the baseline"


class Finding(NamedTuple):
    """What is wrong with a category's forecasts: the rule it breaks, its figure, and the bound."""

    rule: str
    category: str
    figure: float
    bound: float


class Standing(NamedTuple):
    """What was concluded at the end of a week. on_baseline: the categories that the baseline serves. raised: when each
    (rule, category) was last announced."""

    week: int
    on_baseline: frozenset[str] = frozenset()
    raised: Mapping[tuple[str, str], int] = {}


class Verdict(NamedTuple):
    """The next standing; everything found; and what of it is to be announced now: not within its cool-down."""

    standing: Standing
    findings: tuple[Finding, ...]
    announced: tuple[Finding, ...]


def judge(weeks: Mapping[int, Scoreboard], week: int, before: Standing, backtest: Mapping[str, float]) -> Verdict:
    """The verdict at the end of a week. weeks: the scoreboards there are, by week. backtest: the WAPE that the serving
    model had on its held-out days, by category; where it is not known nothing can have drifted."""
    now, then = _four_weeks(weeks, week), _four_weeks(weeks, week - 1)
    on_baseline = _on_baseline(now, then, before.on_baseline)
    findings = [
        finding
        for category in sorted(now)
        for finding in _findings(category, now[category], backtest)
        if category in then and finding.rule in {found.rule for found in _findings(category, then[category], backtest)}
    ]
    announced = [each for each in findings if week - before.raised.get(each[:2], -COOL_DOWN_WEEKS) >= COOL_DOWN_WEEKS]
    raised = {key: at for key, at in before.raised.items() if week - at < COOL_DOWN_WEEKS}
    raised |= {each[:2]: week for each in announced}
    return Verdict(Standing(week, on_baseline, raised), tuple(findings), tuple(announced))


def _four_weeks(weeks: Mapping[int, Scoreboard], last: int) -> Scoreboard:
    """The scores of WEEKS_JUDGED weeks; nothing if one of them is missing."""
    wanted = range(last - WEEKS_JUDGED + 1, last + 1)
    if not all(week in weeks for week in wanted):
        return {}
    board = merged(weeks[week] for week in wanted)
    return {name: score for name, score in board.items() if score.windows >= WINDOWS_MIN}


def _findings(category: str, score: Score, backtest: Mapping[str, float]) -> list[Finding]:
    found = []
    bound = DRIFT_FACTOR * backtest[category] if category in backtest else None
    if bound is not None and score.wape > bound:
        found.append(Finding(DRIFTED, category, score.wape, bound))
    if category == EVERYTHING and abs(score.bias) > BIAS_MAX:
        found.append(Finding(BIASED, category, score.bias, BIAS_MAX))
    low, high = COVERAGE_BAND
    if score.windows >= COVERAGE_WINDOWS_MIN and not low <= score.coverage <= high:
        found.append(Finding(MISCOVERED, category, score.coverage, low if score.coverage < low else high))
    if score.wape >= score.baseline_wape:
        found.append(Finding(NO_BETTER, category, score.wape, score.baseline_wape))
    return found


def _on_baseline(now: Scoreboard, then: Scoreboard, before: frozenset[str]) -> frozenset[str]:
    """Two weeks running no better: the baseline serves. Two weeks running clearly better: the model again. Of a
    category that nothing can be said of, what was concluded stays."""
    both = {name for name in now if name in then and name != EVERYTHING}
    fallen = {name for name in both if all(s.wape >= s.baseline_wape for s in (now[name], then[name]))}
    better = {name for name in both if all(s.wape < RECOVERY_FACTOR * s.baseline_wape for s in (now[name], then[name]))}
    return frozenset((before - better) | fallen)


def reason_of(findings: Sequence[Finding]) -> str:
    """The findings in a line for a person, the worst for the whole shop first."""
    ordered = sorted(findings, key=lambda each: (each.category != EVERYTHING, each.category, each.rule))
    return "; ".join(_words(each) for each in ordered)


def _words(finding: Finding) -> str:
    figure, bound = f"{finding.figure:.3f}", f"{finding.bound:.3f}"
    said = {
        DRIFTED: f"WAPE {figure} above {bound}, 1.1 times its backtest",
        BIASED: f"bias {figure} beyond {bound}",
        MISCOVERED: f"P90 covers {figure}, beyond {bound}",
        NO_BETTER: f"WAPE {figure}, the baseline's {bound}",
    }[finding.rule]
    return f"{finding.category}: {said}"
