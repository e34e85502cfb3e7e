"""The scheduled pipeline: the same steps, in an order that can run, by requests that the services take."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import boto3
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from sagemaker_stand_in import REGION
from test_retrain_requests import PLAN

from deploy.profile import EXAMPLE
from deploy.template import resolve, template
from forecaster.container import channels
from handlers.announcements import RETRAIN_SUGGESTED
from worker.aws.eventbridge import SOURCE
from worker.retraining import arguments, requests
from worker.retraining.command import EXIT_MESSAGE

FOLDER = Path(__file__).parents[3] / "deploy" / "pipelines"
PIPELINE = json.loads((FOLDER / "retrain.json").read_text())
SCHEDULE = json.loads((FOLDER / "schedule.json").read_text())
STEPS = {step["Name"]: step for step in PIPELINE["Steps"]}
CALLS = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName"),
    "Training": ("CreateTrainingJob", "TrainingJobName"),
}
VALUES = {
    "Parameters.ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/restock-forecaster:1",
    "Parameters.RoleArn": "arn:aws:iam::123456789012:role/restock-forecaster",
    "Parameters.SalesUri": "s3://shop/sales",
    "Parameters.PlaceUri": "s3://shop/retraining",
    "Execution.PipelineExecutionId": "abcdefghijkl",
}


def references(part):
    """Everything that is only known when it runs."""
    if isinstance(part, dict):
        if set(part) == {"Get"}:
            yield part["Get"]
        else:
            for each in part.values():
                yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(part):
    """The part as an execution sees it."""
    defaults = {f"Parameters.{each['Name']}": each.get("DefaultValue") for each in PIPELINE["Parameters"]}
    if isinstance(part, dict) and set(part) == {"Get"}:
        said = VALUES.get(part["Get"]) or defaults.get(part["Get"])
        return said or "s3://shop/" + re.sub(r"\W+", "-", part["Get"])
    if isinstance(part, dict) and set(part) == {"Std:Join"}:
        return part["Std:Join"]["On"].join(resolved(part["Std:Join"]["Values"]))
    if isinstance(part, dict):
        return {name: resolved(each) for name, each in part.items()}
    return [resolved(each) for each in part] if isinstance(part, list) else part


def report(service, call, request):
    shape = ServiceModel(Loader().load_service_model(service, "service-2")).operation_model(call).input_shape
    return ParamValidator().validate(request, shape).generate_report()


@pytest.mark.parametrize("name", STEPS)
def test_the_service_would_take_what_a_step_asks_for(name):
    step = STEPS[name]
    call, named = CALLS[step["Type"]]
    request = {named: "the-pipeline-names-it", **resolved(step["Arguments"])}
    assert report("sagemaker", call, request) == ""


@pytest.mark.parametrize("call", SCHEDULE)
def test_so_would_the_services_that_start_it(call):
    service, operation = call.split(".")
    assert report(service, operation, SCHEDULE[call]) == ""


def test_every_reference_leads_to_a_parameter_or_to_what_an_earlier_step_gives():
    known = {f"Parameters.{each['Name']}" for each in PIPELINE["Parameters"]} | {"Execution.PipelineExecutionId"}
    for name, step in STEPS.items():
        assert set(references(step["Arguments"])) <= known, name
        outputs = step["Arguments"].get("ProcessingOutputConfig", {}).get("Outputs", [])
        base = f"Steps.{name}.ProcessingOutputConfig.Outputs"
        known |= {f"{base}['{each['OutputName']}'].S3Output.S3Uri" for each in outputs}
        if step["Type"] == "Training":
            known.add(f"Steps.{name}.ModelArtifacts.S3ModelArtifacts")


def test_a_model_that_fails_the_gate_cannot_be_deployed():
    """Deploy reads what the gate wrote; a gate that refuses ends its job with code 1, and nothing after it runs."""
    said = set(references(STEPS["Deploy"]["Arguments"]))
    assert "Steps.Gate.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri" in said


def test_it_trains_by_the_request_that_the_command_trains_by():
    ours, theirs = requests.training_job(PLAN), STEPS["Train"]["Arguments"]
    for part in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition", "EnableNetworkIsolation"):
        said = {**resolved(theirs)[part]} if isinstance(theirs[part], dict) else theirs[part]
        assert said == ours[part]
    assert theirs["InputDataConfig"][0]["ChannelName"] == ours["InputDataConfig"][0]["ChannelName"]


def test_the_container_finds_the_channel(tmp_path):
    channel = STEPS["Train"]["Arguments"]["InputDataConfig"][0]["ChannelName"]
    path = tmp_path / "data" / channel / "training.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert [file.name for file in channels(tmp_path, tmp_path / "links").sales] == ["training.parquet"]


@pytest.mark.parametrize("name", ["Prepare", "Gate", "Deploy"])
def test_the_command_line_takes_what_a_step_says(name):
    parser = argparse.ArgumentParser()
    arguments.add_retrain(parser)
    said = resolved(STEPS[name]["Arguments"]["AppSpecification"]["ContainerArguments"])
    chosen = parser.parse_args(said)
    places = {each["S3Input"]["LocalPath"] for each in STEPS[name]["Arguments"]["ProcessingInputs"]}
    read = [each for each in (chosen.sales, chosen.judge, chosen.deploy) if each and each.startswith("/")]
    assert set(read) <= places
    outputs = STEPS[name]["Arguments"].get("ProcessingOutputConfig", {}).get("Outputs", [])
    written = {str(each) for each in (chosen.prepare, chosen.report if chosen.judge else None) if each}
    assert written == {each["S3Output"]["LocalPath"] for each in outputs}


def test_the_retraining_that_is_suggested_starts_it():
    rule = SCHEDULE["events.PutRule"]
    (ours,) = resolve("forecasting", template("forecasting"), EXAMPLE).of("AWS::Events::Rule").values()
    assert rule["EventBusName"] == SCHEDULE["events.PutTargets"]["EventBusName"] == ours["EventBusName"]
    pattern = json.loads(rule["EventPattern"])
    assert pattern == ours["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == ([SOURCE], [RETRAIN_SUGGESTED])
    required = {each["Name"] for each in PIPELINE["Parameters"] if "DefaultValue" not in each}
    for call in ("scheduler.CreateSchedule", "events.PutTargets"):
        target = SCHEDULE[call].get("Target") or SCHEDULE[call]["Targets"][0]
        given = {each["Name"] for each in target["SageMakerPipelineParameters"]["PipelineParameterList"]}
        assert given == required
    assert str(EXIT_MESSAGE).startswith("/opt/ml/output")


def test_moto_takes_the_definition_and_starts_it(stand_in):
    """It stores the definition and starts an execution; it runs no step."""
    client = boto3.Session(region_name=REGION).client("sagemaker", endpoint_url=stand_in.url)
    client.create_pipeline(
        PipelineName="restock-retrain",
        PipelineDefinition=json.dumps(PIPELINE),
        RoleArn=VALUES["Parameters.RoleArn"],
        ClientRequestToken="x" * 32,
    )
    started = client.start_pipeline_execution(PipelineName="restock-retrain")
    said = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=started["PipelineExecutionArn"])
    assert json.loads(said["PipelineDefinition"]) == PIPELINE
    client.close()
