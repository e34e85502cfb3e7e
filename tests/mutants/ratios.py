"""What gives a mistake away that breaks no guarantee?

Everything still comes out right, only twice, late or dearly. So the same seeds are run with and without the bug, and
one figure of the two is compared: steady seeds without deaths, which hide it, or deployed ones with orderly stops and
no fault. Each run is deterministic; but another schedule draws other faults, and that alone moves redeliveries by a
quarter and repeated publications by a third over twenty seeds, so each factor is well above that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulation.figures import Figures


@dataclass(frozen=True, slots=True)
class Ratio:
    """Caught if the figure over these seeds ("steady" or "deployed") is factor times the sound tree's, and at least
    `least` in itself."""

    said: str
    seeds: str
    of: Callable[[Figures], float]
    factor: float
    least: float

    def told(self, mutant: Figures, sound: Figures) -> tuple[bool, str]:
        """Whether the figure gives the mutant away, and how it reads."""
        here, there = self.of(mutant), self.of(sound)
        times = f" (×{here / there:.1f})" if there else ""
        return here >= self.factor * there and here >= self.least, f"{self.said} {there:,.1f} → {here:,.1f}{times}"


def _per_1000(of: str, *names: str) -> Callable[[Figures], float]:
    """How many of these for every 1,000 of those."""
    return lambda figures: 1000 * sum(figures.counts[name] for name in names) / max(1, figures.counts[of])


QUEUE_CALLS = ("receive_message", "delete_message_batch", "change_message_visibility_batch")

RATIOS = {
    # A publication is repeated only if the answer to it, or to forgetting it, is lost.
    "published_twice": Ratio(
        "duplicate publishes per 1,000 orders", "steady", lambda figures: figures.published_twice_per_1000, 2, 100
    ),
    # An orderly stop settles what it has received: without faults nothing ever comes again.
    "redelivered": Ratio(
        "redeliveries per 1,000 messages", "deployed", lambda figures: figures.redelivered_per_1000, 1.5, 20
    ),
    # A message that is received again and again although all is well with it; rare, so that the factor is high.
    "dead_letters": Ratio("dead letters per 1,000 messages", "steady", _per_1000("sent", "dead_letters"), 5, 5),
    # Polls, deletions and heartbeats follow the clock and the messages; a schedule hardly moves them.
    "queue_calls": Ratio("queue calls per 1,000 messages", "steady", _per_1000("sent", *QUEUE_CALLS), 1.5, 1_000),
    # Once each has its share, a lease changes hands only with its shard's generation.
    "leases_taken": Ratio("leases taken per 1,000 shards", "steady", _per_1000("shards", "leases_taken"), 2, 1_000),
    # One call a product and day, and one more whenever the endpoint was away.
    "model_calls": Ratio("model calls per 1,000 events", "steady", _per_1000("counted", "invoke_endpoint"), 1.3, 100),
}
