"""What is SageMaker asked to answer a bulk run with?

CreateTransformJob: a line is a request, a request is sent alone, and the answers come line by line into a file beside
the shard's name."""

from __future__ import annotations

from typing import Any

from worker.bulk.manifest import INPUT, OUTPUT
from worker.retraining.plan import S3Place

PAYLOAD_MB = 6
CONCURRENT = 4
JSON = "application/json"


def transform_job(name: str, model: str, place: S3Place, instance_type: str, instances: int) -> dict[str, Any]:
    """The request. Shards are shared out to the instances, whole files each."""
    return {
        "TransformJobName": name,
        "ModelName": model,
        "MaxConcurrentTransforms": CONCURRENT,
        "MaxPayloadInMB": PAYLOAD_MB,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": place.uri(f"{INPUT}/shard-")}},
            "ContentType": JSON,
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": place.uri(OUTPUT), "Accept": JSON, "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": instance_type, "InstanceCount": instances},
    }
