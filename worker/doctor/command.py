"""What does `restock doctor` look at, and what does it say in the end?

Everything is looked at, whatever is found; the worst comes first."""

from __future__ import annotations

import argparse
import asyncio
import logging
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from worker.aws.clients import Clients
from worker.clock import SystemClock
from worker.command_frame import failed, run_command, say, write_summary
from worker.doctor.bus import check_bus
from worker.doctor.checkup import Checkup, Control, Finding, Level
from worker.doctor.limits import check_clock, check_identity, check_limits, memory_limit_mb
from worker.doctor.models import check_models
from worker.doctor.queues import check_queues
from worker.doctor.storage import check_buckets
from worker.doctor.tables import check_tables
from worker.settings import Settings

WIDTH = 110
ORDER = (Level.WRONG, Level.DOUBTFUL, Level.UNTRIED, Level.WELL)


def run_doctor(chosen: argparse.Namespace) -> int:
    async def work(settings: Settings, clients: Clients, stop: asyncio.Event) -> int:
        findings = await findings_of(settings, clients, ask_models=not chosen.no_models)
        counts = Counter(finding.level for finding in findings)
        shown = [finding for finding in findings if chosen.all or finding.level is not Level.WELL]
        say("\n".join((*lines_of(shown), ", ".join(f"{counts[level]} {level.value}" for level in ORDER))))
        write_summary(
            chosen.report,
            {
                **{level.value: counts[level] for level in ORDER},
                "findings": [{**finding._asdict(), "level": finding.level.value} for finding in findings],
            },
        )
        return failed(f"{counts[Level.WRONG]} wrong: see above") if counts[Level.WRONG] else 0

    return run_command("doctor", work, loud=logging.CRITICAL)  # the findings say it


async def findings_of(settings: Settings, clients: Clients, *, ask_models: bool) -> list[Finding]:
    """All findings, the worst first."""
    async with AsyncExitStack() as opened:
        control = Control(
            await _client(opened, settings, "sagemaker"),
            await _client(opened, settings, "sts"),
        )
        checkup = Checkup(settings, clients, control, SystemClock())
        await check_identity(checkup)
        await check_clock(checkup)
        await check_tables(checkup)
        await check_queues(checkup)
        await check_bus(checkup)
        await check_buckets(checkup)
        await check_models(checkup, ask=ask_models)
        check_limits(checkup, memory_limit_mb())
    return sorted(checkup.findings, key=lambda finding: ORDER.index(finding.level))


async def _client(opened: AsyncExitStack, settings: Settings, service: str) -> Any:
    config = AioConfig(
        region_name=settings.region,
        connect_timeout=5,
        read_timeout=20,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent="restock",
    )
    made = get_session().create_client(service, endpoint_url=settings.endpoint_url, config=config)
    return await opened.enter_async_context(made)


def lines_of(findings: Sequence[Finding]) -> Iterator[str]:
    """A table of findings, each with what mends it below."""
    wide = min(44, max((len(finding.what) for finding in findings), default=0))
    for level, what, said, fix in findings:
        head = f"{level.value:<9} {what:<{wide}}  "
        yield from textwrap.wrap(said, WIDTH, initial_indent=head, subsequent_indent=" " * (wide + 12)) or [head]
        if fix:
            yield from textwrap.wrap(
                fix, WIDTH, initial_indent=" " * (wide + 12) + "→ ", subsequent_indent=" " * (wide + 14)
            )
