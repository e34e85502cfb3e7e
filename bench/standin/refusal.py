"""How does the stand-in say no?"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An error of a service, by its own name, with what it says beside the message."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.members = {"message": message, **members}


def unknown(what: str) -> Refused:
    """For what this stand-in does not speak: whoever needs it must teach it first."""
    return Refused("ValidationException", f"the stand-in does not know {what}")
