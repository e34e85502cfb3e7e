"""What happened in a run?

Counts of all phases add up, and end in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.fleet import Fleet
from chaos.proxy import ChaosProxy
from chaos.schedule import KILLED, LOST, Fate
from chaos.shop import Shop

COMMIT = "TransactWriteItems"
OPERATIONS_SHOWN = 5
BEFORE = (Fate.CUT_BEFORE, Fate.KILLED_BEFORE)
AFTER = (Fate.CUT_AFTER, Fate.HALVED, Fate.KILLED_AFTER)


@dataclass(slots=True)
class Figures:
    """fates: (what became of a request, its operation) -> how often. drains_s: from SIGTERM to the exit."""

    counts: Counter[str] = field(default_factory=Counter)
    fates: Counter[tuple[Fate, str]] = field(default_factory=Counter)
    drains_s: list[float] = field(default_factory=list)

    def add(self, fleet: Fleet, proxies: Iterable[ChaosProxy], shop: Shop) -> None:
        self.counts.update(fleet.counts)
        self.drains_s += fleet.drains_s
        for proxy in proxies:
            self.fates.update(proxy.counts)
            self.counts["redelivered"] += proxy.redelivered
        orders = len({detail["reorder_id"] for detail in shop.published})
        repeated = sum(line.repeated for line in shop.lines)
        self.counts.update(
            {
                "messages": shop.messages,
                "sent": len(shop.lines) + len(shop.delivered) + shop.shipments_repeated,
                "duplicates": repeated + shop.shipments_repeated,
                "poison": sum(line.kind == "poison" for line in shop.lines),
                "rivals": sum(line.kind == "rival" for line in shop.lines),
                "orders": orders,
                "published twice": len(shop.published) - orders,
            }
        )

    def of(self, *fates: Fate, operation: str | None = None) -> int:
        """How many requests met one of these fates."""
        return sum(n for (fate, name), n in self.fates.items() if fate in fates and operation in (None, name))

    def untried(self) -> list[str]:
        """What a run must have met to say anything."""
        met = {
            "kill -9": self.counts["kill"],
            "SIGTERM": self.counts["stop"],
            "commit cut after its effect": self.of(*AFTER, operation=COMMIT),
            "commit cut before its effect": self.of(*BEFORE, operation=COMMIT),
            "redelivery": self.counts["redelivered"],
            "duplicate": self.counts["duplicates"],
            "order": self.counts["orders"],
        }
        return [f"nothing was tried: not one {name}" for name, times in met.items() if not times]

    def line(self, seed: int, phases: str, workers: int, server: str) -> str:
        """The one line that is printed."""
        counts, drains = self.counts, sorted(self.drains_s)
        after: Counter[str] = Counter()
        for (fate, operation), times in self.fates.items():
            if fate in AFTER:
                after[operation] += times
        most = ", ".join(f"{name} {times}" for name, times in after.most_common(OPERATIONS_SHOWN))
        return (
            f"seed {seed}, {phases}, {workers} workers, {server}: "
            f"{counts['kill']} kills, {self.of(*KILLED)} of them in the midst of a request, "
            f"{counts['stop']} SIGTERMs, {counts['freeze']} freezes, {counts['outage']} outages; "
            f"{sum(self.fates.values()):,} requests, {self.of(*BEFORE)} cut before and {self.of(*AFTER)} after "
            f"their effect ({most}), {self.of(*LOST)} never answered, {self.of(Fate.DELAYED)} delayed; "
            f"{counts['sent']:,} events sent in {counts['messages']:,} messages, {counts['duplicates']} duplicates, "
            f"{counts['poison']} poison lines, {counts['rivals']} reused ids; {counts['redelivered']} redeliveries, "
            f"{counts['dead letters']} dead letters redriven; {counts['orders']} orders, "
            f"{1000 * counts['published twice'] / max(1, counts['orders']):.1f} duplicate publishes per 1,000; "
            f"drain p50 {quantile(drains, 0.5):.1f} s, p99 {quantile(drains, 0.99):.1f} s, "
            f"max {quantile(drains, 1):.1f} s of {len(drains)}, {counts['ended hard']} past their deadline; "
            f"at rest {counts['rest ms'] / 1000:.0f} s after healing"
        )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of sorted values, 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
