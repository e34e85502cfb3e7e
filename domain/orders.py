"""How far is an order, and what is still to come of it?

An order is what was heard of it: the sum of what was shipped and received, the newest word of the supplier, the say of
a planner. Sums and newest words commute, so that its messages may come in any order. Whatever is outstanding counts as
on order, from the moment it was decided until it was received or given up, however late it is."""

from __future__ import annotations

from typing import NamedTuple

RECEIPTS_MAX = 32
ARRIVALS_MAX = 16

APPROVAL, APPROVED, REVIEW, RELEASED = "approval", "approved", "review", "released"
"""Why an order was not sent yet: it waits for a planner, or was let go by one; it waits for its supplier's review, or
was let go there."""
REJECTED, CLOSED = "rejected", "closed"


class Word(NamedTuple):
    """The supplier's newest word: so many units will come, on due_on (0: it did not say when). A cancellation is the
    word that none will."""

    at: int
    quantity: int
    due_on: int = 0


class Approval(NamedTuple):
    """A planner's newest approval, and for how many units (0: as proposed)."""

    at: int
    quantity: int = 0


class OpenOrder(NamedTuple):
    """An order, as it was decided and as it was heard of since.

    quantity was decided, and is due_on by the lead time. receipts: ids (hex digests) of the consignments counted for
    it, the newest RECEIPTS_MAX: an order may stay open for longer than the ledger remembers an id. requested_on: the
    day it was decided, or sent if it had to wait (0: by an older version). watched: it is noted that somebody looks
    when it is overdue. ended: a planner's last word. proposal: the
    purchase it went out with. overdue: it was told of as overdue. arrivals: after how many days receipts came, as long
    as that was not passed on."""

    cycle: int
    quantity: int
    received: int
    due_on: int
    receipts: tuple[str, ...] = ()
    requested_on: int = 0
    watched: bool = False
    supplier: str = ""
    hold: str = ""
    word: Word | None = None
    shipped: int = 0
    approval: Approval | None = None
    ended: str = ""
    proposal: str = ""
    overdue: bool = False
    arrivals: tuple[int, ...] = ()

    @property
    def asked(self) -> int:
        """Units asked for: what a planner approved, else what was decided."""
        return self.approval.quantity if self.approval is not None and self.approval.quantity else self.quantity

    @property
    def outstanding(self) -> int:
        """Units that count as on order. What was shipped is under way, even if the supplier cancelled then."""
        if self.ended:
            return 0
        promised = self.asked if self.word is None else self.word.quantity
        return max(0, max(promised, self.shipped) - self.received)

    @property
    def expected_on(self) -> int:
        """The day it is due: the supplier's, else by the lead time."""
        return self.word.due_on if self.word is not None and self.word.due_on else self.due_on

    @property
    def status(self) -> str:
        """proposed, requested, confirmed, shipped, partly_received, closed or cancelled."""
        if self.outstanding == 0:
            return "closed" if self.received else "cancelled"
        if self.hold:
            return "proposed"
        if self.received:
            return "partly_received"
        if self.shipped:
            return "shipped"
        return "requested" if self.word is None else "confirmed"

    def is_late(self, today: int) -> bool:
        """Whether it was sent and should have come before this day, told of or not."""
        return not self.hold and self.outstanding > 0 and self.expected_on < today

    def is_overdue(self, today: int) -> bool:
        """Whether it is late, and somebody should be told."""
        return not self.overdue and self.is_late(today)

    def after_receipt(self, shipment: str, quantity: int, day: int | None = None) -> OpenOrder:
        """The order once a shipment (the hex digest of its id) has brought so many units, on that day."""
        arrivals = self.arrivals
        if day is not None and self.requested_on and not self.hold:
            arrivals = (*arrivals, max(0, day - self.requested_on))[-ARRIVALS_MAX:]
        known = (*self.receipts, shipment)[-RECEIPTS_MAX:]
        return self._replace(received=self.received + quantity, receipts=known, arrivals=arrivals)

    def after_shipment(self, consignment: str, quantity: int) -> OpenOrder:
        """The order once so many units have left the supplier."""
        known = (*self.receipts, consignment)[-RECEIPTS_MAX:]
        return self._replace(shipped=self.shipped + quantity, receipts=known)

    def after_word(self, word: Word) -> OpenOrder:
        """The order after a word of the supplier; an older one changes nothing, of two at once the larger holds."""
        if self.word is not None and word <= self.word:
            return self
        heard = self._replace(word=word)
        return heard._replace(watched=self.watched and heard.expected_on == self.expected_on)

    def after_approval(self, approval: Approval) -> OpenOrder:
        """The order once a planner has let it go; one that does not wait for a planner stays as it is."""
        if self.hold not in (APPROVAL, APPROVED) or self.ended:
            return self
        newest = approval if self.approval is None else max(approval, self.approval)
        return self._replace(hold=APPROVED, approval=newest)

    def after_rejection(self) -> OpenOrder:
        """The order once a planner does not want it; one that was sent already is for its supplier to cancel."""
        return self._replace(ended=REJECTED) if self.hold else self

    def sent(self, today: int, lead_time_days: int) -> OpenOrder:
        """The order once nothing holds it any more: the supplier has from today to deliver it."""
        due_on = today + lead_time_days
        return self._replace(
            quantity=self.asked, approval=None, hold="", requested_on=today, due_on=due_on, watched=False
        )

    def after_release(self, proposal: str) -> OpenOrder:
        """The order once its supplier's review has let it go."""
        return self._replace(hold=RELEASED, proposal=proposal) if self.hold == REVIEW else self
