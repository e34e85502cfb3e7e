"""What would make it cheaper still, and by how much?

Each lever is tried alone on the same question and the same counts; the answer names the setting that pulls it. What
it costs in time is said with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from worker.cost.model import Bill, bill
from worker.cost.rates import DAY_S, Asked, Rates, expected, within_budget
from worker.cost.takes import Takes
from worker.settings import MESSAGES_A_RECEIVE, Settings

MINUTES = (1, 5, 15, 60)
FEW_INSIGHTS = 2
PACKED = 100
WORTH_IT = 0.01  # of the total: less is not named

TakesOf = Callable[[float], Takes]


@dataclass(frozen=True, slots=True)
class Lever:
    """saved: dollars a month. how: what to set, and what it takes in return."""

    name: str
    how: str
    saved: float


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A bill and what it was made of. takes_of gives what things take in batches of some size."""

    asked: Asked
    settings: Settings
    rates: Rates
    takes_of: TakesOf
    bill: Bill


def levers(now: Reckoned) -> list[Lever]:
    """The dearest first; those that save next to nothing are left out."""
    found = [lever for lever in _all(now) if lever.saved > WORTH_IT * (now.bill.total + now.bill.apart)]
    return sorted(found, key=lambda lever: -lever.saved)


def _all(now: Reckoned) -> Iterator[Lever]:
    yield from _longer_batches(now)
    if not now.asked.provisioned:
        how = "tables with auto scaling at 70 %; bursts may be throttled, and are tried again"
        yield _lever(now, "provisioned capacity", how, provisioned=True)
    period_s = math.ceil(now.rates.batch_sales / (now.asked.events_per_day / DAY_S / now.asked.tasks))
    timeout_s = max(now.settings.visibility_timeout_s, min(VISIBILITY_MAX_S, 3 * period_s))
    how = f"RESTOCK_VISIBILITY_TIMEOUT_S={timeout_s}; what a dead worker held comes back no sooner"
    yield _set(now, "a longer visibility timeout", how, visibility_timeout_s=timeout_s)
    if now.settings.bedrock_model:
        yield _set(now, "fewer insights", f"RESTOCK_INSIGHTS_PER_HOUR={FEW_INSIGHTS}", insights_per_hour=FEW_INSIGHTS)
        yield _set(now, "a small model", "RESTOCK_BEDROCK_MODEL of the Nova Micro class", bedrock_model="nova-micro")
    if now.asked.sales_per_message < PACKED:
        how = f"{PACKED} sales a message: worker/producer.py packs them; a till that sends at once cannot"
        yield _lever(now, "packed messages", how, sales_per_message=PACKED, batch_sales=_at_least(now, PACKED))
    if not now.asked.arm:
        yield _lever(now, "tasks on ARM", "runtimePlatform ARM64, and an image for it", arm=True)


def _at_least(now: Reckoned, sales: float) -> float:
    return max(sales, now.rates.batch_sales)


def _longer_batches(now: Reckoned) -> Iterator[Lever]:
    for minutes in MINUTES:
        sales = now.asked.events_per_day / DAY_S / now.asked.tasks * 60 * minutes
        if sales > 2 * now.rates.batch_sales:
            how = f"{settings_for(sales, now.asked)}; a sale then waits up to {minutes} min before it counts"
            yield _lever(now, f"batches of {minutes} min", how, batch_sales=sales)


def settings_for(sales: float, asked: Asked) -> str:
    """The settings that make batches this large. The linger is such that a gap between two messages nearly never ends
    a batch early."""
    messages = sales / asked.sales_per_message
    a_second = asked.events_per_day / DAY_S / asked.tasks / asked.sales_per_message
    linger_s = math.ceil(math.log(10 * messages) / a_second)
    values = {
        "BATCH_SALES": min(BATCH_SALES_MAX, round(sales)),
        "BATCH_LINGER_S": min(linger_s, LINGER_MAX_S),
        "MESSAGES_IN_FLIGHT": min(IN_FLIGHT_MAX, round(messages) + 2 * MESSAGES_A_RECEIVE),
    }
    if values["MESSAGES_IN_FLIGHT"] <= Settings.model_fields["messages_in_flight"].default:
        del values["MESSAGES_IN_FLIGHT"]
    settings = " ".join(f"RESTOCK_{name}={value}" for name, value in values.items())
    if math.log(messages) / a_second > LINGER_MAX_S:
        # Half of the batches would end earlier, and more.
        settings += f"; messages come so rarely that it takes a linger of {linger_s} s, which may not be set"
    return settings


def _bound(setting: str) -> int:
    """The largest value that a setting may have."""
    return int(next(rule.le for rule in Settings.model_fields[setting].metadata if hasattr(rule, "le")))


BATCH_SALES_MAX = _bound("batch_sales")
LINGER_MAX_S = _bound("batch_linger_s")
IN_FLIGHT_MAX = _bound("messages_in_flight")
VISIBILITY_MAX_S = _bound("visibility_timeout_s")


def _set(now: Reckoned, name: str, how: str, **changed: Any) -> Lever:
    settings = now.settings.model_copy(update=changed)
    rates = replace(now.rates, questions=within_budget(now.rates.questions, now.asked, settings))
    cheaper = bill(now.asked, settings, rates, now.takes_of(rates.batch_sales))
    return Lever(name, how, _saved(now, cheaper))


def _lever(now: Reckoned, name: str, how: str, **changed: Any) -> Lever:
    asked = replace(now.asked, **changed)
    rates = expected(asked, now.settings) if "batch_sales" in changed else now.rates
    cheaper = bill(asked, now.settings, rates, now.takes_of(rates.batch_sales))
    return Lever(name, how, _saved(now, cheaper))


def _saved(now: Reckoned, cheaper: Bill) -> float:
    return now.bill.total + now.bill.apart - cheaper.total - cheaper.apart
