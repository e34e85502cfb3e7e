"""What do the handlers' tests stand on? The deciding half of the worker, the bus, and who explains."""

from __future__ import annotations

import pytest
from deciding_bench import Deciding
from fakes.bus import InMemoryBus
from fakes.explainer import FakeExplainer
from fakes.insights import InMemoryInsights

from handlers.explain import Explain
from handlers.insight_budget import Budget


@pytest.fixture
def deciding(clock, metrics, faults):
    return Deciding(clock, metrics, faults)


@pytest.fixture
def bus(faults):
    return InMemoryBus(faults)


@pytest.fixture
def explainer(faults):
    return FakeExplainer(faults)


@pytest.fixture
def book(faults):
    return InMemoryInsights(faults)


@pytest.fixture
def explain(explainer, bus, clock, metrics, book):
    """Two calls an hour; a token costs a thousandth of a dollar."""
    return Explain(explainer, bus, Budget(2, 100_000), clock, metrics, book, lambda usage: usage.tokens * 0.001)
