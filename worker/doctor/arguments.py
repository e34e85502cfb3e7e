"""How is `restock doctor` asked for?"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "checks resources, permissions, model ids and limits before a start; each finding with what mends it"

EPILOG = """Looks at what the RESTOCK_* variables name: tables and their keys, TTL, streams, queues and their dead
letters, the bus, its rules and archive, buckets, the forecast endpoint, the model of words, the clock, the memory. Run
it with the worker's own role: what may not be done is found by calls that can never take effect (a condition that
never holds, a receipt that nobody had). It changes nothing. The two models are asked once for real, for less than a
cent; --no-models leaves that out.

examples:
  restock doctor                      before the first start, and after every change of a policy
  restock doctor --report check       check/summary.json for a pipeline

  well      as it should be
  untried   cannot be found out without doing it
  doubtful  works, and something will be missed one day
  wrong     the worker cannot work so

exit codes: 0 nothing is wrong, 1 something is, 2 wrong use."""


def add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = HELP + ".", EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--no-models", action="store_true", help="do not ask the endpoint and the model of words")
    parser.add_argument("--all", action="store_true", help="show what is well too")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write summary.json there")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from worker.doctor.command import run_doctor

    return run_doctor(chosen)
