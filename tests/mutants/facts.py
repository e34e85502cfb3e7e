"""What can go wrong in what is counted, and in what is remembered of it?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

PRODUCT = "domain/product.py"
LEDGER = "domain/ledger.py"

FACT_MUTANTS = (
    Mutant(
        "no-dedup",
        "an event is counted as often as it comes",
        (
            Edit(
                PRODUCT,
                "        known = self.accepted.get(digest) or self._counted_with(digest)\n",
                "        known = None\n",
            ),
        ),
    ),
    Mutant(
        "dedup-within-a-batch-only",
        "an id is looked for in the batch at hand, not in the ledger",
        (
            Edit(
                PRODUCT,
                "        known = self.accepted.get(digest) or self._counted_with(digest)\n",
                "        known = self.accepted.get(digest)\n",
            ),
        ),
    ),
    Mutant(
        "recent-ids-only",
        "ids older than the tail and the newest segment are not looked for",
        (
            Edit(
                LEDGER,
                "        for segment in reversed(self.segments):\n",
                "        for segment in self.segments[-1:]:\n",
            ),
        ),
    ),
    Mutant(
        "ids-forgotten-after-a-day",
        "ids are dropped when they are a day old, not when every event of theirs would be late",
        (
            Edit(
                PRODUCT,
                "ledger.forget(self.newest_day - HORIZON_DAYS, today - HORIZON_DAYS)",
                "ledger.forget(self.newest_day - 1, today - 1)",
            ),
        ),
    ),
    Mutant(
        "ids-forgotten-by-the-wall-clock",
        "ids are dropped a horizon after they were written, however far the sales have come",
        (
            Edit(
                LEDGER,
                "if segment.newest_day >= late_before or segment.written_on >= written_before:",
                "if segment.written_on >= written_before:",
            ),
        ),
        test="domain/test_ledger.py::test_a_segment_goes_only_when_both_clocks_have_passed_it",
    ),
    Mutant(
        "reused-ids-counted",
        "another sale under an id that was counted is counted too",
        (
            Edit(
                PRODUCT,
                "        if known is not None:\n"
                "            return Outcome.DUPLICATE if known == payload else Outcome.CONFLICT\n",
                "        if known == payload:\n            return Outcome.DUPLICATE\n",
            ),
        ),
    ),
    Mutant(
        "reused-ids-dropped",
        "another sale under an id that was counted is taken for a duplicate",
        (
            Edit(
                PRODUCT,
                "return Outcome.DUPLICATE if known == payload else Outcome.CONFLICT",
                "return Outcome.DUPLICATE",
            ),
        ),
        test="handlers/test_record_sales.py::test_another_payload_under_a_counted_id_is_quarantined_as_it_came",
        blind="the judge asks whether an id was counted, not with which payload",
    ),
    Mutant(
        "late-counted",
        "a sale beyond the horizon, whose id is forgotten by then, is counted",
        (
            Edit(
                PRODUCT,
                "            if event.day < self.late_before:\n                return Outcome.LATE\n",
                "",
            ),
        ),
        test="handlers/test_record_sales.py::test_a_late_sale_is_kept_aside_and_not_counted",
    ),
    Mutant(
        "late-a-day-early",
        "the last day of the horizon counts as late",
        (Edit(PRODUCT, "event.day < self.late_before", "event.day <= self.late_before"),),
    ),
    Mutant(
        "tail-overwritten",
        "a closed segment leaves out what stood in the tail before",
        (
            Edit(
                LEDGER,
                "Segment(self.next_number + i, tail[at : at + size], tail_newest_day, today)\n"
                "            for i, at in enumerate(range(0, len(tail), size))\n",
                "Segment(self.next_number + i, entries[at : at + size], tail_newest_day, today)\n"
                "            for i, at in enumerate(range(0, len(entries), size))\n",
            ),
        ),
    ),
    Mutant(
        "first-shipment-closes",
        "an order is closed by its first shipment, whatever that brought",
        (
            Edit(
                PRODUCT,
                "        if left.outstanding:\n            self.orders[order.cycle] = left\n"
                "        else:\n            del self.orders[order.cycle]\n",
                "        del self.orders[order.cycle]\n",
            ),
        ),
    ),
    Mutant(
        "shipment-closes-the-oldest",
        "a shipment is booked on the oldest open order, not on the one it names: a second one closes two",
        (
            Edit(
                PRODUCT,
                "        return self.orders.get(cycle) if cycle is not None else None\n",
                "        return next(iter(self.orders.values()), None) if cycle is not None else None\n",
            ),
        ),
    ),
)
