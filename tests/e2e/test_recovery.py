"""Does the runbook of docs/recovery.md bring back what a bad deploy has spoiled, with real processes?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # the drill is a program of its own: `make drill`

from drill.day import opened

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


async def test_after_a_bad_deploy_the_documented_commands_bring_every_sale_back(tmp_path):
    async with opened(events=3_000, products=10, per_thousand=75, seed=3, folder=tmp_path) as day:
        figures = await day.play()
    assert min(figures["spoiled"].values()) > 0
    assert figures["replay"]["counted"] == figures["spoiled"]["refused"] + figures["spoiled"]["dead_letters"]
    assert figures["rebuild"]["swapped"] > 0
    assert figures["verify"] | {"rows": 3_000, "products": 10, "equal": 10} == figures["verify"]
    assert figures["products_differing"] == 0
