"""What does the forecaster make of a round of calls of which some failed, and when does it stop calling?"""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from botocore.exceptions import ClientError
from fakes.clock import FakeClock

from domain.events import ProductKey
from domain.features import DailySeries
from handlers.errors import TransientFailure
from worker.aws.endpoints.guide import GuideForm
from worker.aws.sagemaker import ASKING_S, BREAKER_FAILURES, SageMakerForecaster


class Body(io.BytesIO):
    async def __aenter__(self) -> Body:
        return self

    async def __aexit__(self, *_) -> None:
        return None

    async def read(self):
        return super().read()


class Client:
    """sagemaker-runtime in front of a guide's endpoint. errors: by product, what a call for it meets."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.errors = {}
        self.calls = []
        self.call_s = 0.0

    async def invoke_endpoint(self, **said):
        product = json.loads(said["Body"].read())["features"][0]["product_id"]
        self.calls.append(product)
        self.clock.advance(self.call_s)
        if product in self.errors:
            status = self.errors[product]
            answer = {"Error": {"Code": "ModelError", "Message": "planned"}, "OriginalStatusCode": status}
            raise ClientError({**answer, "ResponseMetadata": {"HTTPStatusCode": 424}}, "InvokeEndpoint")
        return {"Body": Body(json.dumps({"forecast": 64.0, "confidence_interval": 90}).encode())}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(clock):
    return Client(clock)


@pytest.fixture
def forecast(client, clock):
    forecaster = SageMakerForecaster(client, "endpoint", clock, GuideForm(64, 0.2))

    async def ask(n=40):
        none = np.full(n, np.nan)
        series = DailySeries(19_729, np.ones((n, 56), dtype=np.int64), none, none, np.zeros(n), ((),) * n)
        keys = [ProductKey(f"p{row:02}") for row in range(n)]
        return await forecaster.forecast(keys, series, np.tile(np.array([[1, 28]]), (n, 1)))

    return ask


async def test_a_product_that_is_refused_leaves_the_others_and_the_breaker_alone(forecast, client):
    client.errors = {"p07": 400, "p30": 422}
    for _ in range(2 * BREAKER_FAILURES):
        assert len(await forecast()) == 38


async def test_what_was_answered_before_the_endpoint_broke_is_kept_and_the_breaker_counts(forecast, client):
    client.errors = {"p20": 503}
    for _ in range(BREAKER_FAILURES):
        said = await forecast()
        assert 20 <= len(said) < 40
        assert ProductKey("p20") not in said
    with pytest.raises(TransientFailure, match="breaker is open"):
        await forecast()


async def test_too_many_requests_is_no_fault_of_the_product(forecast, client):
    client.errors = {"p05": 429}
    said = await forecast()
    assert 5 <= len(said) < 20
    assert len(client.calls) < 20


async def test_when_nothing_was_answered_the_first_failure_is_raised(forecast, client):
    client.errors = {f"p{n:02}": 400 for n in range(40)}
    with pytest.raises(TransientFailure, match="ModelError: 400"):
        await forecast()


async def test_a_slow_endpoint_is_not_asked_for_ever(forecast, client):
    client.call_s = ASKING_S / 10
    said = await forecast()
    assert 8 <= len(said) <= 20
    assert len(client.calls) == len(said)
