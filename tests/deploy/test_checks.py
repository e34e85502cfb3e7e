"""Are our templates what they should be, and would the checks say so if they were not?"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from planted_alarms import PLANTED_ALARMS
from planted_analytics import PLANTED_ANALYTICS
from planted_data import PLANTED_DATA
from planted_events import PLANTED_EVENTS
from planted_grants import PLANTED_GRANTS
from planted_tasks import PLANTED_TASKS
from planting import Planted, with_the_mistake

from deploy.checks import RULES, findings
from deploy.profile import (
    ASKED_FOR,
    EXAMPLE,
    STACKS,
    alarm_metrics,
    cost_arguments,
    environment,
    profile,
    profile_names,
    resolved,
)
from deploy.template import FOLDER, names, resolve, template
from worker.doctor.limits import PROCESS_MB
from worker.settings import Settings

ROOT = FOLDER.parent.parent
PLANTED = (
    *PLANTED_TASKS,
    *PLANTED_DATA,
    *PLANTED_EVENTS,
    *PLANTED_ALARMS,
    *PLANTED_GRANTS,
    *PLANTED_ANALYTICS,
)
TEMPLATE_BYTES_MAX = 51_200  # CloudFormation's, for a template that is sent with the request


def test_our_own_rules_find_nothing_in_our_templates():
    assert findings() == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
def test_a_planted_mistake_is_found_by_its_rule(planted):
    found = findings(with_the_mistake(planted))
    assert planted.rule in {finding.rule for finding in found}, found


def test_every_rule_has_a_planted_mistake():
    assert {rule.__name__ for rule in RULES} == {planted.rule for planted in PLANTED}


def test_a_pattern_may_compare_sources_and_offer_others():
    """Both are legal: EventBridge User Guide, "Comparison operators"."""
    written = with_the_mistake(
        Planted(
            "no mistake",
            "patterns_can_match",
            "observability",
            ("Resources", "SnapshotFailed", "Properties", "EventPattern"),
            lambda _: {"source": [{"prefix": "aws.ecs"}], "$or": [{"region": ["eu-west-1"]}, {"account": ["1"]}]},
        )
    )
    assert findings(written) == []


def test_cfn_lint_finds_nothing():
    program = Path(sys.executable).with_name("cfn-lint")
    said = subprocess.run([program, *sorted(FOLDER.glob("*.yaml"))], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


def test_every_template_can_be_sent_with_the_request_and_is_deployed_by_somebody():
    assert {
        path.stem: path.stat().st_size for path in FOLDER.glob("*.yaml") if path.stat().st_size > TEMPLATE_BYTES_MAX
    } == {}
    assert set(names()) == {*STACKS, *ASKED_FOR, "delivery"}


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_s_worker_starts_with_settings_that_hold_together(name):
    said = environment(resolved(profile(name), "worker"))
    settings = Settings.model_validate({key.removeprefix("RESTOCK_").lower(): value for key, value in said.items()})
    assert settings.queue_names[0].startswith("retail-sales")


def test_the_memory_of_a_small_task_adds_up():
    """The process with what is in hand, the states it keeps, their ids and the table of them."""
    small = environment(resolved(profile("small"), "worker"))
    needed_mb = PROCESS_MB + int(small["RESTOCK_CACHED_MB"]) + 220 + 20
    assert needed_mb <= int(profile("small").parameters["Memory"])


def test_every_parameter_of_a_profile_is_one_of_a_template():
    declared = {name for stack in (*STACKS, *ASKED_FOR) for name in _parameters(stack)}
    for name in profile_names():
        assert set(profile(name).parameters) - declared == set(), name


def _parameters(stack):
    return template(stack)["Parameters"]


def test_the_minimal_profile_leaves_nothing_running_and_few_alarms_behind():
    minimal = profile("minimal")
    stacks = {stack: resolved(minimal, stack) for stack in STACKS}
    (scaling,) = stacks["worker"].of("AWS::ApplicationAutoScaling::ScalableTarget").values()
    assert scaling["MinCapacity"] == "0"
    (config,) = stacks["forecasting"].of("AWS::SageMaker::EndpointConfig").values()
    assert "ServerlessConfig" in config["ProductionVariants"][0]
    assert all(
        table["BillingMode"] == "PAY_PER_REQUEST" for table in stacks["data"].of("AWS::DynamoDB::Table").values()
    )
    alarms = [alarm for stack in stacks.values() for alarm in stack.of("AWS::CloudWatch::Alarm").values()]
    assert sum(map(alarm_metrics, alarms)) <= 10  # CloudWatch's free ones


@pytest.mark.parametrize("name", profile_names())
def test_restock_cost_takes_what_a_profile_asks_it(name):
    script = shutil.which("restock", path=str(Path(sys.executable).parent))
    said = subprocess.run([script, "cost", "--json", *cost_arguments(profile(name))], capture_output=True, check=False)
    assert said.returncode == 0, said.stderr


def test_the_deploy_command_names_what_is_missing_before_it_calls_anybody():
    command = [sys.executable, "-m", "deploy", "up", "small"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.returncode == 2
    assert said.stderr.strip().endswith("--set is missing for ForecasterImage, Image, SecurityGroup, Subnets")


def test_a_new_forecaster_image_leaves_the_endpoint_alone():
    """Or each release would put the first model back, over whatever retraining has made since."""
    written = template("forecasting")
    before, after = (
        resolve("forecasting", written, {**EXAMPLE, "ForecasterImage": f"restock-forecaster@sha256:{digit * 64}"})
        for digit in "ab"
    )
    changed = {name for name, said in before.resources.items() if said != after.resources[name]}
    assert changed == {"Monthly", "Suggested"}
