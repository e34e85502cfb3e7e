"""A rebuild that is killed leaves no process behind, not even one that had only just begun."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ORPHAN = """
import os, sys, time
from pathlib import Path
from worker.rebuilding.run import _end_with_parent

def born(folder):
    parent = os.getppid()
    (folder / "born").write_text(str(os.getpid()))
    while os.getppid() == parent:
        time.sleep(0.01)
    _end_with_parent()
    (folder / "survived").touch()
"""
PARENT = """
import multiprocessing, os, sys, time
from pathlib import Path
from orphan import born

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    multiprocessing.get_context("spawn").Process(target=born, args=(folder,)).start()
    while not (folder / "born").exists():
        time.sleep(0.01)
    os._exit(9)
"""


def test_a_process_whose_parent_died_before_it_could_ask_to_be_told_ends(tmp_path):
    (tmp_path / "orphan.py").write_text(ORPHAN)
    (tmp_path / "parent.py").write_text(PARENT)
    done = subprocess.run([sys.executable, tmp_path / "parent.py", tmp_path], timeout=60, check=False)
    assert done.returncode == 9
    orphan = Path("/proc") / (tmp_path / "born").read_text()
    deadline = time.monotonic() + 20
    while (orphan / "cmdline").exists() and (orphan / "cmdline").read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (tmp_path / "survived").exists()
    assert time.monotonic() < deadline
