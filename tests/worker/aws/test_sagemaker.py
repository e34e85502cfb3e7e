"""What becomes of the answers of a model endpoint, good and bad, and when it is no longer asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.clock import TODAY, FakeClock
from fakes.examples import A, B, C, state_after

from domain.events import ProductKey
from domain.features import series_of
from forecaster.formats import decode_request
from handlers.errors import Misconfigured, TransientFailure
from worker.aws import sagemaker
from worker.aws.sagemaker import BODY_BYTES_MAX, BREAKER_FAILURES, BREAKER_OPEN_S, SageMakerForecaster

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Model:
    """An /invocations that says what it is told to say."""

    def __init__(self) -> None:
        self.requests = []
        self.bytes = []
        self.answer = predictions
        self.status = 200

    async def invoke(self, request):
        body = await request.read()
        self.bytes.append(len(body))
        self.requests.append(decode_request(body))
        said = self.answer(self.requests[-1])
        return web.Response(
            body=said if isinstance(said, bytes) else json.dumps(said).encode(),
            status=self.status,
            content_type="application/json",
        )


def prediction(item, cover, mean=2.0):
    return {"item_id": item, "totals": [[int(days), mean * int(days), 0.1] for days in cover]}


def predictions(request):
    return {"predictions": [prediction(i, c) for i, c in zip(request.items, request.cover_days.tolist(), strict=True)]}


@pytest_asyncio.fixture(loop_scope="session")
async def model(aws):
    model = Model()
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/invocations", model.invoke)
    async with TestServer(app) as server:
        aws.gateway.route(aws.settings.sagemaker_endpoint, str(server.make_url("/")))
        yield model


@pytest.fixture
def clock():
    return FakeClock()


@pytest_asyncio.fixture(loop_scope="session")
async def forecaster(aws, clock, model):
    return SageMakerForecaster(aws.clients.sagemaker, aws.settings.sagemaker_endpoint, clock)


def asked(*keys):
    series = series_of([state_after(key, 1, 2, 3) for key in keys], TODAY)
    return keys, series, np.tile(np.array([[1, 8, 28]], dtype=np.int64), (len(keys), 1))


async def test_products_are_named_by_their_label(forecaster, model):
    said = await forecaster.forecast(*asked(A, C, ProductKey("C#north")))
    assert model.requests[0].items == ("A", "C#north", "C%23north")
    assert set(said) == {A, C, ProductKey("C#north")}


@pytest.mark.parametrize(
    "bad",
    [
        {"item_id": "B", "error": "too short"},
        {"item_id": "B"},
        {"item_id": "B", "totals": "many"},
        {"item_id": "B", "totals": [[1, -1.0, 0.1], [8, 1, 0.1], [28, 1, 0.1]]},
        {"item_id": "B", "totals": [[1, float("nan"), 0.1], [8, 1, 0.1], [28, 1, 0.1]]},
        {"item_id": "B", "totals": [[1, 1, float("inf")], [8, 1, 0.1], [28, 1, 0.1]]},
        {"item_id": "other", "error": "x"},
    ],
    ids=str,
)
async def test_a_product_without_a_usable_answer_is_absent_and_the_others_are_not(forecaster, model, bad):
    model.answer = lambda request: {
        "predictions": [prediction("A", (1, 8, 28)), bad, prediction("C#north", (1, 8, 28))]
    }
    assert set(await forecaster.forecast(*asked(A, B, C))) == {A, C}


@pytest.mark.parametrize("totals", [[], [[1, 1.0, 0.1]], [[1, 1.0, 0.1], [8, 8.0, 0.1], [30, 9.0, 0.1]]], ids=str)
async def test_an_answer_over_other_lengths_is_no_answer(forecaster, model, totals):
    """DemandForecast.over() raises KeyError for a length that was not forecast, which ends the worker."""
    model.answer = lambda request: {"predictions": [prediction("A", (1, 8, 28)), {"item_id": "B", "totals": totals}]}
    assert set(await forecaster.forecast(*asked(A, B))) == {A}


async def test_a_negative_dispersion_is_no_answer(forecaster, model):
    bad = {"item_id": "A", "totals": [[1, 1.0, -0.5], [8, 8.0, 0.1], [28, 9.0, 0.1]]}
    model.answer = lambda request: {"predictions": [bad]}
    assert await forecaster.forecast(*asked(A)) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"{}",
        b"[]",
        b'{"predictions": 5}',
        b'{"predictions": [5]}',
        b'{"predictions": [{}]}',
        b'{"predictions": [{"item_id": "A", "totals": [[1]]}]}',
        b"\xff",
    ],
    ids=repr,
)
async def test_an_answer_that_cannot_be_read_is_transient(forecaster, model, body):
    model.answer = lambda request: body
    with pytest.raises(TransientFailure):
        await forecaster.forecast(*asked(A))


@pytest.mark.parametrize("status", [400, 413, 500, 503])
async def test_a_model_that_fails_is_transient(forecaster, model, status):
    model.status = status
    with pytest.raises(TransientFailure, match="ModelError"):
        await forecaster.forecast(*asked(A))


async def test_after_failures_in_a_row_it_is_not_asked_for_a_while(forecaster, model, clock):
    model.status = 500
    for _ in range(BREAKER_FAILURES):
        with pytest.raises(TransientFailure, match="ModelError"):
            await forecaster.forecast(*asked(A))
    for _ in range(5):
        with pytest.raises(TransientFailure, match="breaker is open"):
            await forecaster.forecast(*asked(A))
    assert len(model.requests) == BREAKER_FAILURES
    # One is let through to see; it fails, and the breaker is open again.
    clock.advance(BREAKER_OPEN_S)
    with pytest.raises(TransientFailure, match="ModelError"):
        await forecaster.forecast(*asked(A))
    with pytest.raises(TransientFailure, match="breaker is open"):
        await forecaster.forecast(*asked(A))
    clock.advance(BREAKER_OPEN_S)
    model.status = 200
    assert set(await forecaster.forecast(*asked(A))) == {A}
    # Closed: a single failure does not open it.
    model.status = 500
    with pytest.raises(TransientFailure, match="ModelError"):
        await forecaster.forecast(*asked(A))
    model.status = 200
    assert set(await forecaster.forecast(*asked(A))) == {A}


async def test_an_unknown_endpoint_is_a_misconfiguration(aws, clock):
    with pytest.raises(Misconfigured, match="not found"):
        await SageMakerForecaster(aws.clients.sagemaker, "nowhere", clock).forecast(*asked(A))


async def test_requests_are_cut_to_products_and_to_bytes(forecaster, model, monkeypatch):
    monkeypatch.setattr(sagemaker, "PRODUCTS_PER_CALL", 40)
    monkeypatch.setattr(sagemaker, "BODY_BYTES_MAX", 4_000)
    keys = [ProductKey(f"p{n:03}") for n in range(100)]
    said = await forecaster.forecast(*asked(*keys))
    assert set(said) == set(keys)
    assert max(model.bytes) <= 4_000
    assert max(len(request.items) for request in model.requests) <= 40
    assert [item for request in model.requests for item in request.items] == [key.product_id for key in keys]


async def test_no_request_is_larger_than_sagemaker_takes(forecaster, model):
    """Ids of the longest kind, 2,000 of them, are more than 6 MiB in one piece? They are cut if they are."""
    keys = [ProductKey(f"{n:04}" + "ü" * 250, "ö" * 150) for n in range(2_000)]
    said = await forecaster.forecast(*asked(*keys))
    assert len(said) == 2_000
    assert max(model.bytes) <= BODY_BYTES_MAX
