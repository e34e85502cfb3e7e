"""May the worker do what it must, and nothing that it need not?

The real worker, under the policy of deploy/templates/permissions.yaml as CloudFormation made it, on an emulator that
enforces IAM by resource (ministack, AUTH=true); the two model runtimes are our gateway, which asks the same IAM.
Nothing of this has run on AWS. What no emulator tries is listed in docs/deploy.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from guarded_account import account
from guarded_worker import PARAMETERS, Lives
from iam_grants import allowing, grants_of, without

from deploy.profile import EXAMPLE
from deploy.template import resolve, template
from worker.local.embedded_aws import CREDENTIALS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

ROOT = Path(__file__).parent.parent.parent
WRITTEN = resolve("permissions", template("permissions"), {**EXAMPLE, **PARAMETERS}).of("AWS::IAM::ManagedPolicy")
GRANTS = grants_of(WRITTEN["WorkerPolicy"]["PolicyDocument"])
# What our code calls AWS's clients; an operation is a method in snake case.
CLIENTS = {"client", "dynamodb", "sqs", "s3", "streams", "events", "sagemaker", "bedrock", "cloudwatch"}
ONE_WORD = {"query", "scan", "converse"}
OPERATION = re.compile(r"(batch|change|delete|describe|get|invoke|list|put|receive|send|transact|update)_[a-z_0-9]+")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lives(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AUTH": "true"}.items():
            patch.setenv(name, value)
        async with account(tmp_path_factory.mktemp("guarded"), PARAMETERS) as guarded:
            found = Lives(guarded)
            await found.seed(len(GRANTS) + 3)
            yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(lives):
    """The worker's policy as CloudFormation made it."""
    return lives.account.policy("restock-worker")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(lives, document):
    """A life with every permission."""
    lives.account.may(document)
    return await lives.live(all_but_the_drain(document))


def all_but_the_drain(document):
    """Whether every permission has been used but the one of metrics, which go out once a minute or at the end."""
    wanted = {grant for grant in grants_of(document) if grant.action != "cloudwatch:PutMetricData"}
    return lambda needs: wanted <= {grant for need in needs for grant in allowing(document, need)}


async def test_with_its_policy_the_worker_is_refused_nothing(full):
    assert full.refused == set()


async def test_each_permission_is_used_and_each_call_is_allowed_by_exactly_one(full, document):
    used = {need: allowing(document, need) for need in full.needs}
    assert {need: grants for need, grants in used.items() if len(grants) != 1} == {}
    assert {grant for grants in used.values() for grant in grants} == set(grants_of(document))


async def test_a_full_life_makes_every_call_that_the_worker_s_code_can_make(full):
    made = {"".join(part.capitalize() for part in name.split("_")) for name in called_in_the_code()}
    assert made == {operation for _, operation in full.calls}


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: f"{grant.sid}-{grant.action}")
async def test_without_a_permission_the_worker_is_refused_that_very_action(grant, lives, full, document):
    lives.account.may(without(document, grant))
    watched = await lives.live(all_but_the_drain(document))
    assert watched.refused == {grant.action}


def modules_of_restock_run() -> list[Path]:
    """The files of ours that the worker's process imports."""
    program = (
        "import sys, worker.process; print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('worker.')))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    return [Path(name) for name in said.stdout.split()]


def called_in_the_code() -> set[str]:
    """The operations that stand in the code of `restock run`."""
    found = set()
    for path in modules_of_restock_run():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner, method = node.func.value, node.func.attr
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                if name.lstrip("_") in CLIENTS and (method in ONE_WORD or OPERATION.match(method)):
                    found.add(method)
    return found
