"""What do the adapters' tests share? They retry as in production and wait for nothing."""

from __future__ import annotations

import pytest

from worker.retry import retrying


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Between attempts nothing is waited for."""

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(retrying, "__defaults__", (5, at_once))
