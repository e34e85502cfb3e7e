"""Is everything exact when two versions of the worker share one queue?

Real processes on the emulator, a small run of `make upgrade`; that one sends 50,000 sales."""

from __future__ import annotations

import pytest
from upgrade.rollout import roll_out
from upgrade.versions import ADDED, EARLIER, OTHER_UNITS, ROOT, earlier_release, next_release

from worker.local.embedded_aws import CREDENTIALS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SALES, KILLS = 4_000, 3
AT_ONCE = ((0.1, 0, "new"), (0.1, 1, "new"))


@pytest.fixture(autouse=True)
def an_environment_of_its_own(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


async def test_todays_tasks_and_the_next_release_s_share_a_queue_forward_back_and_forward(tmp_path):
    outcome = await roll_out({"old": ROOT, "new": next_release(tmp_path / "next")}, SALES, KILLS, tmp_path, print)
    assert outcome.findings == []
    assert outcome.wrote["old"] > 0
    assert outcome.wrote["new"] > 0
    assert outcome.counts["stopped"] == 8
    assert outcome.counts["killed old"] + outcome.counts["killed new"] == KILLS
    assert outcome.orders > 0


async def test_an_earlier_commit_s_tasks_and_the_next_release_s_share_a_queue(tmp_path):
    old = earlier_release(tmp_path / "earlier")
    if old is None:
        pytest.skip(f"no history here to take {EARLIER[:7]} from")
    outcome = await roll_out({"old": old, "new": next_release(tmp_path / "next")}, SALES, KILLS, tmp_path, print)
    assert outcome.findings == []
    assert outcome.wrote["old"] > 0
    assert outcome.wrote["new"] > 0


async def test_a_release_that_means_something_else_by_an_old_member_is_found(tmp_path):
    """Or the two tests above would prove nothing."""
    worse = next_release(tmp_path / "next", (*ADDED, *OTHER_UNITS))
    outcome = await roll_out({"old": ROOT, "new": worse}, SALES // 4, 0, tmp_path, print, steps=AT_ONCE)
    assert any("units counted" in finding for finding in outcome.findings)
