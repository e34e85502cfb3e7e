"""The Forecaster contract: totals over the lengths asked for, and absence where there is none.

The real one asks a real model server through a gateway that speaks sagemaker-runtime."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from fakes.clock import TODAY, FakeClock
from fakes.examples import A, B, C, state_after
from fakes.faults import Fault
from fakes.forecaster import FakeForecaster
from targets import trouble

from domain.events import ProductKey
from domain.features import series_of
from forecaster.dataset import SALES_COLUMNS, panel_of
from forecaster.fitting import Fitting, train
from forecaster.serve import Host, create_app
from handlers.errors import Misconfigured, Overloaded, TransientFailure
from worker.aws.sagemaker import SageMakerForecaster

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Forecaster"

KEYS = [A, B, C, ProductKey("Grüße #1", "%")]


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory):
    """A model trained on ten weeks of a drawn shop."""
    draw = np.random.default_rng(7)
    rows = [
        (f"p{product}", None, TODAY - 70 + day, quantity, quantity * 100, False)
        for product in range(6)
        for day in range(70)
        for quantity in draw.poisson(1 + product, size=2).tolist()
    ]
    shop = pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str", "location_id": "str"})
    folder = tmp_path_factory.mktemp("model")
    train(panel_of(shop), Fitting(rounds=10, rows_max=3_000)).model.save(folder)
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint(request, world):
    """A model behind the worker's endpoint, where the target has none of its own."""
    if world is None or world.gateway is None:
        yield
        return
    host = Host()
    host.load(request.getfixturevalue("model_dir"))
    async with TestServer(create_app(host)) as server:
        world.gateway.route(world.settings.sagemaker_endpoint, str(server.make_url("/")))
        yield
    host.threads.shutdown()


@pytest_asyncio.fixture(loop_scope="session")
async def forecaster(kind, world, endpoint):
    if kind == "fake":
        return FakeForecaster()
    return SageMakerForecaster(world.clients.sagemaker, world.settings.sagemaker_endpoint, FakeClock())


def asked(keys):
    states = [state_after(key, *[2 + n] * 50) for n, key in enumerate(keys)]
    return keys, series_of(states, TODAY), np.array([[1, 8 + n, 28] for n in range(len(keys))], dtype=np.int64)


async def test_each_product_gets_its_totals_in_the_order_asked(forecaster):
    keys, series, cover = asked(KEYS)
    said = await forecaster.forecast(keys, series, cover)
    assert set(said) == set(KEYS)
    for key, row in zip(keys, cover.tolist(), strict=True):
        assert [total.cover_days for total in said[key]] == row
        assert all(total.mean > 0 and total.dispersion >= 0 for total in said[key])
        day, _, month = said[key]
        assert day.mean < month.mean


async def test_who_sells_more_is_forecast_more(forecaster):
    keys = [ProductKey(f"p{n}") for n in range(4)]
    states = [state_after(key, *[rate] * 50) for key, rate in zip(keys, (1, 4, 16, 64), strict=True)]
    cover = np.full((4, 1), 28, dtype=np.int64)
    said = await forecaster.forecast(keys, series_of(states, TODAY), cover)
    means = [said[key][0].mean for key in keys]
    assert means == sorted(means)


async def test_hundreds_at_once(forecaster):
    keys, series, cover = asked([ProductKey(f"p{n}") for n in range(300)])
    assert set(await forecaster.forecast(keys, series, cover)) == set(keys)


async def test_a_product_the_model_could_not_forecast_is_absent_and_the_others_are_not(forecaster, world):
    if isinstance(forecaster, FakeForecaster):
        forecaster.absent = {B}
    else:
        without = trouble.answer_changed(lambda said: {**said, "predictions": said["predictions"][:1]})
        world.trouble.plan("invoke_endpoint", without)
    keys = [A, B]
    assert set(await forecaster.forecast(*asked(keys))) == {A}


@pytest.mark.parametrize(
    ("of_the_fake", "of_the_service", "raised"),
    [
        (Fault.BEFORE, trouble.lost_answer, TransientFailure),
        (Fault.BEFORE, trouble.error("ModelError", 424, OriginalStatusCode=500), TransientFailure),
        (Fault.OVERLOADED, trouble.error("ThrottlingException"), Overloaded),
        (Fault.MISCONFIGURED, trouble.error("ValidationError"), Misconfigured),
    ],
)
async def test_a_failure_has_one_of_our_names(forecaster, world, of_the_fake, of_the_service, raised):
    if isinstance(forecaster, FakeForecaster):
        forecaster.faults.plan("forecast", of_the_fake)
    else:
        world.trouble.plan("invoke_endpoint", of_the_service)
    with pytest.raises(raised):
        await forecaster.forecast(*asked(KEYS))
