"""What must the caller do about a failure?

Each error is named after the answer. Adapters translate once, at the edge, with `raise … from exc`."""

from __future__ import annotations


class InvalidEvent(Exception):
    """Quarantine it: trying again cannot help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TransientFailure(Exception):
    """Try again inside the deadline. Whether the call took effect is not known."""


class Overloaded(TransientFailure):
    """Slow down, then try again."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Misconfigured(Exception):
    """An operator must change a setting, a permission or a resource: trying again cannot help."""
