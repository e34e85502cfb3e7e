"""What do tests of more than one folder stand on?

One embedded AWS for the whole run, emptied before each test that uses it, and a proxy in front of it that makes the
faults an emulator never makes. Everything that talks to it lives on the session's event loop: such a test module says
`pytestmark = pytest.mark.asyncio(loop_scope="session")`."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
import structlog
from fakes.clock import FakeClock
from fakes.faults import Faults
from fakes.metrics import RecordedMetrics
from fakes.proxy import FaultProxy

from worker.aws.clients import Clients, Endpoints, open_clients
from worker.local.embedded_aws import CREDENTIALS, create_resources, embedded_aws
from worker.local.gateway import Gateway
from worker.settings import Settings

# What these assert for many tests is told with its values, as what a test asserts itself.
pytest.register_assert_rewrite(
    "bodies_of_sales", "decision_examples", "history_shop", "planting", "table_shop", "whole_worker"
)

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Aws:
    """The emptied emulator with the worker's resources in it. proxied reaches it through proxy, which may fail.
    gateway stands for the two runtimes; the forecaster's endpoint has no instance until a test routes it."""

    url: str
    clients: Clients
    proxied: Clients
    proxy: FaultProxy
    gateway: Gateway
    settings: Settings
    queue_url: str
    subscriber_url: str


def pytest_addoption(parser: pytest.Parser) -> None:
    # Here and not beside the suites: pytest knows options of the outermost conftest only.
    parser.addoption(
        "--target",
        default="embedded",
        choices=["embedded", "dynamodb-local", "aws", "simulated"],
        help="where tests/contract runs the adapters; see docs/contracts.md",
    )


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that runs inside a test configures logging for the whole process; the next test starts afresh."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def emulator_url(credentials, tmp_path_factory) -> AsyncIterator[str]:
    async with embedded_aws(tmp_path_factory.mktemp("aws")) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def emulator_clients(emulator_url) -> AsyncIterator[tuple[Clients, Clients, FaultProxy, Gateway]]:
    async with (
        FaultProxy(emulator_url) as proxy,
        Gateway() as gateway,
        open_clients(REGION, Endpoints(emulator_url, gateway.url), validate=True) as straight,
        open_clients(REGION, Endpoints(proxy.url, gateway.url), validate=True) as proxied,
    ):
        yield straight, proxied, proxy, gateway


@pytest_asyncio.fixture(loop_scope="session")
async def aws(emulator_url, emulator_clients) -> Aws:
    straight, proxied, proxy, gateway = emulator_clients
    settings = Settings(region=REGION, endpoint_url=emulator_url)
    reset = urllib.request.Request(f"{emulator_url}/_ministack/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(reset) as answer:  # noqa: S310, ASYNC210
        assert answer.status == 200
    proxy.heal()
    gateway.route(settings.sagemaker_endpoint, None)
    queue_url, subscriber_url = await create_resources(straight, settings)
    return Aws(emulator_url, straight, proxied, proxy, gateway, settings, queue_url, subscriber_url)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def metrics() -> RecordedMetrics:
    return RecordedMetrics()
