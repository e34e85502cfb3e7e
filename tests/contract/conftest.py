"""Which implementations of a port must keep its contract?

The fake that tests and simulations use, and the adapter against the embedded AWS."""

from __future__ import annotations

import pytest

BOTH = ["fake", "emulator"]


@pytest.fixture(params=BOTH)
def kind(request) -> str:
    return request.param
