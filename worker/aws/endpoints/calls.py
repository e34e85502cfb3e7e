"""How are many products asked for in calls that an endpoint takes, and what if it does not take one?

What is too large is asked for in halves; so is what the container refuses, until the product it will not have is by
itself: that one has no forecast, the others do. Halving has a budget, and so has asking: after REFUSALS_MAX calls in a
row without an answer, after a failure of the service itself, or when the time is up, the products that are left go
without. Only when nothing at all was answered is that a failure of the whole."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from forecaster.formats import ItemFailed, MalformedPayload
from handlers.errors import TransientFailure
from worker.aws.endpoints.form import Answer, Asked, Form

log = structlog.get_logger()

HALVINGS_MAX = 16  # 11 find one product among 2,000
REFUSALS_MAX = 3


class Refused(TransientFailure):
    """The container will not have this request; another one it may."""


class TooLarge(Refused):
    """The request or its answer is larger than may pass."""


@dataclass(slots=True)
class Round:
    """All calls for one set of products. invoke sends a body and returns the answer's; in_time says whether another
    call may begin."""

    form: Form
    asked: Asked
    body_bytes_max: int
    invoke: Callable[[bytes], Awaitable[bytes]]
    in_time: Callable[[], bool]
    answers: dict[int, Answer] = field(default_factory=dict)
    failure: TransientFailure | None = None
    _waiting: deque[list[int]] = field(default_factory=deque)
    _halvings: int = 0
    _refusals: int = 0
    _over: bool = False

    async def ask(self, products_a_call: int) -> None:
        """Fills answers by row of asked, and failure with the first one there was. Whatever is no TransientFailure
        is raised."""
        rows = range(len(self.asked))
        self._waiting.extend(list(rows[at : at + products_a_call]) for at in rows[::products_a_call])
        callers = [self._call_while_there_is_work() for _ in range(min(self.form.calls_at_once, len(self._waiting)))]
        if len(callers) == 1:
            await callers[0]
        else:
            await _all(callers)

    async def _call_while_there_is_work(self) -> None:
        while self._waiting and not self._over:
            if not self.in_time():
                self._fail(TransientFailure("the time for asking is up"), over=True)
                return
            await self._call(self._waiting.popleft())

    async def _call(self, rows: list[int]) -> None:
        part = self.asked.take(rows)
        body = self.form.encode(part)
        if len(body) > self.body_bytes_max and len(rows) > 1:
            self._halve(rows)
            return
        try:
            said = self.form.decode(part, await self.invoke(body))
        except Refused as exc:
            self._refused(rows, exc)
        except MalformedPayload as exc:
            self._without(rows, TransientFailure(str(exc)))
        except TransientFailure as exc:
            self._fail(exc, over=True)
        else:
            self._refusals = 0
            self.answers.update(zip(rows, said, strict=True))

    def _refused(self, rows: list[int], exc: Refused) -> None:
        if len(rows) > 1 and self._halvings < HALVINGS_MAX:
            self._halvings += 1
            self._halve(rows)
        else:
            self._without(rows, exc)

    def _halve(self, rows: list[int]) -> None:
        middle = len(rows) // 2
        self._waiting.extendleft((rows[middle:], rows[:middle]))

    def _without(self, rows: list[int], exc: TransientFailure) -> None:
        """These products have no answer; the others may."""
        self.answers.update((row, ItemFailed(str(exc))) for row in rows)
        self._refusals += 1
        self._fail(exc, over=self._refusals >= REFUSALS_MAX)

    def _fail(self, exc: TransientFailure, *, over: bool) -> None:
        self.failure = self.failure or exc
        self._over = self._over or over

    @property
    def found(self) -> dict[int, Answer]:
        """The answers that are forecasts, by row."""
        return {row: answer for row, answer in self.answers.items() if not isinstance(answer, ItemFailed)}

    @property
    def cut_short(self) -> bool:
        """Whether products were left that nobody asked for any more."""
        return self._over


async def _all(callers: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs them side by side; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for caller in callers:
                group.create_task(caller)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
