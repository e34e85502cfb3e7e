"""Do the workflows build once, and let nobody in who should not be?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.checks import findings
from deploy.template import FOLDER, resolve, template

ROOT = FOLDER.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")


def jobs(path):
    return yaml.safe_load(path.read_text())["jobs"]


def steps(path):
    return [step for job in jobs(path).values() for step in job.get("steps", ())]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(path):
    for line in path.read_text().splitlines():
        if "uses:" in line and "./" not in line:
            assert PINNED.search(line), line
            assert re.search(r"# v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_has_a_stored_key_and_no_checkout_leaves_one_behind(path):
    assert "secrets." not in path.read_text()
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    checkouts = [step for step in steps(path) if "checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_zizmor_finds_nothing():
    program = Path(sys.executable).with_name("zizmor")
    if not program.exists():
        pytest.skip("zizmor is not installed: pip install 'restock[deploy]'")
    said = subprocess.run(
        [program, "--offline", "--quiet", "--color=never", ROOT / ".github"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout
    assert said.stdout.startswith("No findings to report")


def test_images_are_built_once_and_only_their_digests_travel():
    building = {
        path.name: [step["run"] for step in steps(path) if "docker build" in step.get("run", "")] for path in WORKFLOWS
    }
    assert {name: len(found) for name, found in building.items() if found} == {"deploy.yml": 1}
    (deploying,) = [
        step["run"] for step in steps(ROOT / ".github/workflows/deploy-to.yml") if "deploy up" in step.get("run", "")
    ]
    assert re.findall(r"restock-(\w+)@\$\(cat digests/(\w+)\)", deploying) == [("worker",) * 2, ("forecaster",) * 2]


def test_production_comes_after_staging_and_each_asks_its_environment():
    found = jobs(ROOT / ".github/workflows/deploy.yml")
    assert found["production"]["needs"] == "staging"
    assert "needs.staging.result == 'success'" in found["production"]["if"]
    assert {name: found[name]["with"]["environment"] for name in ("staging", "production")} == {
        "staging": "staging",
        "production": "production",
    }
    assert jobs(ROOT / ".github/workflows/deploy-to.yml")["deploy"]["environment"] == "${{ inputs.environment }}"


def test_the_roles_let_in_the_main_branch_and_the_two_environments_alone():
    delivery = resolve("delivery", template("delivery"), {"Repository": "example/restock"})
    subjects = set()
    for role in delivery.of("AWS::IAM::Role").values():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            said = statement["Condition"]["StringEquals"].get("token.actions.githubusercontent.com:sub", [])
            subjects |= {said} if isinstance(said, str) else set(said)
    assert subjects == {
        "repo:example/restock:ref:refs/heads/main",
        "repo:example/restock:environment:staging",
        "repo:example/restock:environment:production",
    }


def test_every_parameter_that_the_workflow_sets_is_one_of_the_stacks():
    text = (ROOT / ".github/workflows/deploy-to.yml").read_text()
    wanted = set(re.findall(r'--set "(\w+)=', text))
    declared = {
        name
        for stack in ("data", "permissions", "observability", "worker", "forecasting")
        for name in template(stack)["Parameters"]
    }
    without_default = {
        name
        for stack in ("data", "permissions", "observability", "worker", "forecasting")
        for name, said in template(stack)["Parameters"].items()
        if "Default" not in said
    }
    assert wanted <= declared
    assert without_default <= wanted
    assert findings() == []
