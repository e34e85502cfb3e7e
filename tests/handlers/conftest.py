from __future__ import annotations

import pytest
from deciding_bench import Deciding


@pytest.fixture
def deciding(clock, metrics, faults):
    return Deciding(clock, metrics, faults)
