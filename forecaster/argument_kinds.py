"""What may stand on a command line that forecasts, and what is said of what may not?

Each is a type for argparse: it reads the text, or says in one line what it should have been."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable


def day(example: str) -> Callable[[str], dt.date]:
    """A date in ISO form; the example is shown to who wrote another."""

    def read(text: str) -> dt.date:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no date such as {example}") from None

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number of least to most."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"must lie between {least} and {most}")
        return number

    return read
