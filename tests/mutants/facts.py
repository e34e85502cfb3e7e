"""What can go wrong in what is counted, and in what is remembered of it?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

PRODUCT = "domain/folding.py"
LIFECYCLE = "domain/lifecycle.py"
TAKING = "domain/taking.py"
LEDGER = "domain/ledger.py"
FILTER = "domain/id_filter.py"
BUCKETS = "domain/buckets.py"

# Events are taken one by one or many sales at once: a bug is planted in both.
KNOWN = "        if digest in known:\n            return DUPLICATE if self.entry_of(digest) == entry else CONFLICT\n"
JUDGED = "            yield at, place, DUPLICATE if known_as == payload else CONFLICT\n"

FACT_MUTANTS = (
    Mutant(
        "no-dedup",
        "an event is counted as often as it comes",
        (
            Edit(PRODUCT, KNOWN, ""),
            Edit(TAKING, "(perhaps | late | twins(ids))", "(late)"),
            Edit(TAKING, "        if known_as is not None:\n", "        if False:\n"),
        ),
    ),
    Mutant(
        "dedup-within-a-batch-only",
        "an id is looked for in the batch at hand, not in the ledger",
        (
            Edit(PRODUCT, "        if digest in known:\n", "        if payload_in(self.fresh, digest):\n"),
            Edit(TAKING, "        if known_as is None and asked:\n", "        if False:\n"),
        ),
    ),
    Mutant(
        "recent-ids-only",
        "ids older than the tail and the newest segment are not looked for",
        (
            Edit(
                LEDGER,
                "(self.tail, *(segment.entries for segment in self.segments))",
                "(self.tail, *(segment.entries for segment in self.segments[-1:]))",
            ),
        ),
    ),
    Mutant(
        "index-without-the-newest-ids",
        "an open product looks for an id among those that it was opened with",
        (
            Edit(PRODUCT, "            known.add(digest)\n", ""),
            Edit(TAKING, "    table.ids.add(ids_in(entries), sales.row, counts)\n", ""),
        ),
    ),
    Mutant(
        "index-not-brought-up-to-date",
        "an open product looks for an id among those that it remembered when it was first asked",
        (Edit(PRODUCT, " :]\n            self._known |= ", " :]\n            self._known & "),),
        test="domain/test_open_product.py::test_it_knows_what_its_ledger_remembers_however_time_goes_on",
    ),
    Mutant(
        "filter-not-told-what-was-read",
        "of a product that is read from the store, the filter hears only of the ids that are counted from then on",
        (
            Edit(
                TAKING,
                "    known.tell(ids_in(entries), rows, ",
                "    known.tell(ids_in(entries[:0]), rows, 0 * ",
            ),
        ),
        test="domain/test_taking.py::test_it_goes_on_from_states_that_were_read",
    ),
    Mutant(
        "filter-told-only-once",
        "when the filter begins anew, it is not told again what it knew",
        (Edit(FILTER, "        self._life += 1\n", ""),),
        test="domain/test_id_filter.py::test_what_was_told_is_perhaps_known_however_often_the_filter_began_anew",
    ),
    Mutant(
        "filter-grows-with-what-is-forgotten",
        "the filter takes all ids that a product ever counted for remembered, and never stops growing",
        (Edit(FILTER, "max(0, int(self.sizes[row]) - count)", "int(self.sizes[row])"),),
        test="domain/test_taking.py::test_the_filter_stays_as_large_as_what_its_products_remember",
    ),
    Mutant(
        "filter-full-where-events-come-one-by-one",
        "it makes room only where many sales are counted at once",
        (Edit(PRODUCT, "            self.table.ids.make_room()\n", ""),),
        test="domain/test_taking.py::test_the_filter_stays_as_large_as_what_its_products_remember",
    ),
    Mutant(
        "filter-keeps-one-of-two-in-a-word",
        "of two ids of a batch whose bits are in the same word, the filter learns one",
        (
            Edit(
                FILTER,
                "        np.bitwise_or.at(self._words, word, _bits(ids))\n",
                "        self._words[word] |= _bits(ids)\n",
            ),
        ),
        test="domain/test_id_filter.py::test_ids_whose_bits_are_in_one_word_are_all_learnt",
    ),
    Mutant(
        "index-emptied-with-a-segment",
        "when a segment is forgotten, the ids of all the others leave the index with it",
        (
            Edit(
                PRODUCT,
                "        for segment in before.segments[: len(dropped)]:\n",
                "        for segment in before.segments if dropped else ():\n",
            ),
        ),
        test="domain/test_open_product.py::test_with_a_segment_that_is_forgotten_its_ids_go_and_no_others",
    ),
    Mutant(
        "open-product-takes-over-any-state",
        "an open product goes on with a decision on days that it has not seen",
        (
            Edit(
                PRODUCT,
                "        ours = not self.fresh and state.buckets is self.state.buckets"
                " and state.ledger is self.state.ledger\n",
                "        ours = not self.fresh\n",
            ),
        ),
        test="handlers/test_open_products.py::test_a_decision_on_what_another_worker_counted_closes_it",
    ),
    Mutant(
        "ids-forgotten-after-a-day",
        "ids are dropped when they are a day old, not when every event of theirs would be late",
        (
            Edit(
                PRODUCT,
                "ledger.forget(newest - HORIZON_DAYS, today - HORIZON_DAYS)",
                "ledger.forget(newest - 1, today - 1)",
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
                KNOWN,
                "        if digest in known and self.entry_of(digest) == entry:\n            return DUPLICATE\n",
            ),
            Edit(TAKING, JUDGED, JUDGED.replace("CONFLICT", "APPLIED")),
        ),
    ),
    Mutant(
        "reused-ids-dropped",
        "another sale under an id that was counted is taken for a duplicate",
        (
            Edit(PRODUCT, "DUPLICATE if self.entry_of(digest) == entry else CONFLICT", "DUPLICATE"),
            Edit(TAKING, "DUPLICATE if known_as == payload else CONFLICT", "DUPLICATE"),
        ),
        test="handlers/test_record_sales.py::test_another_payload_under_a_counted_id_is_quarantined_as_it_came",
        blind="the judge asks whether an id was counted, not with which payload",
    ),
    Mutant(
        "late-counted",
        "a sale beyond the horizon, whose id is forgotten by then, is counted",
        (
            Edit(PRODUCT, "late_before = days.newest - HORIZON_DAYS\n", "late_before = NO_DAY\n"),
            Edit(TAKING, "(newest - HORIZON_DAYS)", "(newest - 10**6)"),
        ),
        test="handlers/test_record_sales.py::test_a_late_sale_is_kept_aside_and_not_counted",
    ),
    Mutant(
        "late-a-day-early",
        "the last day of the horizon counts as late",
        (
            Edit(PRODUCT, "= days.newest - HORIZON_DAYS\n", "= days.newest - HORIZON_DAYS + 1\n"),
            Edit(TAKING, "(newest - HORIZON_DAYS)", "(newest - HORIZON_DAYS + 1)"),
        ),
    ),
    Mutant(
        "old-days-written-into-the-ring",
        "a day that is too old to be kept is added to the newer one whose slot it had",
        (Edit(BUCKETS, "        if day < self.oldest:\n            return\n", ""),),
        test="domain/test_buckets.py::test_a_day_too_old_to_be_kept_leaves_the_newer_one_in_its_slot_alone",
    ),
    Mutant(
        "old-days-added-to-the-table",
        "the same where many sales are added at once",
        (
            Edit(
                TAKING,
                "    of, day, quantity, revenue, promotion = parts if kept.all() else parts.where(kept)\n",
                "    of, day, quantity, revenue, promotion = parts\n",
            ),
        ),
        test="domain/test_taking.py::test_what_is_taken_at_once_is_what_is_taken_one_by_one",
    ),
    Mutant(
        "rows-left-as-they-were",
        "a product that gets another's row in the table gets its days as well",
        (Edit("domain/day_table.py", "        self.put(row, days)\n        return row\n", "        return row\n"),),
        test="domain/test_taking.py::test_a_row_is_free_again_when_its_product_is_gone_and_holds_nothing_of_it",
    ),
    Mutant(
        "rows-never-grow-full",
        "sums of the table are let run over their 32 bits",
        (Edit("domain/day_table.py", "size[rows] + added < SUM_LIMIT", "size[rows] + added < SUM_LIMIT**2"),),
        test="domain/test_taking.py::test_a_product_whose_sums_outgrow_the_table_goes_on_beside_it",
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
                LIFECYCLE,
                "        open_orders=tuple(order for order in every if order.outstanding),\n",
                "        open_orders=tuple(order for order in every if order.outstanding and not order.receipts),\n",
            ),
        ),
    ),
    Mutant(
        "shipment-closes-the-oldest",
        "a shipment is booked on the oldest open order, not on the one it names: a second one closes two",
        (
            Edit(
                LIFECYCLE,
                "    return next((order for order in known if order.cycle == cycle), None)\n",
                "    return next(iter(known), None) if cycle is not None else None\n",
            ),
        ),
    ),
)
