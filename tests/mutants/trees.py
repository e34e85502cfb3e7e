"""Where does a mutant live?

In a copy of the tree of its own, which nobody else sees; the tree it was copied from is never touched."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from mutants.mutant import Mutant

FOLDERS = ("domain", "handlers", "worker", "forecaster", "tests")
FILES = ("pyproject.toml",)  # pytest's settings


def copy(source: Path, to: Path) -> Path:
    """A copy of what the tests need, without what was compiled from it."""
    for folder in FOLDERS:
        shutil.copytree(source / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in FILES:
        shutil.copy(source / name, to / name)
    return to


def grow(source: Path, to: Path, mutant: Mutant | None) -> Path:
    """A copy of source with the bug in it; None is no bug."""
    copy(source, to)
    if mutant is not None:
        mutant.plant(to)
    return to


def command(*arguments: str) -> Sequence[str]:
    """What starts Python with these arguments; -P, so that no folder but the ones named is looked at first."""
    return [sys.executable, "-P", *arguments]


def environment(tree: Path) -> dict[str, str]:
    """The environment in which the modules of that tree, and no other, are imported. Sets hash alike in each."""
    return {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'tests'}", "PYTHONHASHSEED": "0"}
