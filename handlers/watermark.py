"""How far has the time of the sales come?"""

from __future__ import annotations


class Watermark:
    """The newest day on which any product sold, as far as this worker has seen. It never goes back."""

    def __init__(self) -> None:
        self.day = 0

    def reach(self, day: int) -> None:
        self.day = max(self.day, day)
