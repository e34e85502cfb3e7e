"""Do the limits fit each other, and the machine?

What a setting alone can break, the settings refuse themselves; here is what depends on where the worker runs."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from worker.doctor.checkup import Checkup

PROCESS_MB = 170 + 256  # the process itself, and four times the bodies that it may hold
SKEW_DOUBTFUL_S, SKEW_WRONG_S = 5, 300  # AWS refuses a signature that is more than five minutes off
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def check_limits(checkup: Checkup, memory_mb: int | None) -> None:
    """memory_mb is what the process may have, None if nothing limits it."""
    settings = checkup.settings
    needed_mb = settings.cached_mb + PROCESS_MB
    if memory_mb is None:
        checkup.untried("memory", f"no limit is set here; the worker may come to about {needed_mb:,} MB")
    elif memory_mb < needed_mb:
        checkup.wrong(
            "memory",
            f"{memory_mb:,} MB, and the worker may come to about {needed_mb:,} MB",
            f"give it more, or set RESTOCK_CACHED_MB to {max(1, memory_mb - PROCESS_MB):,}",
        )
    else:
        checkup.well("memory", f"{memory_mb:,} MB, of which about {needed_mb:,} MB may be used")
    if settings.calendar == "event":
        checkup.doubtful(
            "RESTOCK_CALENDAR", "event: forecasts begin at the newest day sold", "set it to wall for a running shop"
        )
    if settings.endpoint_url or settings.runtime_endpoint_url:
        checkup.doubtful("RESTOCK_ENDPOINT_URL", "this is a stand-in, and not AWS", "leave it out where sales are real")
    if settings.sweep_age_s < settings.decide_interval_s:
        checkup.doubtful(
            "RESTOCK_SWEEP_AGE_S",
            f"{settings.sweep_age_s:g} s is less than RESTOCK_DECIDE_INTERVAL_S: workers decide each other's products",
            f"set it above {settings.decide_interval_s:g}",
        )


def memory_limit_mb() -> int | None:
    """What the container may have, None without a limit."""
    for path in CGROUP_LIMITS:
        try:
            said = path.read_text().strip()
        except OSError:
            continue
        if said.isdigit() and int(said) < 1 << 50:
            return int(said) // 1_000_000
    return None


async def check_clock(checkup: Checkup) -> None:
    call = checkup.clients.dynamodb.describe_endpoints()
    answer = await checkup.ask("clock", "dynamodb:DescribeEndpoints", "look at the clock yourself", call, needed=False)
    said = (answer or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if said is None:
        checkup.untried("clock", "AWS did not say what time it is")
        return
    now = datetime.fromtimestamp(checkup.clock.now() / 1000, UTC)
    skew_s = (now - parsedate_to_datetime(said)).total_seconds()
    if abs(skew_s) >= SKEW_WRONG_S:
        checkup.wrong("clock", f"{skew_s:+.0f} s beside AWS: calls will be refused", "let NTP (chrony) set it")
    elif abs(skew_s) >= SKEW_DOUBTFUL_S:
        checkup.doubtful("clock", f"{skew_s:+.0f} s beside AWS: sales may seem to lie ahead", "let NTP (chrony) set it")
    else:
        checkup.well("clock", "agrees with AWS to a few seconds")


async def check_identity(checkup: Checkup) -> None:
    call = checkup.control.sts.get_caller_identity()
    fix = "give the process credentials: a task role, a profile, or AWS_* variables"
    said = await checkup.ask("credentials", "sts:GetCallerIdentity", fix, call)
    if said is not None:
        checkup.well("credentials", f"{said['Arn']}, region {checkup.settings.region}")
