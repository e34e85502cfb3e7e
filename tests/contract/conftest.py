"""Which implementations of a port must keep its contract?

The fake that tests and simulations use, and the adapter on the target that --target names; on another target than the
default one the fakes are not asked again. On the default one an adapter whose calls go by the lane is asked a second
time, with every call through the library. A suite names its port in PORT. What a target has nothing for is skipped with
its reason, what it does wrong must fail (targets/gaps.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from contract_streams import LEASE_S, Till, Worker
from fakes.state import InMemoryState
from targets.base import OF_THE_LANE, Target, World
from targets.gaps import GAPS
from targets.known import target_of

from handlers.ports import StateStore
from worker.aws.state import DynamoState
from worker.retry import retrying

HERE = Path(__file__).parent
DEFAULT = "embedded"
LIBRARY = "library"


def pytest_configure(config):
    config.addinivalue_line("markers", "no_fake: about the adapter or the service itself; a fake has nothing like it")


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        target = metafunc.config.getoption("target")
        kinds = [target]
        if target == DEFAULT and not metafunc.definition.get_closest_marker("no_fake"):
            kinds = ["fake", *kinds]
        if target == DEFAULT and metafunc.module.PORT in OF_THE_LANE:
            kinds = [*kinds, LIBRARY]
        metafunc.parametrize("kind", kinds)


def pytest_collection_modifyitems(config, items):
    name = config.getoption("target")
    ours = [item for item in items if HERE in item.path.parents]
    asked = [item for item in ours if kind_of(item) in (name, LIBRARY)]
    target = target_of(name)
    if name == "aws" and len(ours) < len(items):
        raise pytest.UsageError(
            "--target aws is for tests/contract alone: the other tests have credentials of their own"
        )
    if asked and (refusal := target.refusal()):
        raise pytest.UsageError(refusal)
    for item in asked:
        if reason := target.why_not(item.module.PORT):
            item.add_marker(pytest.mark.skip(reason=reason))
        elif reason := gap_of(name, item):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def kind_of(item) -> str | None:
    return item.callspec.params.get("kind") if hasattr(item, "callspec") else None


def gap_of(name: str, item) -> str | None:
    """Why this test must fail on this target: gaps name a test by its module and function."""
    return GAPS[name].get(f"{item.path.stem}::{item.originalname}")


@pytest.fixture(scope="session")
def target(request) -> Target:
    return target_of(request.config.getoption("target"))


@pytest.fixture(scope="session")
def emulator(request, target) -> str:
    """The address of the embedded AWS, if the target needs it."""
    return request.getfixturevalue("emulator_url") if target.on_the_emulator else ""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def opened(target, emulator, tmp_path_factory):
    async with target.opened(emulator, tmp_path_factory.mktemp("target")) as fresh:
        yield fresh


@pytest_asyncio.fixture(loop_scope="session")
async def world(request, kind, opened) -> World | None:
    """The emptied target; a fake has no world."""
    if kind == "fake":
        return None
    return await opened(request.module.PORT, **({"lane": False} if kind == LIBRARY else {}))


@pytest_asyncio.fixture(loop_scope="session")
async def store(kind, world) -> StateStore:
    if kind == "fake":
        return InMemoryState()
    return DynamoState(world.clients.dynamodb, world.settings.state_table, 10.0)


@pytest.fixture
def till(world) -> Till:
    return Till(world)


@pytest.fixture
def worker(world) -> Worker:
    return Worker(world)


@pytest.fixture
def workers(world) -> tuple[Worker, Worker]:
    return Worker(world, lease_s=LEASE_S), Worker(world, lease_s=LEASE_S)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hurry() -> AsyncIterator[Callable[[float], None]]:
    """Puts the loop's clock forward by some seconds, when nobody waits for an answer: what waits for a time before then
    waits no longer. It is never put back while the loop lives."""
    loop = asyncio.get_running_loop()
    honest, ahead = loop.time, [0.0]
    loop.time = lambda: honest() + sum(ahead)
    yield ahead.append


@pytest.fixture
def no_waiting(monkeypatch) -> None:
    """Between attempts nothing is waited for: the faults are planned."""

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(retrying, "__defaults__", (5, at_once))
