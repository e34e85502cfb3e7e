"""Shadow, canary, and back: against moto's SageMaker and a stand-in of ours for UpdateEndpoint."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from fakes.clock import FakeClock
from sagemaker_stand_in import REGION

from worker.aws.sagemaker_control import Failed, open_control
from worker.retraining import requests
from worker.retraining.on_aws import OnAws, artifact_behind
from worker.retraining.plan import SHADOW, Plan, S3Place
from worker.retraining.steps import Progress

PLAN = Plan(
    run_id="2025-04-28",
    endpoint="retail-forecast-endpoint",
    image="123456789012.dkr.ecr.us-east-1.amazonaws.com/restock-forecaster:1",
    role="arn:aws:iam::123456789012:role/restock-forecaster",
    place=S3Place("retraining", "runs"),
)
OLD = dataclasses.replace(PLAN, run_id="2025-03-31")
NOW_MS = int(datetime.now(UTC).timestamp() * 1000)


@pytest_asyncio.fixture
async def clients(stand_in):
    async with open_control(REGION, stand_in.url) as opened:
        yield opened


class Shop:
    """An endpoint, and what a person sees of its rollouts."""

    def __init__(self, stand_in, clients) -> None:
        self.stand_in, self.clients, self.clock, self.said = stand_in, clients, FakeClock(NOW_MS), io.StringIO()

    def rollout(self, plan=PLAN) -> OnAws:
        return OnAws(plan, self.clients, self.clock, Progress(6, self.said))

    async def deploy(self, plan=PLAN) -> None:
        await self.rollout(plan).deploy(f"{plan.output.uri()}/model.tar.gz")

    @property
    def config(self) -> str:
        return self.stand_in.sagemaker.endpoints[PLAN.endpoint].endpoint_config_name

    async def shadow_fails(self, count: int) -> None:
        """SageMaker would count what the shadow's container refuses, in the minutes it is watched."""
        await self.clients.cloudwatch.put_metric_data(
            Namespace="AWS/SageMaker",
            MetricData=[
                {
                    "MetricName": "Invocation5XXErrors",
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": PLAN.endpoint},
                        {"Name": "VariantName", "Value": SHADOW},
                    ],
                    "Timestamp": datetime.fromtimestamp(NOW_MS / 1000, UTC) + timedelta(seconds=90),
                    "Value": count,
                }
            ],
        )


@pytest.fixture
def shop(stand_in, clients) -> Shop:
    return Shop(stand_in, clients)


async def test_the_first_model_makes_the_endpoint(shop):
    await shop.deploy(OLD)
    assert shop.stand_in.serves(PLAN.endpoint) == OLD.model
    assert not shop.stand_in.updates


async def test_a_later_model_is_a_shadow_first_and_then_a_canary_with_alarms(shop):
    await shop.deploy(OLD)
    await shop.deploy()
    shadow, back, canary = shop.stand_in.updates
    assert shadow == requests.shadow_update(PLAN)
    assert back["EndpointConfigName"] == OLD.live_config, "the canary begins from exactly what served before"
    assert canary == requests.canary_update(PLAN)
    variants = shop.stand_in.sagemaker.endpoint_configs[PLAN.shadow_config].production_variants
    assert [each["ModelName"] for each in variants] == [OLD.model], "while it is a shadow the old one answers"
    assert [each["ModelName"] for each in shop.stand_in.shadows[PLAN.shadow_config]] == [PLAN.model]
    assert shop.stand_in.serves(PLAN.endpoint) == PLAN.model
    assert shop.clock.now() - NOW_MS >= PLAN.observe_s * 1000
    alarms = (await shop.clients.cloudwatch.describe_alarms())["MetricAlarms"]
    assert {each["AlarmName"] for each in alarms} == set(requests.alarm_names(PLAN))


async def test_a_shadow_that_fails_requests_is_taken_away_and_never_answers(shop):
    await shop.deploy(OLD)
    await shop.shadow_fails(3)
    with pytest.raises(Failed, match="the shadow failed 3 of 40 requests"):
        await shop.deploy()
    assert shop.config == OLD.live_config
    assert [each["EndpointConfigName"] for each in shop.stand_in.updates] == [PLAN.shadow_config, OLD.live_config]


async def test_a_shadow_that_was_asked_nothing_does_not_pass(shop):
    await shop.deploy(OLD)
    shop.stand_in.asked = 0
    for _ in range(2):  # it is not noted as passed either
        with pytest.raises(Failed, match="the shadow was asked nothing in 3,600 s"):
            await shop.deploy()
        assert shop.config == OLD.live_config


async def test_a_canary_that_an_alarm_takes_back_ends_with_what_served_before(shop):
    await shop.deploy(OLD)
    shop.stand_in.roll_back.add(PLAN.live_config)
    with pytest.raises(Failed, match="went back to"):
        await shop.deploy()
    assert shop.config == OLD.live_config
    assert shop.stand_in.serves(PLAN.endpoint) == OLD.model
    shop.stand_in.roll_back.clear()
    await shop.deploy()
    assert "shadow: passed before" in shop.said.getvalue(), "a second try does not watch it for another hour"
    assert shop.stand_in.serves(PLAN.endpoint) == PLAN.model


async def test_a_rollout_cut_short_goes_on_where_it_stopped(shop):
    """Killed while the shadow was watched: it is watched anew, and not made anew."""
    await shop.deploy(OLD)

    async def killed(*_):
        raise KeyboardInterrupt

    first = shop.rollout()
    first._control.wait = killed
    with pytest.raises(KeyboardInterrupt):
        await first.deploy("s3://retraining/model.tar.gz")
    assert shop.config == PLAN.shadow_config
    await shop.deploy()
    went = [PLAN.shadow_config, OLD.live_config, PLAN.live_config]
    assert [each["EndpointConfigName"] for each in shop.stand_in.updates] == went
    await shop.deploy()
    assert len(shop.stand_in.updates) == 3, "once it serves, there is nothing left to do"
    assert "serves it already" in shop.said.getvalue()


async def test_an_update_is_waited_for_and_told(shop):
    await shop.deploy(OLD)
    shop.stand_in.moving = 3
    await shop.deploy()
    assert "Updating after 0 s" in shop.said.getvalue()
    assert shop.clock.sleeps.count(15.0) >= 2


async def test_an_endpoint_with_two_production_variants_is_not_touched(shop):
    await shop.deploy(OLD)
    variants = shop.stand_in.sagemaker.endpoint_configs[OLD.live_config].production_variants
    variants.append({**variants[0], "VariantName": "other"})
    with pytest.raises(Failed, match="2 production variants"):
        await shop.deploy()
    assert not shop.stand_in.updates


async def test_the_artifact_that_serves_is_found_behind_the_endpoint(shop):
    control = shop.rollout()._control
    assert await artifact_behind(control, PLAN.endpoint) is None
    await shop.deploy(OLD)
    assert await artifact_behind(control, PLAN.endpoint) == f"{OLD.output.uri()}/model.tar.gz"


async def test_a_training_job_that_failed_says_why(shop, tmp_path):
    shop.stand_in.train_for_real = False
    on_aws = shop.rollout()
    await on_aws._control.ensure("training_job", "TrainingJobName", requests.training_job(PLAN))
    job = shop.stand_in.sagemaker.training_jobs[PLAN.job]
    job.training_job_status, job.failure_reason = "Failed", "AlgorithmError: no product was sold"
    with pytest.raises(Failed, match="AlgorithmError: no product was sold"):
        await on_aws.train()
