"""Which versions of the worker are there to run side by side?

Today's tree, one release on, and, where the history is at hand, a fixed earlier commit. The next release does what an
upgrade may do: it writes members that today's workers do not know, beside those they do (docs/deploy.md, "Upgrades")."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("domain", "handlers", "worker", "forecaster")
EARLIER = "b8328b0fb391b13b4f04b39570e60bc77b024ae3"  # before forecasts were watched
MARK = "written_by_next"
# (file, what stands there, what the next release has in its place): each must be there exactly once.
ADDED = (
    (
        "worker/aws/state_codec.py",
        '        "body": {"B": compress(_body(state), 1)},\n',
        f'        "body": {{"B": compress(_body(state), 1)}},\n        "{MARK}": {{"N": "1"}},\n',
    ),
    (
        "worker/aws/state_codec.py",
        '    body: dict[str, Any] = {"newest_day": state.newest_day}\n',
        '    body: dict[str, Any] = {"newest_day": state.newest_day, "season": [1, 2]}\n',
    ),
)


def next_release(folder: Path) -> Path:
    """A copy of today's tree with the additions."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in ADDED:
        path = folder / name
        text = path.read_text()
        assert text.count(before) == 1, f"{name} has changed: write this addition anew"
        path.write_text(text.replace(before, after))
    return folder


def earlier_release(folder: Path) -> Path | None:
    """The tree of the earlier commit; None where there is no history, as in an archive or a shallow clone."""
    command = ["git", "-C", str(ROOT), "archive", EARLIER, *PACKAGES]
    try:
        said = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    if said.returncode != 0:
        return None
    with tarfile.open(fileobj=io.BytesIO(said.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
