"""What exactly is SageMaker asked for?

Pure functions from a plan to the arguments of a call, so that --dry-run prints what a run would send, and tests hold
each of them against the service's own model."""

from __future__ import annotations

from typing import Any

from worker.retraining.plan import SHADOW, VARIANT, Plan

Request = dict[str, Any]

TRAINING_S_MAX = 4 * 3_600
VOLUME_GB = 30
CHANNEL = "train"
BEFORE = "restock:before"  # tag: the configuration to go back to
PASSED = "restock:passed"  # tag: the requests that the shadow has answered, none of them with an error
MODEL_STARTS_S = 600
TERMINATION_WAIT_S = 300
DEPLOYMENT_S_MAX = 4 * 3_600
METRICS = ("wape", "wql", "bias", "coverage", "baseline_wape")
ALARM_PERIOD_S = 60


def training_job(plan: Plan) -> Request:
    """CreateTrainingJob: our container's `train`, on the days before the held-out ones."""
    metrics = [{"Name": f"validation:{name}", "Regex": rf"validation:{name}=([-0-9.eE+]+)"} for name in METRICS]
    return {
        "TrainingJobName": plan.job,
        "RoleArn": plan.role,
        "AlgorithmSpecification": {
            "TrainingImage": plan.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": metrics,
        },
        "InputDataConfig": [
            {
                "ChannelName": CHANNEL,
                "ContentType": "application/x-parquet",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": plan.training.uri(),
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": plan.output.uri()},
        "ResourceConfig": {
            "InstanceType": plan.training_instance,
            "InstanceCount": 1,
            "VolumeSizeInGB": VOLUME_GB,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": TRAINING_S_MAX},
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "restock:run", "Value": plan.run_id}],
    }


def model(plan: Plan, model_data: str) -> Request:
    """CreateModel of the training job's artifact."""
    return {
        "ModelName": plan.model,
        "ExecutionRoleArn": plan.role,
        "PrimaryContainer": {"Image": plan.image, "ModelDataUrl": model_data},
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "restock:run", "Value": plan.run_id}],
    }


def shadow_config(plan: Plan, serving: Request, before: str) -> Request:
    """CreateEndpointConfig: the variant that serves goes on as it is; the new model gets a copy of every request, and
    what it answers goes nowhere. before names the configuration to go back to."""
    shadow = {**_variant(plan, SHADOW, plan.model), "InitialVariantWeight": serving.get("InitialVariantWeight", 1.0)}
    return {
        "EndpointConfigName": plan.shadow_config,
        "ProductionVariants": [serving],
        "ShadowProductionVariants": [shadow],
        "Tags": [{"Key": BEFORE, "Value": before}],
    }


def live_config(plan: Plan, variant: str = VARIANT) -> Request:
    """CreateEndpointConfig of the new model. A blue/green update wants the variant to be named as before."""
    return {
        "EndpointConfigName": plan.live_config,
        "ProductionVariants": [_variant(plan, variant, plan.model)],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 1,
            "DestinationS3Uri": plan.capture.uri(),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
        "Tags": [{"Key": "restock:run", "Value": plan.run_id}],
    }


def _variant(plan: Plan, name: str, model_name: str) -> Request:
    return {
        "VariantName": name,
        "ModelName": model_name,
        "InitialInstanceCount": plan.hosting_instances,
        "InstanceType": plan.hosting_instance,
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": MODEL_STARTS_S,
    }


def create_endpoint(plan: Plan) -> Request:
    """CreateEndpoint: the first time, when nothing serves that could be compared or gone back to."""
    return {"EndpointName": plan.endpoint, "EndpointConfigName": plan.live_config}


def shadow_update(plan: Plan) -> Request:
    """UpdateEndpoint: production stays what it is, so that there is nothing to shift step by step."""
    return {"EndpointName": plan.endpoint, "EndpointConfigName": plan.shadow_config}


def canary_update(plan: Plan, variant: str = VARIANT) -> Request:
    """UpdateEndpoint: a part of the capacity first; if an alarm goes off until it has baked, back to what served."""
    return {
        "EndpointName": plan.endpoint,
        "EndpointConfigName": plan.live_config,
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": plan.canary_percent},
                    "WaitIntervalInSeconds": plan.bake_s,
                },
                "TerminationWaitInSeconds": TERMINATION_WAIT_S,
                "MaximumExecutionTimeoutInSeconds": DEPLOYMENT_S_MAX,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarm_names(plan, variant)]},
        },
    }


def alarm_names(plan: Plan, variant: str = VARIANT) -> list[str]:
    """Those of the operator, or else the two of our own."""
    return list(plan.alarms) or [alarm["AlarmName"] for alarm in alarms(plan, variant)]


def alarms(plan: Plan, variant: str = VARIANT) -> list[Request]:
    """PutMetricAlarm: errors of the container, and answers that take too long (ModelLatency is in microseconds)."""
    common = {
        "Namespace": "AWS/SageMaker",
        "Dimensions": [
            {"Name": "EndpointName", "Value": plan.endpoint},
            {"Name": "VariantName", "Value": variant},
        ],
        "Period": ALARM_PERIOD_S,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    return [
        {
            **common,
            "AlarmName": f"restock-{plan.endpoint}-errors",
            "MetricName": "Invocation5XXErrors",
            "Statistic": "Sum",
            "Threshold": 0.0,
        },
        {
            **common,
            "AlarmName": f"restock-{plan.endpoint}-latency",
            "MetricName": "ModelLatency",
            "ExtendedStatistic": "p99",
            "Threshold": plan.latency_ms_max * 1000.0,
        },
    ]
