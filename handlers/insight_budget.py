"""May we ask the model of words once more in this hour?

Calls and tokens are bounded together: this worker's over any hour that ends now, all workers' by the hour of the clock.
Each call is counted before it is made, a second attempt as well, with the most that it may cost; what it did cost takes
the place of that afterwards, so that no failure is free that was billed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import structlog

from handlers.errors import TransientFailure
from handlers.insight_ports import InsightLedger

log = structlog.get_logger()

HOUR_MS = 3_600_000


@dataclass(slots=True, eq=False)
class Grant:
    """One call that may be made, and the tokens it counts for; another one of as many tokens is another one."""

    at: int
    tokens: int


class Budget:
    """ledger: where all workers count together; without one each has the budget for itself."""

    def __init__(self, calls_per_hour: int, tokens_per_hour: int, ledger: InsightLedger | None = None) -> None:
        self._calls = calls_per_hour
        self._tokens = tokens_per_hour
        self._ledger = ledger
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

    async def shared(self, grant: Grant) -> bool:
        """Whether all workers together may make this call as well; TransientFailure if nobody can tell."""
        if self._ledger is None:
            return True
        hour = grant.at // HOUR_MS
        if await self._ledger.take(hour, grant.tokens, self._calls, self._tokens):
            return True
        self._grants.remove(grant)
        return False

    async def correct(self, at: int, tokens: int) -> None:
        """Tells the other workers that calls of that time came to so many tokens more than was thought, or less."""
        if self._ledger is not None and tokens:
            await self._ledger.correct(at // HOUR_MS, tokens)

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

    async def __call__(self) -> None:
        """BudgetSpent if no further call is within the budget, or nobody can tell."""
        grant = self.budget.take(self.now, self.tokens)
        try:
            if grant is None or not await self.budget.shared(grant):
                raise BudgetSpent("the budget of this hour is spent")
        except TransientFailure as exc:
            raise BudgetSpent(str(exc)) from exc
        self.granted.append(grant)

    async def settle(self) -> None:
        """Tells the other workers what the calls came to. What cannot be told counts as it was thought."""
        try:
            await self.budget.correct(self.now, sum(grant.tokens - self.tokens for grant in self.granted))
        except TransientFailure as exc:
            log.info("insights.budget_not_corrected", reason=str(exc))

    def cost(self, tokens: int) -> None:
        """What the last call came to."""
        if self.granted:
            self.granted[-1].tokens = tokens
