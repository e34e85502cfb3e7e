"""What the Dockerfile promises, as far as reading it shows; deploy/verify-image.sh builds it and runs it."""

import ast
import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSTRUCTIONS = [
    line
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]
# How botocore itself comes by credentials.
CREDENTIAL_SERVICES = {"signin", "sso", "sso-oidc", "sts"}


def stages():
    """Name -> (parent, instructions), in order; ARGs before the first FROM belong to none."""
    found = {}
    for line in INSTRUCTIONS:
        if line.startswith("FROM "):
            _, parent, _, name = line.split()
            found[name] = (parent, [])
        elif found:
            found[list(found)[-1]][1].append(line)
    return found


def said(stage, instruction):
    """The last value of an instruction in a stage or, failing that, in what it is built on."""
    parent, lines = stages()[stage]
    values = [line.removeprefix(instruction).strip() for line in lines if line.startswith(instruction + " ")]
    return values[-1] if values else said(parent, instruction)


def imported_names(path):
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_worker_is_what_is_built_when_no_target_is_named():
    assert list(stages())[-1] == "worker"


def test_the_base_can_be_passed_by_digest():
    assert INSTRUCTIONS[0].startswith("ARG BASE=python:3.12-slim")
    assert {parent for parent, _ in stages().values()} - set(stages()) == {"${BASE}"}


@pytest.mark.parametrize("target", ["worker", "forecaster"])
def test_signals_reach_the_program_itself(target):
    assert json.loads(said(target, "ENTRYPOINT")) == ["/opt/venv/bin/restock"]
    assert said(target, "STOPSIGNAL") == "SIGTERM"


def test_neither_image_runs_as_root_unless_asked_to():
    assert said("worker", "USER") == "10001:10001"
    assert said("forecaster", "USER") == "${FORECASTER_USER}"
    assert said("forecaster", "ARG") == "FORECASTER_USER=10001:10001"


def test_the_health_check_needs_neither_a_shell_nor_anything_outside_the_standard_library():
    command = said("worker", "HEALTHCHECK").split("CMD", 1)[1]
    assert json.loads(command) == ["/opt/venv/bin/python", "-I", "-m", "worker.healthcheck"]
    assert imported_names("worker/healthcheck.py") <= {"os", "socket", "sys"}
    assert imported_names("worker/__init__.py") == set()


def test_every_package_is_installed_by_hash():
    installs = [part for line in INSTRUCTIONS for part in line.split(";") if " install " in part and " pip " in part]
    assert len(installs) == 4
    assert all("--require-hashes" in part or "--no-index --no-deps" in part for part in installs)


def test_the_build_backend_comes_from_the_lock():
    (names,) = re.findall(r"\^\(([a-z|-]+)\)==", (ROOT / "Dockerfile").read_text())
    locked = re.findall(r"^([a-z-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert set(names.split("|")) <= set(locked)


def test_the_image_keeps_the_models_of_exactly_the_services_that_the_worker_calls():
    (kept,) = re.findall(r'^ARG AWS_SERVICES="(.+)"$', "\n".join(INSTRUCTIONS), re.MULTILINE)
    sources = [path for path in (ROOT / "worker").rglob("*.py") if "local" not in path.relative_to(ROOT).parts]
    calls = r"""(?:\bclient|create_client)\(\s*["']([a-z0-9-]+)["']"""
    called = {name for path in sources for name in re.findall(calls, path.read_text())}
    # The retraining's gate and deployment ask for their clients in one line.
    assert '("sagemaker", "s3", "cloudwatch", "dynamodb")' in (ROOT / "worker/aws/sagemaker_control.py").read_text()
    assert set(kept.split()) == called | CREDENTIAL_SERVICES | {"dynamodbstreams", "sagemaker"}


def test_what_is_copied_is_let_through_to_the_build():
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    copies = [shlex.split(line)[1:-1] for line in INSTRUCTIONS if line.startswith("COPY ") and "--from" not in line]
    copied = {source for sources in copies for source in sources}
    assert patterns.count("*") == 1
    assert copied == {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    assert all(any(fnmatch(str(path.relative_to(ROOT)), name) for path in ROOT.iterdir()) for name in copied)


def test_an_old_builder_can_read_it():
    text = (ROOT / "Dockerfile").read_text()
    assert "--link" not in text
    assert "<<" not in text
    assert "# syntax" not in text
