"""Which sequence number is safe to checkpoint?

Everything at or below it is settled; a gap holds it back."""

from __future__ import annotations

from collections import deque


class Progress:
    """The records of one shard that were read and are not all settled, in the order of the shard."""

    def __init__(self, checkpoint: str) -> None:
        self.safe = checkpoint
        self._order: deque[str] = deque()
        self._settled: dict[str, bool] = {}

    def __len__(self) -> int:
        """Records beyond the checkpoint."""
        return len(self._settled)

    def read(self, sequence_number: str) -> None:
        """One more record was read, after all the others."""
        self._order.append(sequence_number)
        self._settled[sequence_number] = False

    def settle(self, sequence_number: str) -> None:
        """A record is settled; one that was never read, or is long settled, changes nothing."""
        if sequence_number in self._settled:
            self._settled[sequence_number] = True
        while self._order and self._settled[self._order[0]]:
            self.safe = self._order.popleft()
            del self._settled[self.safe]
