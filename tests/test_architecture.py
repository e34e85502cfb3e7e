"""Imports point one way: domain <- handlers <- worker; forecaster uses domain alone; only worker names AWS."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "handlers", "worker", "forecaster")
ALLOWED = {
    "domain": {"domain"},
    "handlers": {"handlers", "domain"},
    "forecaster": {"forecaster", "domain"},
    "worker": {"worker", "handlers", "domain", "forecaster"},
}
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return named | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_package_may(path):
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports_of(path)} & set(PACKAGES)
    assert ours <= ALLOWED[package]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_worker_names_aws(path):
    if path.relative_to(ROOT).parts[0] != "worker":
        assert not {name.split(".")[0] for name in imports_of(path)} & {"aiobotocore", "botocore", "boto3"}


def test_the_domain_is_pure():
    impure = {"asyncio", "time", "random", "logging", "structlog", "os", "pathlib", "socket", "uuid", "secrets"}
    for path in (ROOT / "domain").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports_of(path)} & impure, path
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in nodes), path


def test_the_production_worker_imports_nothing_that_only_a_laptop_has():
    local_only = {"pandas", "pyarrow", "rich", "lightgbm", "ministack", "moto", "aiohttp.web"}
    sales_files = {"files.py", "sales_file.py", "column_sales.py", "csv_sales.py", "jsonl_sales.py"}
    for path in (ROOT / "worker").rglob("*.py"):
        relative = path.relative_to(ROOT)
        # Commands that are run elsewhere than the worker, in the forecaster's image or at home; and the live page,
        # which is loaded by a worker that serves it alone.
        if {"local", "retraining", "bulk", "backtest", "rebuilding", "snapshots", "dashboard"} & set(
            relative.parts
        ) or relative.name in sales_files:
            continue
        assert not imports_of(path) & local_only, path


def test_no_room_is_too_large_to_read_in_one_sitting():
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        assert len(path.read_text().splitlines()) <= 300, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}:{node.name}"
