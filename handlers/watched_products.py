"""Which products is a model's accuracy measured on?

A sample of those that this worker has ever decided: the ones that come first in an order of their names' hashes. So
neither how often a product sells nor when it did decides whether it is in the sample, and its size is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappush, heapreplace

from domain.accuracy import sample_rank
from domain.events import ProductKey


class WatchedProducts:
    def __init__(self, most: int) -> None:
        self._most = most
        self._since: dict[ProductKey, int] = {}
        self._worst_first: list[tuple[int, str, ProductKey]] = []

    def note(self, products: Iterable[ProductKey], day: int) -> None:
        """These were decided on this day."""
        for product in products:
            if product in self._since:
                continue
            entry = (-sample_rank(product), str(product), product)
            if len(self._worst_first) < self._most:
                heappush(self._worst_first, entry)
            elif self._most and entry > self._worst_first[0]:
                del self._since[heapreplace(self._worst_first, entry)[2]]
            else:
                continue
            self._since[product] = day

    def before(self, day: int) -> list[ProductKey]:
        """Those that were known before this day: one that is known since today may be known because it sells today."""
        return [product for product, since in self._since.items() if since < day]
