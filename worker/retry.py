"""When is a failed call tried again?

The one retry layer: only TransientFailure (Overloaded is one), a bounded number of attempts, capped exponential
waits with full jitter. Only calls that may safely take effect twice come here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from handlers.errors import TransientFailure

log = structlog.get_logger()
T = TypeVar("T")

ATTEMPTS = 5
WAIT_MAX_S = 5.0


async def retrying(
    call: Callable[[], Awaitable[T]],
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Awaits call() until it succeeds; the last TransientFailure is raised as it is."""
    try:
        return await call()  # which nearly always succeeds, and then nothing else needs to be set up
    except TransientFailure as exc:
        first: list[TransientFailure] = [exc]

    async def again() -> T:
        if first:
            raise first.pop()
        return await call()

    return await AsyncRetrying(
        retry=retry_if_exception_type(TransientFailure),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.1, max=WAIT_MAX_S),
        before_sleep=_told,
        sleep=sleep,
        reraise=True,
    )(again)


def _told(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome is not None else None
    log.info("call.retried", attempt=state.attempt_number, reason=str(failure))
