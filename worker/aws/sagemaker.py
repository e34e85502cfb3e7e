"""What does the model endpoint say, and when do we stop asking?

The format that the endpoint speaks is one of worker/aws/endpoints; requests are cut to the 6 MiB that InvokeEndpoint
takes, and a product that cannot be forecast is absent. After BREAKER_FAILURES failures in a row the breaker opens and
calls fail at once for BREAKER_OPEN_S, then one is let through to see. There are no retries here: the baseline answers
meanwhile, and the product is forecast anew at its next sale."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import structlog
from botocore.exceptions import ClientError

from domain.events import ProductKey
from domain.features import DailySeries, Ints
from domain.forecast import TotalDemand
from domain.product import product_label
from forecaster.formats import ItemFailed
from handlers.errors import TransientFailure
from handlers.ports import Clock
from worker.aws.clients import error_code, translated
from worker.aws.endpoints.calls import Refused, Round, TooLarge
from worker.aws.endpoints.form import BODY_BYTES_MAX, Asked, Form
from worker.aws.endpoints.restock import PRODUCTS_PER_CALL, RestockForm

log = structlog.get_logger()

DEADLINE_S = 62.0  # SageMaker answers within 60 s, be it with an error
ASKING_S = 90.0  # of one forecast, after which no further call begins
BREAKER_FAILURES = 3
BREAKER_OPEN_S = 15.0
NAMED_MAX = 5  # products in a line of the log
TOO_LARGE = 413
TOO_MANY = 429


class SageMakerForecaster:
    def __init__(self, client: Any, endpoint: str, clock: Clock, form: Form | None = None) -> None:
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._form = form or RestockForm()
        self._failures = 0
        self._closed_at = 0

    async def forecast(
        self, items: Sequence[ProductKey], series: DailySeries, cover_days: Ints
    ) -> dict[ProductKey, tuple[TotalDemand, ...]]:
        if self._clock.now() < self._closed_at:
            raise TransientFailure("the model endpoint's breaker is open")
        asking = self._round(Asked(tuple(map(product_label, items)), series, cover_days))
        await asking.ask(min(PRODUCTS_PER_CALL, self._form.products_a_call(cover_days)))
        found = asking.found
        if asking.failure is not None and (asking.cut_short or not found):
            self._failed()
            log.warning("forecast.cut_short", reason=str(asking.failure), asked=len(items), answered=len(found))
        else:
            self._failures = 0
        if asking.failure is not None and not found:
            raise asking.failure
        self._report(asking)
        return {items[row]: totals for row, totals in found.items() if not isinstance(totals, ItemFailed)}

    def _round(self, asked: Asked) -> Round:
        until = self._clock.now() + int(ASKING_S * 1000)
        return Round(self._form, asked, BODY_BYTES_MAX, self._invoke, lambda: self._clock.now() < until)

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= BREAKER_FAILURES:
            self._closed_at = self._clock.now() + int(BREAKER_OPEN_S * 1000)

    def _report(self, asking: Round) -> None:
        """A line a reason, and no more, when a whole call was refused."""
        failed = defaultdict(list)
        for row, answer in asking.answers.items():
            if isinstance(answer, ItemFailed):
                failed[answer.reason].append(asking.asked.items[row])
        for reason, products in failed.items():
            log.warning("forecast.items_failed", reason=reason, count=len(products), products=products[:NAMED_MAX])

    async def _invoke(self, body: bytes) -> bytes:
        with translated("InvokeEndpoint"):
            try:
                async with asyncio.timeout(DEADLINE_S):
                    answer = await self._client.invoke_endpoint(
                        EndpointName=self._endpoint,
                        ContentType=self._form.content_type,
                        Accept=self._form.accept,
                        Body=BytesIO(body),
                    )
                    async with answer["Body"] as stream:
                        read: bytes = await stream.read()
            except ClientError as exc:
                if (refusal := _refusal(exc)) is not None:
                    raise refusal from exc
                raise
        return read


def _refusal(exc: ClientError) -> Refused | None:
    """What a ModelError says about this one request; None if it is about the endpoint.

    A container that answered with 2xx and of which nothing arrived said too much (6 MiB)."""
    if error_code(exc) != "ModelError":
        return None
    said: Any = exc.response
    status = int(said.get("OriginalStatusCode") or 0)
    message = f"InvokeEndpoint: ModelError: {status} {said.get('OriginalMessage', '')}"
    if status == TOO_LARGE or 200 <= status < 300:
        return TooLarge(message)
    return Refused(message) if 400 <= status < 500 and status != TOO_MANY else None
