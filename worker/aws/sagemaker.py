"""What does the model endpoint say, and when do we stop asking?

Requests are cut to the 6 MiB that InvokeEndpoint takes. After BREAKER_FAILURES failures in a row the breaker opens
and calls fail at once for BREAKER_OPEN_S, then one is let through to see. There are no retries here: the baseline
answers meanwhile, and the product is forecast anew at its next sale."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import structlog

from domain.events import ProductKey
from domain.features import DailySeries, Ints
from domain.forecast import TotalDemand
from domain.product import product_label
from forecaster.formats import (
    CONTENT_TYPE,
    ItemFailed,
    MalformedPayload,
    decode_response,
    encode_request,
    request_of,
)
from handlers.errors import TransientFailure
from handlers.ports import Clock
from worker.aws.clients import translated

log = structlog.get_logger()

BODY_BYTES_MAX = 6 * 1024 * 1024
PRODUCTS_PER_CALL = 2_000
DEADLINE_S = 62.0  # SageMaker answers within 60 s, be it with an error
BREAKER_FAILURES = 3
BREAKER_OPEN_S = 15.0


class SageMakerForecaster:
    def __init__(self, client: Any, endpoint: str, clock: Clock) -> None:
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._failures = 0
        self._closed_at = 0

    async def forecast(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        if self._clock.now() < self._closed_at:
            raise TransientFailure("the model endpoint's breaker is open")
        try:
            found = await self._in_parts(items, series, cover_days)
        except TransientFailure:
            self._failures += 1
            if self._failures >= BREAKER_FAILURES:
                self._closed_at = self._clock.now() + int(BREAKER_OPEN_S * 1000)
            raise
        self._failures = 0
        return found

    async def _in_parts(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        found: dict[ProductKey, tuple[TotalDemand, ...]] = {}
        for at in range(0, len(items), PRODUCTS_PER_CALL):
            rows = list(range(at, min(len(items), at + PRODUCTS_PER_CALL)))
            found.update(await self._halving([items[r] for r in rows], series.take(rows), cover_days[rows]))
        return found

    async def _halving(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        body = encode_request(request_of([product_label(key) for key in items], series, cover_days))
        if len(body) <= BODY_BYTES_MAX or len(items) == 1:
            return self._read(items, cover_days, await self._invoke(body))
        middle = len(items) // 2
        first, second = list(range(middle)), list(range(middle, len(items)))
        halves = [
            await self._halving([items[r] for r in rows], series.take(rows), cover_days[rows])
            for rows in (first, second)
        ]
        return halves[0] | halves[1]

    async def _invoke(self, body: bytes) -> bytes:
        with translated("InvokeEndpoint"):
            async with asyncio.timeout(DEADLINE_S):
                answer = await self._client.invoke_endpoint(
                    EndpointName=self._endpoint,
                    ContentType=CONTENT_TYPE,
                    Accept=CONTENT_TYPE,
                    Body=BytesIO(body),
                )
                async with answer["Body"] as stream:
                    read: bytes = await stream.read()
        return read

    def _read(
        self, items: Sequence[ProductKey], cover_days: Ints, body: bytes
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        try:
            answers = decode_response(body)
        except MalformedPayload as exc:
            raise TransientFailure(str(exc)) from exc
        found: dict[ProductKey, tuple[TotalDemand, ...]] = {}
        for key, asked in zip(items, cover_days.tolist(), strict=True):
            answer = answers.get(product_label(key), ItemFailed("absent from the answer"))
            if not isinstance(answer, ItemFailed) and [total.cover_days for total in answer] != asked:
                answer = ItemFailed("the totals do not cover the days asked for")
            if isinstance(answer, ItemFailed):
                log.warning("forecast.item_failed", product=product_label(key), reason=answer.reason)
            else:
                found[key] = answer
        return found
