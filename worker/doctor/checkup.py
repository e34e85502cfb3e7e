"""What was found, and what mends it?

A finding says what was looked at, what it is like and, unless it is well, what to do. Whatever AWS refuses becomes a
finding too: one check that fails keeps no other from being made."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Clock
from worker.aws.clients import Clients, error_code, translated
from worker.settings import Settings

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403")
SAID_CHARS_MAX = 240


class Level(Enum):
    """WRONG: the worker cannot work so. DOUBTFUL: it works, and something will be missed one day. UNTRIED: it cannot be
    found out without doing it."""

    WELL = "well"
    UNTRIED = "untried"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


class Finding(NamedTuple):
    level: Level
    what: str
    said: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """Clients of the services that only a check talks to."""

    sagemaker: Any
    sts: Any


@dataclass(slots=True)
class Checkup:
    """Everything a check needs, and what all of them have found."""

    settings: Settings
    clients: Clients
    control: Control
    clock: Clock
    findings: list[Finding] = field(default_factory=list)

    def well(self, what: str, said: str) -> None:
        self.findings.append(Finding(Level.WELL, what, said))

    def untried(self, what: str, said: str) -> None:
        self.findings.append(Finding(Level.UNTRIED, what, said))

    def doubtful(self, what: str, said: str, fix: str) -> None:
        self.findings.append(Finding(Level.DOUBTFUL, what, said[:SAID_CHARS_MAX], fix))

    def wrong(self, what: str, said: str, fix: str) -> None:
        self.findings.append(Finding(Level.WRONG, what, said[:SAID_CHARS_MAX], fix))

    async def ask(
        self, what: str, action: str, fix: str, call: Awaitable[Any], *, needed: bool = True, ours: bool = True
    ) -> Any | None:
        """The answer; None, and a finding, if there is none. action is the permission that the call needs; needed:
        the worker cannot work without what is asked for; ours: the worker makes this call too, and not the doctor
        alone."""
        try:
            with translated(action):
                return await call
        except (Misconfigured, TransientFailure) as exc:
            cause = exc.__cause__
            denied = isinstance(cause, ClientError) and error_code(cause) in DENIED
            found = self.wrong if needed and (ours or not denied) else self.doubtful
            found(what, " ".join(str(exc).split()), _allow(action, ours=ours) if denied else fix)
            return None

    async def allowed(
        self, what: str, action: str, refusals: tuple[str, ...], call: Awaitable[Any], *, ours: bool = True
    ) -> bool:
        """Whether a call that can never take effect is refused for that reason (one of refusals) and for no other: then
        it may be made. Nothing is found where it is so. ours: as in ask."""
        try:
            with translated(action):
                await call
        except (Misconfigured, TransientFailure) as exc:
            cause = exc.__cause__
            code = error_code(cause) if isinstance(cause, ClientError) else ""
            if code in refusals:
                return True
            denied = code in DENIED
            found = self.wrong if ours or not denied else self.doubtful
            fix = _allow(action, ours=ours) if denied else f"find out why {action} fails"
            found(what, " ".join(str(exc).split()), fix)
            return False
        return True


def _allow(action: str, *, ours: bool) -> str:
    if ours:
        return f"allow {action} to the worker's role"
    return f"look yourself, or allow {action} to whoever runs restock doctor: the worker does without"
