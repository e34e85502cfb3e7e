"""Where does a peer run?

In an environment of its own, never in ours: bench/environments/NAME.txt pins it with hashes, and it is made under
.bench/ when it is first asked for, or when its list has changed. A peer that cannot be installed here is `Missing`:
its rows are left out, and that is said."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.rows import Tell

ROOT = Path(__file__).parent.parent
LISTS = Path(__file__).parent / "environments"
PLACE = ROOT / ".bench"
INSTALL_TIMEOUT_S = 900


class Missing(Exception):
    """This peer cannot run here: leave it out and say why."""


def python_of(name: str, tell: Tell) -> Path:
    """The interpreter of an environment, which is made first if need be; Missing if that fails."""
    wanted = LISTS / f"{name}.txt"
    if not wanted.exists():
        raise Missing(f"{name}: no list of packages {wanted.name}")
    place = PLACE / name
    stamp, digest = place / ".installed", hashlib.sha256(wanted.read_bytes()).hexdigest()
    python = place / "bin" / "python"
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return python
    tell(f"installing the environment {name}")
    shutil.rmtree(place, ignore_errors=True)
    PLACE.mkdir(exist_ok=True)
    _run(name, [sys.executable, "-m", "venv", str(place)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run(name, [*pip, "-r", str(wanted)])
    stamp.write_text(digest)
    return python


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own commands, from no input
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Missing(f"{name}: {exc}") from exc
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Missing(f"{name}: {lines[-1] if lines else 'the installation failed'}")
