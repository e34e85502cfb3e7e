"""What are the steps of a retraining, and how does somebody see where it is?

One after the other, each said before it begins and after it ends. A step whose work is done already says so and ends
at once; the first that fails ends the run, and what served before serves on."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from typing import Any, TextIO

from forecaster.known_ahead import NO_CALENDAR, Calendar
from forecaster.model import DemandModel
from worker.retraining.data import Sales
from worker.retraining.gate import Figures, Verdict, judge, told


class NotGoodEnough(Exception):
    """The gate refused the model; the message gives the reasons."""


class TrainingFailed(Exception):
    """There is no new model; the message says why."""


@dataclass(slots=True)
class Progress:
    """Says which step it is, of how many, and what it comes to."""

    steps: int
    stream: TextIO
    at: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        self.at += 1
        self._write(f"{self.at}/{self.steps} {name}: {what}")
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 2)
        self._write(f"{self.at}/{self.steps} {name}: done in {self.seconds[name]:,.1f} s")

    def tell(self, line: str) -> None:
        self._write(f"    {line}")

    def _write(self, line: str) -> None:
        self.stream.write(line + "\n")
        self.stream.flush()


def train_here(sales: Path, until: str, calendar: Path | None, model_dir: Path, progress: Progress) -> None:
    """`restock train` in a process of its own, as the training container runs it; its lines are shown."""
    command = [sys.executable, "-m", "worker.cli", "train", "--sales", str(sales), "--model-dir", str(model_dir)]
    command += ["--until", until, *(["--calendar", str(calendar)] if calendar is not None else [])]
    last = ""
    with Popen(command, stdout=PIPE, stderr=STDOUT, text=True, env=os.environ) as running:  # noqa: S603 - our own program
        for line in running.stdout or ():
            last = line.rstrip()
            progress.tell(last)
    if running.returncode:
        raise TrainingFailed(last or f"`restock train` ended with code {running.returncode}")


def pass_gate(
    candidate: DemandModel,
    serving: DemandModel | None,
    sales: Sales,
    calendar: Calendar | None,
    report: Path | None,
    progress: Progress,
) -> Verdict:
    """Judges the candidate and shows the figures; NotGoodEnough if it does not pass."""
    verdict = judge(candidate, serving, sales.panel(), sales.as_of, calendar or NO_CALENDAR)
    for name, figures in _rows(verdict):
        progress.tell(
            f"{name:<28}{figures.windows:>9,} weeks  WAPE {figures.wape:.4f}  WQL {figures.wql:.4f}  "
            f"bias {figures.bias:+.4f}  P90 covers {figures.p90_coverage:.3f}"
        )
    for note in verdict.notes:
        progress.tell(note)
    if report is not None:
        write_json(report / "gate.json", told(verdict))
    if not verdict.passed:
        raise NotGoodEnough("; ".join(verdict.reasons))
    return verdict


def _rows(verdict: Verdict) -> Iterator[tuple[str, Figures]]:
    yield "new model", verdict.candidate
    yield "baseline", verdict.baseline
    if verdict.serving is not None and verdict.candidate_beside_serving is not None:
        yield "serving model", verdict.serving
        yield "new model, on the same", verdict.candidate_beside_serving


def write_json(path: Path, said: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=2, allow_nan=False) + "\n", encoding="utf-8")
