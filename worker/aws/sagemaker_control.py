"""How are SageMaker's jobs, models and endpoints made, once, and waited for?

The control plane, beside the runtime of sagemaker.py. Everything has a name: what is there under its name is not made
again, so that a run that was cut short can be run again. Waiting asks every POLL_S and tells how it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Clock
from worker.aws.clients import translated
from worker.retry import retrying

POLL_S = 15.0
GONE = ("could not find", "cannot find", "does not exist", "not found", "resourcenotfound")

Said = dict[str, Any]
Tell = Callable[[str], None]


class Failed(Exception):
    """SageMaker gave up, or took back what was asked for; the message is its own reason."""


@dataclass(frozen=True, slots=True)
class ControlClients:
    """aiobotocore clients of what retraining and bulk forecasts need."""

    sagemaker: Any
    s3: Any
    cloudwatch: Any
    dynamodb: Any


@asynccontextmanager
async def open_control(region: str, endpoint_url: str | None) -> AsyncIterator[ControlClients]:
    """Opens the clients; requests are held against the service's model before they are sent."""
    session = get_session()
    config = AioConfig(
        region_name=region,
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent="restock",
        s3={"addressing_style": "path"},
    )
    async with AsyncExitStack() as stack:

        async def client(service: str) -> Any:
            made = session.create_client(service, endpoint_url=endpoint_url, config=config)
            return await stack.enter_async_context(made)

        with translated("credentials"):
            services = [await client(name) for name in ("sagemaker", "s3", "cloudwatch", "dynamodb")]
        yield ControlClients(*services)


class SageMakerControl:
    def __init__(self, clients: ControlClients, clock: Clock, tell: Tell, poll_s: float = POLL_S) -> None:
        self._sagemaker = clients.sagemaker
        self._cloudwatch = clients.cloudwatch
        self._clock = clock
        self._tell = tell
        self._poll_s = poll_s

    async def describe(self, operation: str, **name: str) -> Said | None:
        """What describe_<operation> says of the thing of this name; None if there is none."""
        try:
            return await self._call(f"describe_{operation}", **name)
        except Misconfigured as exc:
            if any(word in str(exc).lower() for word in GONE):
                return None
            raise

    async def ensure(self, operation: str, name_field: str, request: Said) -> bool:
        """Makes it if nothing of its name is there; whether it was made now."""
        name = {name_field: request[name_field]}
        if await self.describe(operation, **name) is not None:
            return False
        try:
            await self._call(f"create_{operation}", **request)
        except Misconfigured:
            # Tried again after its answer was lost, it is refused: it is there.
            if await self.describe(operation, **name) is None:
                raise
        return True

    async def update_endpoint(self, request: Said) -> None:
        await self._call("update_endpoint", **request)

    async def put_alarm(self, request: Said) -> None:
        async def once() -> None:
            with translated("PutMetricAlarm"):
                await self._cloudwatch.put_metric_alarm(**request)

        await retrying(once)

    async def tag(self, arn: str, key: str) -> str | None:
        said = await self._call("list_tags", ResourceArn=arn)
        return next((tag["Value"] for tag in said.get("Tags", ()) if tag["Key"] == key), None)

    async def note(self, arn: str | None, key: str, value: str) -> None:
        await self._call("add_tags", ResourceArn=arn, Tags=[{"Key": key, "Value": value}])

    async def trained(self, job: str) -> str:
        """Waits for a training job; the address of its artifact. Failed with SageMaker's reason."""

        async def ask() -> Said:
            said = await self.describe("training_job", TrainingJobName=job)
            if said is None:
                raise Failed(f"the training job {job} is gone")
            return said

        said = await self._until(ask, "TrainingJobStatus", {"InProgress", "Stopping"})
        if said["TrainingJobStatus"] != "Completed":
            raise Failed(
                f"training job {job}: {said['TrainingJobStatus']}: {said.get('FailureReason', 'no reason given')}"
            )
        return str(said["ModelArtifacts"]["S3ModelArtifacts"])

    async def settled(self, endpoint: str) -> Said:
        """Waits until nothing is being done to the endpoint; what is said of it then. Failed if it does not serve."""

        async def ask() -> Said:
            said = await self.describe("endpoint", EndpointName=endpoint)
            if said is None:
                raise Failed(f"the endpoint {endpoint} is gone")
            return said

        moving = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
        said = await self._until(ask, "EndpointStatus", moving)
        if said["EndpointStatus"] != "InService":
            reason = said.get("FailureReason", "no reason given")
            raise Failed(f"endpoint {endpoint}: {said['EndpointStatus']}: {reason}")
        return said

    async def sum_of(self, metric: str, endpoint: str, variant: str, since: datetime, until: datetime) -> float:
        """The sum of one of SageMaker's metrics of a variant between two times."""

        async def once() -> Any:
            with translated("GetMetricStatistics"):
                return await self._cloudwatch.get_metric_statistics(
                    Namespace="AWS/SageMaker",
                    MetricName=metric,
                    Dimensions=[
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                    StartTime=since,
                    EndTime=until,
                    Period=60,
                    Statistics=["Sum"],
                )

        return float(sum(point["Sum"] for point in (await retrying(once))["Datapoints"]))

    async def wait(self, seconds: float, why: str) -> None:
        """Lets time pass, and says so now and then."""
        until = self._clock.now() + int(seconds * 1000)
        while (left := (until - self._clock.now()) / 1000) > 0:
            self._tell(f"{why}: {left:,.0f} s left")
            await self._clock.sleep(min(left, 4 * self._poll_s))

    async def _until(self, ask: Callable[[], Awaitable[Said]], status: str, moving: set[str]) -> Said:
        began, told = self._clock.now(), ""
        while (said := await ask())[status] in moving:
            stage = str(said.get("SecondaryStatus", said[status]))
            if stage != told:
                self._tell(f"{stage} after {(self._clock.now() - began) / 1000:,.0f} s")
                told = stage
            await self._clock.sleep(self._poll_s)
        return said

    async def _call(self, operation: str, **request: Any) -> Said:
        async def once() -> Said:
            with translated(operation):
                said: Said = await getattr(self._sagemaker, operation)(**request)
            return said

        try:
            return await retrying(once)
        except TransientFailure as exc:
            raise TransientFailure(f"{exc} (run it again: what is made is not made twice)") from exc
