"""How is a model trained and brought into service on SageMaker?

Each step is asked for under the name that the plan gives it, and is not done twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handlers.ports import Clock
from worker.aws.accuracy import DynamoAccuracyBook
from worker.aws.s3_files import S3Files
from worker.aws.sagemaker_control import POLL_S, ControlClients, SageMakerControl
from worker.retraining import requests
from worker.retraining.artifacts import ARTIFACT, fetched, load_model
from worker.retraining.plan import Plan
from worker.retraining.rollout import Rollout
from worker.retraining.steps import Progress

TABLE_DEADLINE_S = 10.0


class OnAws:
    def __init__(
        self, plan: Plan, clients: ControlClients, clock: Clock, progress: Progress, poll_s: float = POLL_S
    ) -> None:
        self._plan = plan
        self._clients = clients
        self._progress = progress
        self._control = SageMakerControl(clients, clock, progress.tell, poll_s)
        self._rollout = Rollout(plan, self._control, clock, progress.tell)

    async def put_data(self, training: Path) -> None:
        """The training data in S3, unless the job that reads it has been made: what it reads must not change."""
        if await self._control.describe("training_job", TrainingJobName=self._plan.job) is not None:
            self._progress.tell("is there: its training job has been made")
            return
        place = self._plan.training
        await S3Files(self._clients.s3, place.bucket).put(place.key(training.name), training)
        self._progress.tell(place.uri(training.name))

    async def train(self) -> str:
        """The address of the model's artifact."""
        request = requests.training_job(self._plan)
        made = await self._control.ensure("training_job", "TrainingJobName", request)
        self._progress.tell(f"training job {self._plan.job}" + ("" if made else ", made before"))
        artifact = await self._control.trained(self._plan.job)
        self._progress.tell(artifact)
        return artifact

    async def model(self, artifact: str, folder: Path) -> Any:
        """The model of an artifact, to be judged here."""
        return load_model(await fetched(artifact, folder / "archive", self._clients.s3), folder / "model")

    async def deploy(self, artifact: str) -> None:
        """Shadow, then canary, then all."""
        await self._rollout.run(artifact)

    async def tell_workers(self, table: str, backtest: Mapping[str, float]) -> None:
        book = DynamoAccuracyBook(self._clients.dynamodb, table, TABLE_DEADLINE_S)
        await book.set_backtest(backtest)
        self._progress.tell(f"backtest of {len(backtest)} categories in {table}")


async def artifact_behind(control: SageMakerControl, endpoint: str) -> str | None:
    """The artifact that the endpoint serves from; None if nothing serves."""
    said = await control.describe("endpoint", EndpointName=endpoint)
    config = said and await control.describe("endpoint_config", EndpointConfigName=said["EndpointConfigName"])
    model = config and await control.describe("model", ModelName=config["ProductionVariants"][0]["ModelName"])
    artifact = model and model.get("PrimaryContainer", {}).get("ModelDataUrl")
    return str(artifact) if artifact else None


def planned(plan: Plan) -> list[dict[str, Any]]:
    """Every request of a run, in order. What only the run will know stands in capitals."""
    serving = {
        "VariantName": "THE_VARIANT_THAT_SERVES",
        "ModelName": "THE_MODEL_THAT_SERVES",
        "InitialInstanceCount": plan.hosting_instances,
        "InstanceType": plan.hosting_instance,
        "InitialVariantWeight": 1.0,
    }
    variant = str(serving["VariantName"])
    artifact = f"{plan.output.uri()}/{plan.job}/output/{ARTIFACT}"
    training = {"Bucket": plan.training.bucket, "Key": plan.training.key("training.parquet")}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("PutObject", training),
        ("CreateTrainingJob", requests.training_job(plan)),
        ("CreateModel", requests.model(plan, artifact)),
        ("CreateEndpointConfig", requests.shadow_config(plan, serving, "THE_CONFIGURATION_THAT_SERVES")),
        ("UpdateEndpoint", requests.shadow_update(plan)),
        ("UpdateEndpoint", {"EndpointName": plan.endpoint, "EndpointConfigName": "THE_CONFIGURATION_THAT_SERVES"}),
        ("CreateEndpointConfig", requests.live_config(plan, variant)),
        *(("PutMetricAlarm", alarm) for alarm in (() if plan.alarms else requests.alarms(plan, variant))),
        ("UpdateEndpoint", requests.canary_update(plan, variant)),
    ]
    return [{"call": name, "request": request} for name, request in calls]
