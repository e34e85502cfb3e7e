"""What does `restock evaluate` do?

Reads the sales, lets every model answer at every cutoff, scores, writes the report and says what it holds. A model is
never given a day at or past its cutoff."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time

import numpy as np

from forecaster.evaluation.contest import Answered, Given, answered, scored
from forecaster.evaluation.report import FORECASTS, SUMMARY, Origin, Outcome, whole_ids, write_report
from forecaster.evaluation.screen import note, progress, show_table
from forecaster.evaluation.shop import NothingToEvaluate, Question, Shop, questions_of, shop_of
from forecaster.fitting import NotEnoughHistory
from forecaster.known_ahead import NO_CALENDAR, UnreadableCalendar, read_calendar
from forecaster.periods import Periods
from forecaster.sales import UnreadableSales, read_sales

SECONDS_PER_DAY = 86_400
TOTAL_PERIODS_MAX = 14
WORDS = {"D": "days", "W": "weeks", "M": "months"}
EXPECTED = (NothingToEvaluate, NotEnoughHistory, UnreadableSales, UnreadableCalendar, OSError)


def evaluate(chosen: argparse.Namespace) -> int:
    """Returns the exit code: 0 done, 1 failed with one line."""
    if "exponential_smoothing" in chosen.models and not _installed("statsmodels"):
        others = ",".join(name for name in chosen.models if name != "exponential_smoothing")
        return _failed(f"exponential_smoothing needs the extra: pip install 'restock[evaluate]'; or --models {others}")
    try:
        outcome = _contest(chosen)
        chosen.report.mkdir(parents=True, exist_ok=True)
        pictures = _drawn(chosen, outcome)
        write_report(chosen.report, outcome, whole_ids(chosen.sales))
    except EXPECTED as exc:
        return _failed(str(exc).splitlines()[0])
    _tell(chosen, outcome, pictures)
    return 0


def _contest(chosen: argparse.Namespace) -> Outcome:
    rows, skipped = read_sales([chosen.sales], today=int(time.time()) // SECONDS_PER_DAY)
    if rows.empty:
        raise NothingToEvaluate(f"{chosen.sales}: no usable row among {skipped}")
    day = int(np.datetime64(chosen.cutoff, "D").astype(np.int64))
    periods = Periods.ending(chosen.freq, day)
    shop = shop_of(rows, periods)
    calendar = NO_CALENDAR if chosen.calendar is None else read_calendar(chosen.calendar)
    questions = list(questions_of(shop, periods.step(day), chosen.horizon, chosen.origins, TOTAL_PERIODS_MAX))
    forecast: Answered | None = None
    origins: list[Origin] = []
    with progress(len(questions) * len(chosen.models)) as begin:
        for question in questions:
            scores = {}
            for name in chosen.models:
                begin(f"{name}, from {np.datetime64(question.cutoff_day, 'D')}")
                said = answered(name, question, Given(rows, calendar), chosen.quantiles)
                scores[name] = scored(question, said, chosen.quantiles)
                # The other answers are let go: the samples of a large shop would fill the memory.
                forecast = forecast or said
            origins.append(Origin(question, scores))
    assert forecast is not None  # noqa: S101 - there is a model and an origin at the least
    warnings = _warnings(shop, questions[0], skipped)
    return Outcome(_asked(chosen), len(rows), skipped, chosen.quantiles, origins, forecast, warnings)


def _asked(chosen: argparse.Namespace) -> dict[str, object]:
    return {
        "sales": str(chosen.sales),
        "calendar": None if chosen.calendar is None else str(chosen.calendar),
        "cutoff": chosen.cutoff.isoformat(),
        "horizon": chosen.horizon,
        "freq": chosen.freq,
        "quantiles": list(chosen.quantiles),
        "forecasts_by": chosen.models[0],
    }


def _warnings(shop: Shop, question: Question, skipped: int) -> list[str]:
    """What somebody who trusts the figures should know."""
    known, later = question.known_periods, len(shop.keys) - len(question.rows)
    silent = max(0, question.cutoff - shop.until)
    hidden = int(np.isnan(question.future()[:, :known]).sum())
    unscaled = int(np.isnan(question.scales()).sum())
    said = {
        f"{skipped} rows could not be used and were left out": skipped,
        f"{later} series have no row before the cutoff: they are not forecast": later,
        f"the sales end {silent} periods before the cutoff: these count as periods without sales": silent,
        f"{unscaled} series never changed before the cutoff: they have no scale and count in no RMSSE": unscaled,
        f"{hidden} periods of a stock-out are not scored: what would have sold is not known": hidden,
        "the sales end before the cutoff: there is a forecast and no score": known == 0,
        f"{known} of {question.horizon} periods are known: the others are not scored": 0 < known < question.horizon,
    }
    return [line for line, true in said.items() if true]


def _drawn(chosen: argparse.Namespace, outcome: Outcome) -> dict[str, str]:
    """Draws what can be drawn: by file name what each picture shows."""
    if not _installed("matplotlib"):
        outcome.warnings.append("no pictures: they need the extra: pip install 'restock[evaluate]'")
        return {}
    from forecaster.evaluation.pictures import ACCURACY, PRODUCTS, draw_accuracy, draw_products

    question = outcome.origins[0].question
    draw_products(chosen.report / PRODUCTS, question, chosen.models[0], outcome.forecast, outcome.levels)
    drawn = {PRODUCTS: "a few products, their forecast and what came"}
    (chosen.report / ACCURACY).unlink(missing_ok=True)
    if any(origin.question.known_periods for origin in outcome.origins):
        draw_accuracy(chosen.report / ACCURACY, outcome.figures(), len(outcome.origins))
        drawn[ACCURACY] = "error and coverage of every model"
    return drawn


def _tell(chosen: argparse.Namespace, outcome: Outcome, pictures: dict[str, str]) -> None:
    question = outcome.origins[0].question
    title = f"{len(question.rows)} series, {chosen.horizon} {WORDS[chosen.freq]} from {chosen.cutoff}"
    if len(outcome.origins) > 1:
        title += f", mean of {len(outcome.origins)} origins"
    show_table(outcome.figures(), title)
    held = {
        SUMMARY: "every figure, by model and origin",
        FORECASTS: f"{len(question.rows) * chosen.horizon} rows by {chosen.models[0]}",
        **pictures,
    }
    for name, what in held.items():
        sys.stdout.write(f"{chosen.report / name}: {what}\n")
    note([f"warning: {line}" for line in outcome.warnings])


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _failed(line: str) -> int:
    sys.stderr.write(f"restock evaluate: {line}\n")
    return 1
