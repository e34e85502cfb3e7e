"""What is everything called, so that a run that was cut short goes on where it stopped?

Names follow from the run's id alone: whatever was made before is found under its name, and is not made again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

RUN_ID = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,38}[a-zA-Z0-9])?")
VARIANT = "AllTraffic"
SHADOW = "candidate"


class WrongPlan(ValueError):
    """It cannot be done as asked; the message says what to ask for instead."""


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket and a key prefix in it, without a slash at its end."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, uri: str) -> Self:
        """WrongPlan if it is no s3:// address."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise WrongPlan(f"{uri!r} is no address such as s3://bucket/prefix")
        return cls(bucket, prefix.strip("/"))

    def key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def uri(self, name: str = "") -> str:
        return f"s3://{self.bucket}/{self.key(name)}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Plan:
    """One retraining. image: our container in ECR; role: what SageMaker works as; place: where the run's files go.
    observe_s: how long the shadow is watched. canary_percent of the capacity takes traffic for bake_s first."""

    run_id: str
    endpoint: str
    image: str
    role: str
    place: S3Place
    training_instance: str = "ml.m5.xlarge"
    hosting_instance: str = "ml.m5.large"
    hosting_instances: int = 1
    observe_s: int = 3_600
    canary_percent: int = 10
    bake_s: int = 600
    latency_ms_max: int = 5_000
    alarms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not RUN_ID.fullmatch(self.run_id):
            raise WrongPlan(f"run id {self.run_id!r}: up to 40 letters, digits and dashes, no dash at either end")
        if not 1 <= self.canary_percent <= 50:
            # A canary of more than half is none: AWS refuses it.
            raise WrongPlan(f"canary of {self.canary_percent} %: it must lie between 1 and 50")
        if not 0 <= self.bake_s <= 3_600:
            raise WrongPlan(f"{self.bake_s} s of baking: SageMaker waits for an hour at most")

    @property
    def job(self) -> str:
        return f"restock-{self.run_id}"

    @property
    def model(self) -> str:
        return f"restock-{self.run_id}"

    @property
    def shadow_config(self) -> str:
        return f"restock-{self.run_id}-shadow"

    @property
    def live_config(self) -> str:
        return f"restock-{self.run_id}-live"

    @property
    def training(self) -> S3Place:
        return S3Place(self.place.bucket, self.place.key(f"{self.run_id}/training"))

    @property
    def output(self) -> S3Place:
        return S3Place(self.place.bucket, self.place.key(f"{self.run_id}/output"))

    @property
    def capture(self) -> S3Place:
        return S3Place(self.place.bucket, self.place.key(f"{self.run_id}/captured"))
