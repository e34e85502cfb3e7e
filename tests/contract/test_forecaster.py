"""The Forecaster contract: totals over the lengths asked for, and absence where there is none.

The real one asks our own container in its short form; other formats are those of tests/contract/test_endpoints.py."""

from __future__ import annotations

import pytest
from contract_forecaster import ForecasterContract, endpoint, forecaster, model_dir

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "Forecaster"
__all__ = ["endpoint", "forecaster", "model_dir"]


@pytest.fixture
def form():
    return "restock"


class TestForecaster(ForecasterContract):
    pass
