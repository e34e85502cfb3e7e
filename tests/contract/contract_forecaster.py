"""What must be true of a Forecaster, whatever its endpoint speaks?

A test module mixes a class of tests in and says, by a fixture `form`, which format it is about. What answers is a real
HTTP server behind a gateway that speaks sagemaker-runtime: our own container for the short form and for Chronos', and
for the others stand-ins that take nothing but what their documentation describes."""

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
from fakes.model_servers import AutoGluon, Chronos, DeepAr, Guide
from targets import trouble

from domain.events import ProductKey
from domain.features import series_of
from forecaster.dataset import SALES_COLUMNS, panel_of
from forecaster.fitting import Fitting, train
from forecaster.hosting import Host, create_app
from handlers.errors import Misconfigured, Overloaded, TransientFailure
from worker.aws.endpoints.chosen import form_of
from worker.aws.endpoints.deepar import DeepArForm
from worker.aws.sagemaker import SageMakerForecaster
from worker.settings import Settings

KEYS = [A, B, C, ProductKey("Grüße #1", "%"), ProductKey("00123"), ProductKey("NA")]
STAND_INS = {"chronos": Chronos, "deepar": DeepAr, "autogluon": AutoGluon, "guide": Guide}
OWN_CONTAINER = {"restock": "restock", "ours as chronos": "chronos"}
UNANSWERABLE_UNITS = 7_777


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
async def endpoint(request, world, form):
    """A server behind the worker's endpoint, where the target has none of its own; the stand-in, if it is one."""
    if world is None or world.gateway is None:
        yield None
        return
    host = Host()
    stand_in = None if form in OWN_CONTAINER else STAND_INS[form]()
    if stand_in is None:
        host.load(request.getfixturevalue("model_dir"))
    async with TestServer(create_app(host) if stand_in is None else stand_in.app()) as server:
        world.gateway.route(world.settings.sagemaker_endpoint, str(server.make_url("/")))
        yield stand_in
    host.threads.shutdown()


@pytest_asyncio.fixture(loop_scope="session")
async def forecaster(kind, world, endpoint, form):
    if kind == "fake":
        return FakeForecaster()
    return speaking(world, OWN_CONTAINER.get(form, form))


def speaking(world, form):
    """A forecaster that takes this for the format of the world's endpoint."""
    spoken = form_of(Settings(endpoint_format=form))
    return SageMakerForecaster(world.clients.sagemaker, world.settings.sagemaker_endpoint, FakeClock(), spoken)


def asked(keys, units=lambda n: 2 + n):
    states = [state_after(key, *[units(n)] * 50) for n, key in enumerate(keys)]
    return keys, series_of(states, TODAY), np.array([[1, 8 + n % 20, 28] for n in range(len(keys))], dtype=np.int64)


