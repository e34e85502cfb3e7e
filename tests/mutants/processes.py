"""How is something run in a mutant's tree, and nowhere else?

In a process of its own, whose imports are checked. One that says nothing for too long has run away and is killed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from simulation.figures import Figures
from simulation.network import Said

from mutants.trees import command, environment

SILENT_MAX_S = 300.0
TEST_MAX_S = 600.0
LINE_BYTES_MAX = 2**20


class Unsound(Exception):
    """What was run is not what was meant, or fails without any bug."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What mutants/trial.py is asked for: runs first..last-1 of a kind."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a trial came to. failed and reason: the run that failed, if one did; figures add up those that held."""

    runs: int
    figures: Figures
    failed: str | None = None
    reason: str = ""


async def trial(tree: Path, plan: Plan) -> Told:
    """The plan, carried out in that tree up to the first failure."""
    total, count = Figures(), 0
    async with aclosing(_runs(tree, plan)) as runs:
        async for name, reason, figures in runs:
            count += 1
            if reason is not None:
                return Told(count, total, name, reason)
            total.add(figures)
    return Told(count, total)


async def _runs(tree: Path, plan: Plan) -> AsyncGenerator[tuple[str, str | None, Figures]]:
    complaints = tree / "complaints"
    with complaints.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command("-m", "mutants.trial", plan.kind, str(plan.first), str(plan.last)),
            cwd=tree,
            env=environment(tree),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=LINE_BYTES_MAX,
        )
    assert process.stdout is not None
    try:
        async for said in _lines(process.stdout):
            if "worker" in said:
                _check_import(said["worker"], tree)
            else:
                figures = Figures(Counter(said["counts"]), said["virtual_s"], said["slowest_drain_s"])
                yield said["name"], said["reason"], figures
        if await process.wait():
            last_words = complaints.read_text().strip().splitlines() or ["without a word"]
            yield f"{plan.kind} run", f"died: {last_words[-1]}", Figures()
    except TimeoutError:
        yield f"{plan.kind} run", f"ran away: nothing ended within {SILENT_MAX_S:.0f} s", Figures()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[Said]:
    while True:
        async with asyncio.timeout(SILENT_MAX_S):
            line = await stream.readline()
        if not line:
            return
        yield json.loads(line)


def _check_import(imported: str, tree: Path) -> None:
    if not Path(imported).is_relative_to(tree):
        raise Unsound(f"the worker was imported from {imported}, not from the mutant's tree")


async def tested(tree: Path, test: str) -> str | None:
    """What pytest said of that part of the suite in that tree; None if it passed."""
    process = await asyncio.create_subprocess_exec(
        *command("-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", f"tests/{test}"),
        cwd=tree,
        env=environment(tree),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TEST_MAX_S):
            said = (await process.communicate())[0].decode()
    except TimeoutError:
        return f"not done after {TEST_MAX_S:.0f} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return None
    if process.returncode != 1:
        raise Unsound(f"pytest could not run {test}: {said[-500:]}")
    return next((line[1:].strip() for line in said.splitlines() if line.startswith("E  ")), said[-200:])
