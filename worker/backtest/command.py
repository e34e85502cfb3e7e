"""What does `restock backtest` do?

Reads the sales, cuts them at the end of period 0, trains on what lies before, lets every policy play, and says what
came of it."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from domain.backtest import Costs, Outcome, Timing
from forecaster.fitting import NotEnoughHistory
from forecaster.known_ahead import NO_CALENDAR, UnreadableCalendar, read_calendar
from forecaster.sales import UnreadableSales, read_sales
from worker.backtest.arguments import RETRAIN_EVERY, SERVICE
from worker.backtest.contest import Compared, Contest, Entry, Rules, compared
from worker.backtest.forecasting import Forecasts
from worker.backtest.history import NothingToReplay, Replayed, replayed
from worker.backtest.initial import UnusableStock
from worker.backtest.pictures import FRONTIER, PRODUCTS, draw_frontier, draw_products
from worker.backtest.report import ORDERS, SUMMARY, Backtested, write_report
from worker.backtest.screen import Step, note, progress, show

SECONDS_PER_DAY = 86_400
EXPECTED = (NothingToReplay, UnusableStock, NotEnoughHistory, UnreadableSales, UnreadableCalendar, OSError)
WORDS = {"D": "days", "W": "weeks"}
ONE_WEEK = {"D": 7, "W": 1}
TRAINING_STEPS = 20  # of the progress bar: about what a training takes, in replayed periods


def backtest(chosen: argparse.Namespace) -> int:
    """Returns the exit code: 0 done, 1 failed with one line."""
    try:
        done = _backtested(chosen)
        write_report(chosen.report, done)
        _draw(chosen, done)
    except EXPECTED as exc:
        sys.stderr.write(f"restock backtest: {str(exc).splitlines()[0]}\n")
        return 1
    products = len(done.replayed.shop.on_hand)
    show(done, f"{products:,} products, {chosen.periods} {WORDS[chosen.freq]} from {done.replayed.begins_on(1)}")
    for name in (SUMMARY, ORDERS, PRODUCTS, *([FRONTIER] if chosen.frontier == "on" else [])):
        sys.stdout.write(f"{chosen.report / name}\n")
    note(done.warnings)
    return 0


def _backtested(chosen: argparse.Namespace) -> Backtested:
    began = time.monotonic()
    rows, skipped = read_sales([chosen.sales], today=int(time.time()) // SECONDS_PER_DAY)
    if rows.empty:
        raise NothingToReplay(f"{chosen.sales}: no usable row among {skipped}")
    calendar = NO_CALENDAR if chosen.calendar is None else read_calendar(chosen.calendar)
    rules = _rules(chosen)
    shop = replayed(rows, chosen.start, chosen.periods, chosen.freq, rules.timing, chosen.initial)
    frontier = chosen.frontier == "on"
    with progress(_steps(chosen)) as step:
        step("training on the past", 0)
        forecasts = Forecasts(shop, calendar)
        step("", TRAINING_STEPS)
        contest = Contest(shop, forecasts, rules, lambda period: step("", 1))
        entries = _played(chosen, contest, step)
    reached = {entry.name: contest.reached(entry) for entry in entries}
    return Backtested(
        asked=_asked(chosen, rules),
        replayed=shop,
        entries=entries,
        reached=reached,
        compared=_compared(entries, reached) if frontier else {},
        service=chosen.service or SERVICE,
        lead_time=chosen.lead_time,
        rows=len(rows),
        skipped=skipped,
        trainings=forecasts.trainings,
        seconds=time.monotonic() - began,
        warnings=_warnings(shop, skipped),
    )


def _rules(chosen: argparse.Namespace) -> Rules:
    costs = None if chosen.holding_cost is None else Costs(chosen.holding_cost, chosen.shortage_cost)
    usual = chosen.lead_time + chosen.review + ONE_WEEK[chosen.freq]
    return Rules(
        timing=Timing(chosen.lead_time, chosen.review),
        costs=costs,
        service=chosen.service,
        cover_periods=chosen.cover_periods or usual,
        backorders=chosen.backorders,
        observe_demand=chosen.observe == "demand",
        retrain_every=RETRAIN_EVERY[chosen.freq] if chosen.retrain_every is None else chosen.retrain_every,
    )


def _steps(chosen: argparse.Namespace) -> int:
    """About how long it takes, in replayed periods."""
    every = RETRAIN_EVERY[chosen.freq] if chosen.retrain_every is None else chosen.retrain_every
    trainings = 1 + (max(0, chosen.periods - 1) // every if every else 0)
    replays = len(chosen.policies) * (9 if chosen.frontier == "on" else 1)
    return trainings * TRAINING_STEPS + replays * int(chosen.periods)


def _played(chosen: argparse.Namespace, contest: Contest, step: Step) -> tuple[Entry, ...]:
    entries = []
    for name in chosen.policies:
        step(name, 0)
        entries.append(contest.entry(name, frontier=chosen.frontier == "on"))
    return tuple(entries)


def _compared(entries: tuple[Entry, ...], reached: dict[str, Outcome]) -> dict[str, Compared]:
    ours, *others = entries
    return {entry.name: compared(ours.frontier, reached[entry.name]) for entry in others}


def _asked(chosen: argparse.Namespace, rules: Rules) -> dict[str, Any]:
    return {
        "sales": str(chosen.sales),
        "initial": None if chosen.initial is None else str(chosen.initial),
        "calendar": None if chosen.calendar is None else str(chosen.calendar),
        "start": chosen.start.isoformat(),
        "periods": chosen.periods,
        "freq": chosen.freq,
        "lead_time": chosen.lead_time,
        "review": chosen.review,
        "holding_cost": chosen.holding_cost,
        "shortage_cost": chosen.shortage_cost,
        "service": chosen.service,
        "backorders": chosen.backorders,
        "observe": chosen.observe,
        "retrain_every": rules.retrain_every,
    }


def _warnings(shop: Replayed, skipped: int) -> list[str]:
    """What somebody who trusts the figures should know."""
    hidden, silent = int(shop.shop.unknown.sum()), shop.silent
    said = {
        f"{skipped} rows could not be used and were left out": skipped,
        f"{shop.newcomers} products are first seen after START and do not take part": shop.newcomers,
        f"the sales end {silent} periods before the replay does: these count as periods without demand": silent,
        f"{hidden} product-periods of the replay were stock-outs: what was sold counts as the demand": hidden,
    }
    return [line for line, true in said.items() if true]


def _draw(chosen: argparse.Namespace, done: Backtested) -> None:
    (chosen.report / FRONTIER).unlink(missing_ok=True)
    if chosen.frontier == "on":
        draw_frontier(chosen.report / FRONTIER, done)
    draw_products(chosen.report / PRODUCTS, done)