class ForecasterContract:
    """Of every Forecaster."""

    async def test_each_product_gets_its_totals_in_the_order_asked(self, forecaster):
        keys, series, cover = asked(KEYS)
        said = await forecaster.forecast(keys, series, cover)
        assert set(said) == set(KEYS)
        for key, row in zip(keys, cover.tolist(), strict=True):
            assert [total.cover_days for total in said[key]] == row
            assert all(total.mean > 0 and total.dispersion >= 0 for total in said[key])
            day, _, month = said[key]
            assert day.mean < month.mean

    async def test_who_sells_more_is_forecast_more(self, forecaster):
        keys = [ProductKey(f"p{n}") for n in range(4)]
        states = [state_after(key, *[rate] * 50) for key, rate in zip(keys, (1, 4, 16, 64), strict=True)]
        cover = np.full((4, 1), 28, dtype=np.int64)
        said = await forecaster.forecast(keys, series_of(states, TODAY), cover)
        means = [said[key][0].mean for key in keys]
        assert means == sorted(means)

    async def test_hundreds_at_once(self, forecaster):
        keys, series, cover = asked([ProductKey(f"p{n}") for n in range(300)])
        assert set(await forecaster.forecast(keys, series, cover)) == set(keys)

    async def test_a_product_the_model_could_not_forecast_is_absent_and_the_others_are_not(
        self, forecaster, world, endpoint, form
    ):
        if isinstance(forecaster, FakeForecaster):
            forecaster.absent = {B}
        elif endpoint is not None:
            endpoint.unanswered = UNANSWERABLE_UNITS
        else:
            without = trouble.answer_changed(lambda said: {**said, "predictions": said["predictions"][:1]})
            world.trouble.plan("invoke_endpoint", without)
        said = await forecaster.forecast(*asked([A, B], lambda n: UNANSWERABLE_UNITS if n else 2))
        assert set(said) == {A}

    @pytest.mark.parametrize(
        ("of_the_fake", "of_the_service", "raised"),
        [
            (Fault.BEFORE, trouble.lost_answer, TransientFailure),
            (Fault.BEFORE, trouble.error("ModelError", 424, OriginalStatusCode=500), TransientFailure),
            (Fault.OVERLOADED, trouble.error("ThrottlingException"), Overloaded),
            (Fault.MISCONFIGURED, trouble.error("ValidationError"), Misconfigured),
        ],
    )
    async def test_a_failure_has_one_of_our_names(self, forecaster, world, of_the_fake, of_the_service, raised):
        if isinstance(forecaster, FakeForecaster):
            forecaster.faults.plan("forecast", of_the_fake)
        else:
            world.trouble.always("invoke_endpoint", of_the_service)
        with pytest.raises(raised):
            await forecaster.forecast(*asked(KEYS))


class ForeignContract:
    """Of one whose endpoint is not of our making."""

    @pytest.mark.parametrize("form", STAND_INS, indirect=True)
    async def test_one_product_for_which_a_container_refuses_the_whole_request_is_found_and_left_out(
        self, forecaster, endpoint
    ):
        endpoint.poison = UNANSWERABLE_UNITS
        keys = [ProductKey(f"p{n}") for n in range(40)]
        said = await forecaster.forecast(*asked(keys, lambda n: UNANSWERABLE_UNITS if n == 23 else 2))
        assert set(said) == set(keys) - {keys[23]}

    async def test_products_whose_lengths_the_model_does_not_reach_are_absent(self, forecaster):
        keys, series, cover = asked([A, B])
        cover[1, 1] = 65
        assert set(await forecaster.forecast(keys, series, cover)) == {A}

    @pytest.mark.parametrize("form", ["ours as chronos", "chronos", "deepar", "autogluon"], indirect=True)
    async def test_no_request_and_no_answer_is_larger_than_sagemaker_lets_pass(self, forecaster, endpoint):
        """Of a thousand products with the longest ids there are; the gateway refuses anything larger, each way."""
        keys = [ProductKey(f"{n:04}" + "ü" * 250, "ö" * 150) for n in range(1_000)]
        assert set(await forecaster.forecast(*asked(keys))) == set(keys)
        if endpoint is not None:
            assert max(size for sizes in endpoint.sizes for size in sizes) <= 6 * 1024 * 1024

    @pytest.mark.parametrize("form", ["deepar"], indirect=True)
    async def test_an_answer_that_turns_out_too_large_is_asked_for_in_halves(self, world, endpoint):
        class Greedy(DeepArForm):
            def products_a_call(self, cover_days):
                return 1_000

        client, name = world.clients.sagemaker, world.settings.sagemaker_endpoint
        forecaster = SageMakerForecaster(client, name, FakeClock(), Greedy(64, 0.2))
        keys = [ProductKey(f"p{n}") for n in range(400)]
        assert set(await forecaster.forecast(*asked(keys))) == set(keys)
        assert max(answer for _, answer in endpoint.sizes) > 6 * 1024 * 1024

    @pytest.mark.parametrize("form", STAND_INS, indirect=True)
    async def test_an_endpoint_that_speaks_another_format_is_a_failure_and_no_forecast(self, world, endpoint, form):
        for other in {"restock", *STAND_INS} - {form}:
            with pytest.raises(TransientFailure):
                await speaking(world, other).forecast(*asked(KEYS))
