"""The Forecaster contract again, on endpoints that speak another format than ours.

Our own container takes Chronos' as well. All other servers are stand-ins that were written after documentation: no
container of Amazon's, of AutoGluon's or of the guide's was ever asked."""

from __future__ import annotations

import pytest
from contract_forecaster import ForecasterContract, ForeignContract, endpoint, forecaster, model_dir

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "Forecaster"
__all__ = ["endpoint", "forecaster", "model_dir"]


@pytest.fixture(params=["ours as chronos", "chronos", "deepar", "autogluon", "guide"])
def form(request, world):
    if world.gateway is None:
        pytest.skip("the endpoint of this target speaks its own format")
    return request.param


class TestEndpoints(ForecasterContract, ForeignContract):
    pass
