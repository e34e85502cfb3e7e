"""Secrets come from the platform and from nowhere else: no setting is one, and no file holds one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from worker.settings import Settings

ROOT = Path(__file__).parents[2]
SHAPES = {
    "an access key": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"),
    "a token of a forge": re.compile(rb"\b(?:gh[pousr]|glpat|xox[bp])[_-][A-Za-z0-9_-]{20,}"),
    "a secret key": re.compile(rb"aws_secret_access_key\s*[=:]\s*['\"]?[A-Za-z0-9/+]{40}\b", re.IGNORECASE),
}


def test_no_setting_is_a_secret():
    words = re.compile("secret|password|passwd|token(?!s_per_hour)|credential|api_?key|access_?key|private")
    assert [name for name in Settings.model_fields if words.search(name)] == []


@pytest.mark.parametrize("what", SHAPES)
def test_no_tracked_file_holds_one(what):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("no checkout of git")
    paths = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    assert len(paths) > 100
    assert [path for path in paths if path.is_file() and SHAPES[what].search(path.read_bytes())] == []


def test_the_shapes_are_recognised():
    examples = {
        "an access key": b"AKIA" + b"IOSFODNN7EXAMPLE",
        "a private key": b"-----BEGIN RSA PRIVATE " + b"KEY-----\n" + b"A" * 64,
        "a token of a forge": b"ghp_" + b"a" * 36,
        "a secret key": b"aws_secret_access_" + b"key = " + b"wJalrXUtnFEMI" * 3 + b"x",
    }
    assert {what for what, example in examples.items() if SHAPES[what].search(example)} == set(SHAPES)
