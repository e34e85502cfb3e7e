"""Every request of a retraining is one that the service's own model takes."""

from __future__ import annotations

import dataclasses
import re

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from worker.retraining import requests
from worker.retraining.on_aws import planned
from worker.retraining.plan import Plan, S3Place, WrongPlan

PLAN = Plan(
    run_id="2025-04-28",
    endpoint="retail-forecast-endpoint",
    image="123456789012.dkr.ecr.us-east-1.amazonaws.com/restock-forecaster:1",
    role="arn:aws:iam::123456789012:role/restock-forecaster",
    place=S3Place("shop", "retraining"),
)
SERVICES = {"PutObject": "s3", "PutMetricAlarm": "cloudwatch"}


def faults(call: str, request: dict) -> str:
    """What botocore has against a request: shapes and types by ParamValidator, patterns and bounds by hand."""
    service = SERVICES.get(call, "sagemaker")
    shape = ServiceModel(Loader().load_service_model(service, "service-2")).operation_model(call).input_shape
    return ParamValidator().validate(request, shape).generate_report() + "".join(beyond(shape, request, call))


def beyond(shape, value, path):
    """ParamValidator holds neither patterns nor most bounds against a request; the service does."""
    if shape.type_name == "structure":
        for name, part in value.items():
            yield from beyond(shape.members[name], part, f"{path}.{name}")
    elif shape.type_name == "list":
        if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", 10**9):
            yield f"{path}: {len(value)} of them\n"
        for part in value:
            yield from beyond(shape.member, part, path)
    elif shape.type_name == "string":
        yield from beyond_text(shape, value, path)
    elif shape.type_name in ("integer", "float", "double", "long") and not (
        shape.metadata.get("min", -(10**12)) <= value <= shape.metadata.get("max", 10**12)
    ):
        yield f"{path}: {value} is out of bounds\n"


def beyond_text(shape, value, path):
    pattern = shape.metadata.get("pattern", "")
    for theirs, ours in ((r"\p{L}", r"\w"), (r"\p{Z}", r"\s"), (r"\p{N}", r"\d")):
        pattern = pattern.replace(theirs, ours)
    if pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} is not {pattern}\n"
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}\n"
    if len(value) > shape.metadata.get("max", 10**9):
        yield f"{path}: {len(value)} characters\n"


@pytest.mark.parametrize("at", range(10))
def test_the_service_would_take_each_request_of_a_run(at):
    said = planned(PLAN)
    assert len(said) == 10
    call, request = said[at]["call"], said[at]["request"]
    request = {
        key: value.replace("THE_", "").replace("_", "-") if isinstance(value, str) else value
        for key, value in request.items()
    }
    assert faults(call, _named(request)) == ""


def _named(request):
    """What only the run knows, under names that a resource may have."""
    for variant in request.get("ProductionVariants", ()):
        variant["VariantName"], variant["ModelName"] = "AllTraffic", "restock-before"
    return request


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("CreateEndpoint", requests.create_endpoint(PLAN)),
        ("CreateEndpointConfig", requests.live_config(PLAN)),
        ("UpdateEndpoint", requests.canary_update(PLAN)),
    ],
)
def test_so_would_it_those_of_a_first_run(call, request_):
    assert faults(call, request_) == ""


def test_what_holds_requests_against_the_model_finds_planted_faults():
    wrong = requests.canary_update(PLAN)
    policy = wrong["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    policy["TrafficRoutingConfiguration"]["Type"] = "PARROT"
    policy["MaximumExecutionTimeoutInSeconds"] = 5
    said = faults("UpdateEndpoint", wrong)
    assert "PARROT" in said
    assert "out of bounds" in said
    assert "is not" in faults("CreateTrainingJob", {**requests.training_job(PLAN), "TrainingJobName": "no spaces"})


def test_production_serves_on_under_its_own_name_while_the_new_model_is_a_shadow():
    serving = {"VariantName": "v1", "ModelName": "old", "InitialInstanceCount": 3, "InstanceType": "ml.c5.large"}
    said = requests.shadow_config(PLAN, serving, "before")
    assert said["ProductionVariants"] == [serving]
    assert [each["ModelName"] for each in said["ShadowProductionVariants"]] == ["restock-2025-04-28"]
    live = requests.live_config(PLAN, "v1")
    assert [each["VariantName"] for each in live["ProductionVariants"]] == ["v1"]


def test_the_alarms_are_those_of_the_operator_or_else_our_two():
    ours = requests.canary_update(PLAN)["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert [each["AlarmName"] for each in ours] == [each["AlarmName"] for each in requests.alarms(PLAN)]
    assert len(ours) == 2
    own = dataclasses.replace(PLAN, alarms=("shop-is-losing-orders",))
    said = requests.canary_update(own)["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert said == [{"AlarmName": "shop-is-losing-orders"}]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("run_id", "with space", "run id"),
        ("run_id", "-dash", "run id"),
        ("run_id", "x" * 41, "run id"),
        ("canary_percent", 80, "between 1 and 50"),
        ("bake_s", 7_200, "an hour at most"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(field, value, said):
    with pytest.raises(WrongPlan, match=said):
        dataclasses.replace(PLAN, **{field: value})


def test_an_address_that_is_not_in_s3_is_refused():
    with pytest.raises(WrongPlan, match="no address"):
        S3Place.of("https://shop/x")
    assert S3Place.of("s3://shop/a/b/").uri("c") == "s3://shop/a/b/c"
    assert S3Place.of("s3://shop").key("c") == "c"
