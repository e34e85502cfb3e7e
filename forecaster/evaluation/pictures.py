"""What does a forecast look like beside what came, and who did better?

Two pictures: a few products from the best seller to the slow ones, with ours and its interval; and the accuracy of
every model, with the coverage that its intervals promised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from domain.events import ProductKey
from domain.features import Floats, Ints
from forecaster.evaluation.contest import Answered
from forecaster.evaluation.metrics import Score
from forecaster.evaluation.shop import Question

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRODUCTS, ACCURACY = "products.png", "accuracy.png"
RANKS = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75)  # of the series by what they sold, the best seller first
OURS, OTHERS, DARK, LIGHT, PROMISED = "#2563eb", "#94a3b8", "#0f172a", "#e2e8f0", "#b45309"
BAR_DAYS = {"D": 1, "W": 7, "M": 30}
WORDS = {"D": "days", "W": "weeks", "M": "months"}
ERRORS = {
    "wrmsse": "WRMSSE",
    "mean_wql": "mean weighted quantile loss",
    "wape_total": "WAPE of the whole horizon's total",
}
COVERAGES = {
    "pit_coverage_80": ("in the 80 % interval of a period", 0.80),
    "coverage_total_90": ("total at or under its 90 % quantile", 0.90),
    "coverage_total_95": ("total at or under its 95 % quantile", 0.95),
}
DPI = 110


def draw_products(path: Path, question: Question, name: str, said: Answered, levels: Sequence[float]) -> None:
    """A panel a series: the newest of its past, the forecast, and what came where it is known."""
    figure = _figure(11.5, 7.2)
    chosen = _chosen(question)
    for place, row in enumerate(chosen.tolist()):
        _draw_series(figure.add_subplot(2, 3, place + 1), question, said, row, levels)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
    first = question.shop.periods.dates(np.array([question.cutoff]))[0]
    words = f"{question.horizon} {WORDS[question.shop.periods.freq]}"
    figure.suptitle(f"{name}: {words} from {first}, from the best seller to slow ones", x=0.02, ha="left")
    figure.tight_layout(rect=(0, 0.05, 1, 0.98))
    figure.savefig(path, dpi=DPI)


def _chosen(question: Question) -> Ints:
    sold = question.past.sum(axis=1).argsort(kind="stable")[::-1]
    places = {min(int(rank * len(sold)), len(sold) - 1) for rank in RANKS}
    return np.asarray(sold[sorted(places)], dtype=np.int64)


def _draw_series(axes: Axes, question: Question, said: Answered, row: int, levels: Sequence[float]) -> None:
    periods, cutoff, horizon = question.shop.periods, question.cutoff, question.horizon
    shown = min(int(question.ages[row]), question.past.shape[1], max(60, 2 * horizon))
    before = periods.dates(np.arange(cutoff - shown, cutoff))
    ahead = periods.dates(np.arange(cutoff, cutoff + horizon))
    past, came = question.past[row, question.past.shape[1] - shown :], question.future()[row]
    mean, low, high = said.answer.steps.mean[row], said.quantiles[row, :, 0], said.quantiles[row, :, -1]
    top = _top(np.concatenate([past, came]), max(mean.max(), high.max()))
    width = 0.8 * BAR_DAYS[periods.freq]
    axes.bar(before, np.minimum(past, top), width=width, color=OTHERS, label="sold before")
    if not np.isnan(came).all():
        axes.bar(ahead, np.minimum(came, top), width=width, color=DARK, label="sold then")
    if len(levels) > 1:
        label = f"{levels[0]:g} to {levels[-1]:g} quantile"
        axes.fill_between(ahead, low, high, step="mid", color=OURS, alpha=0.25, lw=0, label=label)
    axes.plot(ahead, mean, color=OURS, lw=1.6, label="mean forecast")
    dates, sold = np.concatenate([before, ahead]), np.concatenate([past, came])
    for place, at in enumerate(np.flatnonzero(sold > top)):
        # Neighbours stand at two heights, or their figures would lie on each other.
        text, spot, lift = f"{sold[at]:,.0f} ↑", (dates[at], top), (0, 1 + 7 * (place % 2))
        axes.annotate(text, spot, lift, textcoords="offset points", ha="center", fontsize=7, color=DARK)
    axes.set_ylim(0, 1.12 * top)
    axes.set_title(_named(question.keys[row]), fontsize=10, loc="left")
    _dated(axes)
    _plain(axes)


def _top(sold: Floats, forecast: float) -> float:
    """Where the axis ends: a few huge orders would flatten everything else, so they are cut off and named."""
    some = sold[sold > 0]
    if not len(some):
        return max(forecast, 1.0)
    usual = 1.5 * float(np.quantile(some, 0.95))
    return max(min(float(some.max()), usual), forecast, 1.0)


def _dated(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _named(key: ProductKey) -> str:
    return key.product_id if key.location_id is None else f"{key.product_id}, {key.location_id}"


def draw_accuracy(path: Path, figures: dict[str, dict[str, Score]], origins: int) -> None:
    """Bars of three errors, and of the coverages how far they lie from what was promised."""
    figure = _figure(11.5, 2.2 + 0.62 * len(figures))
    axes: Axes | None = None
    for place, (metric, title) in enumerate(ERRORS.items()):
        axes = figure.add_subplot(2, 3, place + 1, sharey=axes)
        _draw_errors(axes, figures, metric, title)
        axes.tick_params(labelleft=place == 0)
    axes = None
    for place, (metric, (title, promised)) in enumerate(COVERAGES.items()):
        axes = figure.add_subplot(2, 3, place + 4, sharey=axes)
        _draw_coverage(axes, figures, metric, title, promised)
        axes.tick_params(labelleft=place == 0)
    mean = "" if origins == 1 else f", mean of {origins} origins"
    figure.suptitle(
        f"Errors (less is better) and coverage (dashed: what was promised) by model{mean}", x=0.02, ha="left"
    )
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(path, dpi=DPI)


def _draw_errors(axes: Axes, figures: dict[str, dict[str, Score]], metric: str, title: str) -> None:
    names = list(figures)[::-1]
    values = [figures[name][metric] for name in names]
    colours = [_colour(name) for name in names]
    bars = axes.barh(range(len(names)), [value or 0.0 for value in values], color=colours, height=0.65)
    axes.bar_label(
        bars, labels=["none" if value is None else f"{value:.3f}" for value in values], padding=3, fontsize=8
    )
    axes.set_yticks(range(len(names)), names)
    axes.margins(x=0.18)
    axes.locator_params(axis="x", nbins=5)
    axes.set_title(title, fontsize=9, loc="left")
    _plain(axes)


def _draw_coverage(axes: Axes, figures: dict[str, dict[str, Score]], metric: str, title: str, promised: float) -> None:
    names = list(figures)[::-1]
    axes.axvline(promised, color=PROMISED, lw=1.2, ls="--")
    for place, name in enumerate(names):
        value = figures[name][metric]
        if value is not None:
            axes.plot([promised, value], [place, place], color=_colour(name), lw=1.5)
            axes.plot(value, place, "o", color=_colour(name), ms=6)
            axes.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.5, len(names) - 0.2)
    axes.margins(x=0.15)
    axes.locator_params(axis="x", nbins=5)
    axes.set_title(title, fontsize=9, loc="left")
    _plain(axes)


def _colour(name: str) -> str:
    return OURS if name == "restock" else OTHERS


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _figure(width: float, height: float) -> Figure:
    # A figure of its own: pyplot would keep a list of them, and look for a screen.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))
