"""What answers for SageMaker when retraining is tried?

moto's server: it knows training jobs, models, endpoint configurations, endpoints, tags, S3, CloudWatch and DynamoDB,
but does no work. What it lacks stands here: UpdateEndpoint, with a rollback on demand; a training job that trains, by
the container's own code on what lies in S3; and shadow variants, which moto takes and forgets."""

from __future__ import annotations

import io
import tarfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from forecaster.train import run_training
from worker.retraining.plan import SHADOW, S3Place

JOB = ("TrainingJobName", "InputDataConfig", "OutputDataConfig")
UPDATE = ("EndpointName", "EndpointConfigName", "DeploymentConfig")
ACCOUNT, REGION = "123456789012", "us-east-1"


class StandIn:
    """updates: the UpdateEndpoint requests, in order. shadows: those of each configuration. roll_back: configurations
    that an alarm takes back; the endpoint then stays what it was. moving: how often it is still updating when asked.
    asked: how many requests a shadow gets a copy of, a minute."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.updates: list[dict[str, Any]] = []
        self.shadows: dict[str, Any] = {}
        self.trained: list[str] = []
        self.roll_back: set[str] = set()
        self.moving = 0
        self.asked = 20
        self.train_for_real = True

    @property
    def sagemaker(self) -> Any:
        return sagemaker_backends[ACCOUNT][REGION]

    @property
    def s3(self) -> Any:
        return s3_backends[ACCOUNT]["aws"]

    def put(self, place: S3Place, name: str, body: bytes) -> None:
        self.s3.put_object(place.bucket, place.key(name), body)

    def serves(self, endpoint: str) -> str:
        """The model behind an endpoint."""
        config = self.sagemaker.endpoints[endpoint].endpoint_config_name
        return self.sagemaker.endpoint_configs[config].production_variants[0]["ModelName"]

    def copy_requests(self, endpoint: str) -> None:
        """What SageMaker counts of a shadow in its first two minutes."""
        where = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": SHADOW}]
        for after_s in (30, 90):
            counted = {
                "MetricName": "Invocations",
                "Dimensions": where,
                "Timestamp": datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=after_s),  # as moto keeps it
                "Value": self.asked,
            }
            cloudwatch_backends[ACCOUNT][REGION].put_metric_data("AWS/SageMaker", [counted])

    def work(self, job: dict[str, Any]) -> None:
        """Does what SageMaker does for a training job: channels to files, the container's `train`, an archive."""
        name = job["TrainingJobName"]
        self.trained.append(name)
        prefix = self.folder / name
        for channel in job["InputDataConfig"]:
            place = S3Place.of(channel["DataSource"]["S3DataSource"]["S3Uri"])
            for key, stored in self.s3.buckets[place.bucket].keys.items():
                if key.startswith(place.prefix):
                    path = prefix / "input" / "data" / channel["ChannelName"] / Path(key).name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(stored.value)
        assert run_training(prefix) == 0, (prefix / "output" / "failure").read_text()
        output = S3Place.of(job["OutputDataConfig"]["S3OutputPath"])
        self.put(output, f"{name}/output/model.tar.gz", archive_of(prefix / "model"))


def archive_of(folder: Path) -> bytes:
    """model.tar.gz of a folder."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, arcname=file.name)
    return body.getvalue()


@contextmanager
def standing_in(here: StandIn, monkeypatch):
    """Puts what moto lacks into its SageMaker."""
    create_job, create_config = SageMakerResponse.create_training_job, SageMakerResponse.create_endpoint_config
    describe = SageMakerResponse.describe_endpoint

    def training(self):
        answer = create_job(self)
        if here.train_for_real:
            here.work({name: self._get_param(name) for name in JOB})
        return answer

    def config(self):
        here.shadows[self._get_param("EndpointConfigName")] = self._get_param("ShadowProductionVariants")
        return create_config(self)

    def update(self):
        request = {name: value for name in UPDATE if (value := self._get_param(name)) is not None}
        here.updates.append(request)
        endpoint = here.sagemaker.endpoints[request["EndpointName"]]
        if here.asked and here.shadows.get(request["EndpointConfigName"]):
            here.copy_requests(request["EndpointName"])
        if request["EndpointConfigName"] not in here.roll_back:
            endpoint.endpoint_config_name = request["EndpointConfigName"]
        return ActionResult({"EndpointArn": endpoint.arn})

    def described(self):
        endpoint = here.sagemaker.endpoints.get(self._get_param("EndpointName"))
        if endpoint is not None:
            endpoint.endpoint_status = "Updating" if here.moving > 0 else "InService"
            here.moving -= 1
        return describe(self)

    monkeypatch.setattr(SageMakerResponse, "create_training_job", training)
    monkeypatch.setattr(SageMakerResponse, "create_endpoint_config", config)
    monkeypatch.setattr(SageMakerResponse, "update_endpoint", update, raising=False)
    monkeypatch.setattr(SageMakerResponse, "describe_endpoint", described)
    yield
