"""What the worker loads on ECS, and what it must not."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from worker.cli import main
import worker.process
try:
    main(["run", "--help"])
except SystemExit:
    pass
heavy = {"pandas", "pyarrow", "lightgbm", "moto", "worker.retraining.gate", "worker.bulk.command"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""


def test_the_worker_loads_nothing_that_only_retraining_and_bulk_forecasts_need():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "loaded: []"
