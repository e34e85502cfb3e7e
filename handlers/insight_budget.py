"""May we ask the model of words once more in this hour?

Calls and tokens are bounded together, over any hour that ends now. Each call is counted before it is made, a second
attempt as well, with the most that it may cost; what it did cost takes the place of that afterwards, so that no failure
is free that was billed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from handlers.errors import TransientFailure

HOUR_MS = 3_600_000


@dataclass(slots=True)
class Grant:
    """One call that may be made, and the tokens it counts for."""

    at: int
    tokens: int


class Budget:
    def __init__(self, calls_per_hour: int, tokens_per_hour: int) -> None:
        self._calls = calls_per_hour
        self._tokens = tokens_per_hour
        self._grants: deque[Grant] = deque()

    def take(self, now: int, tokens: int) -> Grant | None:
        """A call of at most so many tokens, if it is within the budget; now in ms."""
        while self._grants and self._grants[0].at <= now - HOUR_MS:
            self._grants.popleft()
        if len(self._grants) >= self._calls or self.spent + tokens > self._tokens:
            return None
        grant = Grant(now, tokens)
        self._grants.append(grant)
        return grant

    @property
    def spent(self) -> int:
        """Tokens that count against the hour of the last call."""
        return sum(grant.tokens for grant in self._grants)


class BudgetSpent(TransientFailure):
    """Nothing more may be asked in this hour."""


@dataclass(slots=True)
class Calls:
    """The calls that one question takes, of at most so many tokens each; now in ms. Whoever asks calls it before every
    attempt."""

    budget: Budget
    now: int
    tokens: int
    granted: list[Grant] = field(default_factory=list)

    def __call__(self) -> None:
        """BudgetSpent if no further call is within the budget."""
        grant = self.budget.take(self.now, self.tokens)
        if grant is None:
            raise BudgetSpent("the budget of this hour is spent")
        self.granted.append(grant)

    def cost(self, tokens: int) -> None:
        """What the last call came to."""
        if self.granted:
            self.granted[-1].tokens = tokens
