"""How is a bill told to a person?

Three columns side by side, a line a service; below them what the dearest parts are, and what would make it cheaper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worker.cost.guide import guide_bills
from worker.cost.levers import Lever, Reckoned, levers
from worker.cost.model import Bill
from worker.cost.prices import AS_OF, REGION
from worker.cost.reckoning import cpu_share

WIDTH = 28
COLUMN = 16
PARTS_SHOWN = 8
LEVERS_SHOWN = 6
BUSY = 0.5


def told(now: Reckoned, said: str) -> str:
    """The whole answer."""
    bills = [now.bill, *guide_bills(now.asked)]
    lines = [
        *_heading(now, said),
        "",
        *_table(bills),
        "",
        *_parts(now.bill),
        "",
        *_levers(levers(now)),
        *_warnings(now),
    ]
    return "\n".join(lines) + "\n"


def _heading(now: Reckoned, said: str) -> Iterator[str]:
    asked, rates = now.asked, now.rates
    yield f"Restock on AWS: {asked.events_per_day:,} sales a day of {asked.products:,} products"
    yield f"list prices of {REGION} as noted {AS_OF}: check before relying on them"
    yield said
    yield (
        f"a batch of {rates.batch_sales:,.0f} sales commits {rates.commits / rates.batches:,.0f} products; "
        f"{rates.decisions / rates.sales:.2f} decisions a sale, {rates.orders:,.0f} orders and "
        f"{rates.insights:,.0f} insights a day, {rates.questions:,.0f} of them asked for"
    )


def _table(bills: Sequence[Bill]) -> Iterator[str]:
    services = dict.fromkeys(line.service for bill in bills for line in bill.lines if not line.apart)
    apart = dict.fromkeys(line.service for bill in bills for line in bill.lines if line.apart)
    yield _row("dollars a month", ["Restock", "guide, Sonnet", "guide, small"])
    yield "-" * (WIDTH + 3 * COLUMN)
    for service in services:
        yield _money(service, [bill.of(service) for bill in bills])
    yield _money("in all", [bill.total for bill in bills])
    yield _money("a million sales", [bill.per_million for bill in bills])
    yield _row("", ["", *(f"x {bill.per_million / bills[0].per_million:,.0f}" for bill in bills[1:])])
    yield "apart:"
    for service in apart:
        yield _money(f"  {service}", [bill.of(service) for bill in bills])
    yield _money("a million sales with these", [bill.per_million_with_all for bill in bills])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{WIDTH}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)


def _money(name: str, values: Sequence[float]) -> str:
    return _row(name, [f"{value:,.2f}" if value else "-" for value in values])


def _parts(bill: Bill) -> Iterator[str]:
    yield "what Restock's consists of"
    dearest = sorted(bill.lines, key=lambda line: -line.dollars)
    for line in dearest[:PARTS_SHOWN]:
        quantity = f"{line.quantity:,.0f} {line.unit}" if line.quantity >= 10 else f"{line.quantity:.2f} {line.unit}"
        yield f"  {line.dollars:>9,.2f}  {line.service}: {line.what} ({quantity})"


def _levers(found: Sequence[Lever]) -> Iterator[str]:
    yield "what would lower it, each alone" if found else "no lever known here would lower it by a hundredth"
    for lever in found[:LEVERS_SHOWN]:
        yield f"  {-lever.saved:>9,.2f}  {lever.name}: {lever.how}"


def _warnings(now: Reckoned) -> Iterator[str]:
    asked, settings = now.asked, now.settings
    if asked.tasks > 1 and settings.queue_partitions < asked.tasks:
        yield "counted with one task: several that share a queue race for products, which costs more. Part the queue."
    if (share := cpu_share(now)) > BUSY:
        yield f"{share:.0%} of the tasks' processors would be busy in the mean: more tasks are needed."
    if settings.stream_table and not now.takes_of(now.rates.batch_sales).stream_reads_a_sale:
        yield "a stream is read too, and not in this bill: give --measured of a run with --source stream."
