"""What happened in a run, or in many?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """counts add up; slowest_drain_s and most_in_flight are the largest seen. ratios per 1,000 are over all runs."""

    counts: Counter[str] = field(default_factory=Counter)
    virtual_s: float = 0.0
    slowest_drain_s: float = 0.0

    def add(self, other: Figures) -> None:
        self.counts.update(other.counts)
        self.virtual_s += other.virtual_s
        self.slowest_drain_s = max(self.slowest_drain_s, other.slowest_drain_s)

    @property
    def published_twice_per_1000(self) -> float:
        """Duplicate publications for every 1,000 orders."""
        return 1000 * self.counts["published_twice"] / max(1, self.counts["orders"])

    @property
    def redelivered_per_1000(self) -> float:
        """Redeliveries for every 1,000 messages that were sent."""
        return 1000 * self.counts["redeliveries"] / max(1, self.counts["sent"])

    @property
    def read_per_record(self) -> float:
        """How often a record of a stream was read."""
        return self.counts["read"] / max(1, self.counts["written"])

    @property
    def _of_streams(self) -> str:
        counts = self.counts
        return (
            f"{counts['streamed']} with a stream ({counts['shards']} shards, {counts['split']} splits, "
            f"{counts['roll']} rolls, {counts['merge']} merges, {counts['renew']} streams renewed, "
            f"{counts['written']} records read {self.read_per_record:.2f} times, "
            f"{counts['leases_taken']} leases taken, {counts['leases_stolen']} of them from another worker, "
            f"{counts['trims']} reads too late, {counts['alarms']} alarms), "
        )

    @property
    def _of_partitions(self) -> str:
        counts = self.counts
        return (
            f"{counts['parted']} with a queue in partitions ({counts['partitions_taken']} times one was taken, "
            f"{counts['partitions_stolen']} of them from another worker), "
        )

    def line(self, runs: str, violations: int) -> str:
        """The one line that is printed."""
        counts = self.counts
        streamed = self._of_streams if counts["streamed"] else ""
        parted = self._of_partitions if counts["parted"] else ""
        return (
            f"{runs}, {self.virtual_s / 3600:.1f} virtual hours, {counts['kills']} kills, {counts['deploys']} deploys, "
            f"{counts['freezes']} freezes, {counts['faults']} faults in {counts['calls']} calls, "
            f"{counts['deliveries']} deliveries, {counts['redeliveries']} redeliveries, {counts['counted']} events "
            f"counted, {streamed}{parted}{counts['orders']} orders, "
            f"{self.published_twice_per_1000:.1f} duplicate publishes per "
            f"1,000 orders, slowest drain {self.slowest_drain_s:.1f} s, {violations} violations"
        )
