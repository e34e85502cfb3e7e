"""What does a backtest look like?

The frontier: stock against service, a line a policy. A few products over time: demand, restock's stock, its orders."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from domain.features import Ints
from worker.backtest.report import Backtested

mpl.use("Agg")

FRONTIER, PRODUCTS = "frontier.png", "products.png"
COLOURS = {
    "restock": "#0b6e4f",
    "worker": "#6c5b9e",
    "cover": "#c1666b",
    "normal": "#4a6fa5",
    "guide": "#8d8d8d",
    "vn2_benchmark": "#d4a017",
}
MARKS = {"restock": "o", "worker": "P", "cover": "s", "normal": "^", "guide": "X", "vn2_benchmark": "D"}
SHOWN = 6
DPI = 110


def draw_frontier(path: Path, done: Backtested) -> None:
    """A line a policy over its settings; the filled mark is the setting that was asked for."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    for entry in done.entries:
        colour, mark = COLOURS[entry.name], MARKS[entry.name]
        points = [point.figures for point in entry.frontier]
        if points:
            held, served = [p.average_on_hand for p in points], [100 * p.fill_rate for p in points]
            axes.plot(held, served, color=colour, marker=mark, markerfacecolor="white", label=entry.name)
        reached = done.reached[entry.name]
        label = None if points else entry.name
        axes.plot(
            reached.average_on_hand,
            100 * reached.fill_rate,
            mark,
            color=colour,
            markersize=9,
            linestyle="",
            label=label,
        )
    axes.set_xlabel("units on hand at the end of a period, all products")
    axes.set_ylabel("demand served from stock, %")
    axes.set_title("Stock against service: further up and to the left is better")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=DPI)


def draw_products(path: Path, done: Backtested) -> None:
    """The products of SHOWN sizes, from the largest down; restock's stock, what was missing, its arrivals."""
    shop, run = done.replayed.shop, done.entries[0].run
    rows = _chosen(shop.demand.sum(axis=1))
    figure = Figure(figsize=(11, 2.2 * ((len(rows) + 1) // 2) + 0.6), layout="constrained")
    for axes, row in zip(figure.subplots(-(-len(rows) // 2), 2, squeeze=False).ravel(), rows, strict=False):
        periods = np.arange(1, shop.periods + 1)
        axes.bar(periods, shop.demand[row], color="#b8c4d0", label="demand")
        axes.bar(periods, run.missing[row], color="#c1666b", label="of which missing")
        axes.step(periods, run.on_hand[row], where="mid", color=COLOURS["restock"], label="on hand at the end")
        due, arrived = arrivals(run.ordered[row], done.lead_time, shop.periods)
        axes.plot(due, arrived, "v", color="#333333", markersize=4, label="arrivals")
        axes.set_title(" at ".join(filter(None, done.replayed.past.products[row])), fontsize=9)
        axes.set_xlim(0.4, shop.periods + 0.6)
        axes.set_ylim(bottom=0)
    for axes in figure.axes[len(rows) :]:
        axes.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("restock: a few products, from the best seller down (periods of the replay)")
    figure.savefig(path, dpi=DPI)


def arrivals(ordered: Ints, lead_time: int, periods: int) -> tuple[Ints, Ints]:
    """The periods in which orders of one product (a column a decision, the first before period 1) arrive before the
    replay ends, and their units; none where the lead time is as long as the replay."""
    arrived = ordered[: max(0, periods - lead_time)]
    due = np.arange(1, len(arrived) + 1) + lead_time
    return due[arrived > 0], arrived[arrived > 0]


def _chosen(demand: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """Rows spread over the products that sold anything, the best seller first."""
    order = np.argsort(-demand, kind="stable")
    selling = max(1, int((demand > 0).sum()))
    places = np.unique(np.geomspace(1, selling, SHOWN).astype(int) - 1)
    return [int(order[place]) for place in places]
