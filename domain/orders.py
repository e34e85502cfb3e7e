"""What is still to come of an order?

An order stays open until all of it was received or it was cancelled, however late that is."""

from __future__ import annotations

from typing import NamedTuple

RECEIPTS_MAX = 32


class OpenOrder(NamedTuple):
    """An order not yet closed. What is outstanding counts as on order, however late it is. receipts: ids (hex digests)
    of the shipments received for it, the newest RECEIPTS_MAX: an order may stay open for longer than the ledger
    remembers an id."""

    cycle: int
    quantity: int
    received: int
    due_on: int
    receipts: tuple[str, ...] = ()

    @property
    def outstanding(self) -> int:
        return max(0, self.quantity - self.received)

    def after_receipt(self, shipment: str, quantity: int) -> OpenOrder:
        """The order once a shipment (the hex digest of its id) has brought so many units."""
        return self._replace(received=self.received + quantity, receipts=(*self.receipts, shipment)[-RECEIPTS_MAX:])
