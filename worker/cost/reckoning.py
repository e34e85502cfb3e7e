"""Which counts and which rates does a price come from?

From the user's own run if there is one: as often as it counted, and what it counted for each. Otherwise from the runs
that are shipped: what things take from the one that is nearest in the size of its batches, how often they happen from
the settings. What a run of the user's does not show, orders or insights, is taken from the shipped one too."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from worker.cost.guide import guide_bills
from worker.cost.levers import Reckoned, levers
from worker.cost.measured import Run, nearest
from worker.cost.model import Bill, bill
from worker.cost.prices import AS_OF, PRICES, REGION
from worker.cost.rates import DAY_S, Asked, counted, expected
from worker.cost.takes import Takes, takes
from worker.cost.usage import Usage
from worker.settings import Settings

ORDERS = "orders"


def reckon(asked: Asked, settings: Settings, runs: dict[str, Run], own: Usage | None) -> Reckoned:
    """The bill for what is asked, and what it was made of."""
    orders = runs[ORDERS].usage
    rates = expected(asked, settings) if own is None else counted(asked, settings, own)

    def takes_of(batch_sales: float) -> Takes:
        if own is not None:
            shows = own.items["order"] and own.calls["bedrock-runtime.Converse"]
            return takes(own, own if shows else orders, settings)
        return takes(nearest(runs, batch_sales, asked.products).usage, orders, Settings.model_construct())

    return Reckoned(asked, settings, rates, takes_of, bill(asked, settings, rates, takes_of(rates.batch_sales)))


def basis(now: Reckoned, runs: dict[str, Run], own: str | None) -> str:
    """One line on where the counts come from."""
    if own is not None:
        return f"counts of the run {own}"
    run = nearest(runs, now.rates.batch_sales, now.asked.products)
    return f"counts of {run.on} over an emulator, by AWS's rules: {run.command}"


def figures(now: Reckoned, said: str) -> dict[str, Any]:
    """Everything, for scripts."""
    guide = guide_bills(now.asked)
    rates, took = asdict(now.rates), now.takes_of(now.rates.batch_sales)
    return {
        "asked": asdict(now.asked),
        "prices": f"list prices of {REGION} as noted {AS_OF}: check before relying on them",
        "counts": said,
        "a_day": {**rates, "batch_sales": now.rates.batch_sales, "cpu_share": cpu_share(now)},
        "takes": asdict(took),
        "bills": [_bill_figures(each) for each in (now.bill, *guide)],
        "guide_over_restock": [round(each.per_million / now.bill.per_million, 1) for each in guide],
        "levers": [asdict(lever) for lever in levers(now)],
        "price_list": {name: price._asdict() for name, price in PRICES.items()},
    }


def cpu_share(now: Reckoned) -> float:
    """How much of the tasks' processors the sales of a day take, if those are as fast as the machine that counted."""
    seconds = now.takes_of(now.rates.batch_sales).cpu_s_a_sale * now.rates.sales
    return seconds / (DAY_S * now.asked.tasks * now.asked.task_vcpu)


def _bill_figures(each: Bill) -> dict[str, Any]:
    return {
        "name": each.name,
        "dollars_a_month": round(each.total, 4),
        "dollars_a_month_apart": round(each.apart, 4),
        "dollars_per_million_sales": round(each.per_million, 4),
        "dollars_per_million_sales_with_apart": round(each.per_million_with_all, 4),
        "lines": [asdict(line) for line in each.lines],
    }
