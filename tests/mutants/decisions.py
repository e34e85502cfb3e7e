"""What can go wrong between a change and the order it leads to?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

DECISION = "domain/decision.py"
RULING = "domain/ruling.py"
ORDERS = "domain/orders.py"
ORDERING = "domain/ordering.py"
PRODUCT = "domain/product.py"
REFORECAST = "handlers/reforecast.py"
PLACE = "handlers/place_reorders.py"
RELAY = "handlers/relay_outbox.py"
BUS = "worker/aws/eventbridge.py"
INTAKE = "worker/intake.py"
INVENTORY = "worker/aws/inventory.py"
RUNNER = "worker/runner.py"
WIRING = "worker/wiring.py"

DECISION_MUTANTS = (
    Mutant(
        "on-order-not-counted",
        "the position is what is on hand, without what is on order",
        (Edit(RULING, " if self.stock is not None else 0) + self.on_order\n", " if self.stock is not None else 0)\n"),),
    ),
    Mutant(
        "proposed-not-counted",
        "an order counts as on order only when it was sent, so that its need is proposed again and again",
        (
            Edit(
                ORDERS,
                "        promised = self.asked if self.word is None else self.word.quantity\n",
                "        asked = 0 if self.hold else self.asked\n"
                "        promised = asked if self.word is None else self.word.quantity\n",
            ),
        ),
        test="domain/test_lifecycle.py::test_a_dear_order_is_proposed_and_counts_and_goes_out_once_when_it_is_approved",
        blind="in the simulation no order has to wait",
    ),
    Mutant(
        "older-word-wins",
        "of two confirmations of a supplier the one that arrives last holds, not the one that was said last",
        (Edit(ORDERS, "self.word is not None and word <= self.word", "self.word is not None and word == self.word"),),
    ),
    Mutant(
        "cancellation-forgets-the-lorry",
        "what was shipped before a cancellation is no longer on order",
        (Edit(ORDERS, "max(promised, self.shipped) - self.received", "promised - self.received"),),
    ),
    Mutant(
        "overdue-told-each-time",
        "an order that is overdue is told of at every decision",
        (Edit(ORDERING, "overdue = order.overdue or order.is_overdue(today)", "overdue = order.overdue"),),
        test="domain/test_lifecycle.py::test_an_overdue_order_is_told_of_once_and_never_ordered_again",
        blind="the judge does not ask what is said of an order that is late",
    ),
    Mutant(
        "id-by-the-clock",
        "an order is named by when it was decided, so that one need has many names",
        (
            Edit(
                ORDERING,
                "reorder_id=reorder_id(state.key, order.cycle)",
                "reorder_id=reorder_id(state.key, standing.now)",
            ),
        ),
        test="domain/test_decision.py::test_an_order_says_what_it_was_decided_by",
        blind="the judge does not ask what an order is called, nor whether what was delivered is closed",
    ),
    Mutant(
        "id-without-cycle",
        "every order of a product has the same name",
        (
            Edit(
                PRODUCT,
                '    return f"{product_label(product)}:{cycle}"\n',
                '    return f"{product_label(product)}:1"\n',
            ),
        ),
    ),
    Mutant(
        "dirty-cleared-blindly",
        "what changed while a product was assessed counts as decided too",
        (Edit(DECISION, "dirty=state.dirty - snapshot.dirty", "dirty=0"),),
        test="domain/test_decided_once.py::test_sales_that_came_meanwhile_are_kept_and_leave_the_product_dirty",
        blind="the judge does not ask whether what is needed in the end is ordered",
    ),
    Mutant(
        "doubtful-stock-trusted",
        "a decision is applied although an order was opened or closed since the stock was read",
        (
            Edit(
                DECISION,
                "        state.open_orders != snapshot.open_orders\n        or state.stock",
                "        state.stock",
            ),
            Edit(DECISION, "        or state.received_at != snapshot.received_at\n", ""),
        ),
        test="domain/test_decided_once.py::test_an_event_that_puts_the_stock_read_in_doubt_decides_nothing",
    ),
    Mutant(
        "judged-twice",
        "a snapshot that another worker has judged meanwhile is judged again",
        (Edit(DECISION, "    if state.decisions != snapshot.decisions:\n", "    if state.dirty < 0:\n"),),
        test="domain/test_decided_once.py::test_a_second_judge_of_one_snapshot_decides_nothing",
    ),
    Mutant(
        "stock-read-before-the-state",
        "the stock is read first, and may be older than the last delivery that was counted",
        (
            Edit(
                REFORECAST,
                "        states = await self._products.get(keys)\n",
                "        records = await self._inventory.read(keys)\n        states = await self._products.get(keys)\n",
            ),
            Edit(
                REFORECAST,
                "        records = await self._inventory.read([state.key for state in snapshots])\n",
                "",
            ),
        ),
    ),
    Mutant(
        "told-stock-outlives-a-receipt",
        "a stock level told of before the newest receipt is believed after it",
        (Edit(DECISION, "    if told is not None and told.at < received_at:\n        told = None\n", ""),),
        test="domain/test_decision.py::test_a_level_told_before_the_newest_receipt_says_nothing",
    ),
    Mutant(
        "stock-read-inconsistently",
        "the stock is read from a replica that may lag behind",
        (
            Edit(
                INVENTORY,
                "[_item_key(key) for key in wanted], consistent=True)",
                "[_item_key(key) for key in wanted], consistent=False)",
            ),
        ),
        test="worker/aws/test_inventory_table.py::test_the_stock_is_read_consistently",
        blind="a simulated table has no replica that lags",
    ),
    Mutant(
        "forecast-never-reused",
        "the model is asked for every sale, not for every change of what it sees",
        (Edit(REFORECAST, "note.inputs == inputs[row]", "note.inputs == state.version"),),
        test="handlers/test_reforecast.py::test_a_forecast_is_kept_while_nothing_it_is_computed_from_has_changed",
        ratio="model_calls",
    ),
    Mutant(
        "no-outbox-entry",
        "an order is committed without the entry that would publish it",
        (Edit(PLACE, "order=order, outbox=_entries(decision), record", "order=order, outbox=(), record"),),
    ),
    Mutant(
        "published-before-commit",
        "an order is published first and committed then",
        (
            Edit(
                PLACE,
                "        arrived: Callable[[Sequence[Arrival]], None] = lambda arrivals: None,\n    ) -> None:\n",
                "        arrived: Callable[[Sequence[Arrival]], None] = lambda arrivals: None,\n"
                "        bus: object = None,\n    ) -> None:\n        self._bus = bus\n",
            ),
            Edit(
                PLACE,
                "            results = await self._products.commit(",
                "            await self._bus.publish([entry for d in decisions.values() for entry in _entries(d)])\n"
                "            results = await self._products.commit(",
            ),
            Edit(WIRING, "ordering.learn_lead_times.note)", "ordering.learn_lead_times.note, bus)"),
        ),
    ),
    Mutant(
        "published-although-lost",
        "an order is published although its commit lost",
        (
            Edit(
                PLACE,
                "            if result is Committed.YES:\n                self._note(",
                "            if decision:\n                self._note(",
            ),
        ),
    ),
    Mutant(
        "failed-entries-ignored",
        "the ErrorCodes of single entries of PutEvents are not read",
        (
            Edit(
                BUS,
                '        accepted = ["ErrorCode" not in said for said in answer["Entries"]]\n',
                '        accepted = [True for said in answer["Entries"]]\n',
            ),
        ),
    ),
    Mutant(
        "forgotten-before-published",
        "an outbox entry is deleted first and published then",
        (
            Edit(
                RELAY,
                "            accepted = await self._bus.publish(entries)\n",
                "            await self._store.forget([entry.entry_id for entry in entries])\n"
                "            accepted = await self._bus.publish(entries)\n",
            ),
        ),
    ),
    Mutant(
        "published-and-not-forgotten",
        "a published entry is forgotten under another id than it is kept under, and swept",
        (
            Edit(
                PLACE,
                "        placed.outbox += _entries(decision)\n",
                "        placed.outbox += [entry._replace(entry_id=str(now)) for entry in _entries(decision)]\n",
            ),
        ),
        ratio="published_twice",
    ),
    Mutant(
        "no-outbox-sweeper",
        "nobody publishes what a dead worker left in the outbox",
        (
            Edit(
                RUNNER,
                "group.create_task(self._every(self._settings.sweep_interval_s, self._sweeping.outbox)),\n",
                "",
            ),
        ),
    ),
    Mutant(
        "nothing-noted",
        "what is to be decided stands in the memory of its worker alone",
        (Edit(INTAKE, "self._agenda.add(products)", "self._agenda.add(())"),),
    ),
    Mutant(
        "no-dirty-sweeper",
        "nobody decides what a dead worker left dirty",
        (
            Edit(
                RUNNER,
                "group.create_task(self._every(self._settings.sweep_interval_s, self._sweeping.dirty)),\n",
                "",
            ),
        ),
        test="worker/test_runner.py::test_what_a_dead_worker_left_behind_is_finished",
    ),
    Mutant(
        "sweeper-dies-silently",
        "a background step that fails once is never tried again, and nobody hears of it",
        (
            Edit(
                RUNNER,
                "            await self._attempt(step)\n",
                "            try:\n                await step()\n"
                "            except (TransientFailure, Misconfigured):\n                return\n",
            ),
        ),
    ),
    Mutant(
        "sweeper-takes-the-worker-with-it",
        "a background step that fails ends the worker",
        (Edit(RUNNER, "            await self._attempt(step)\n", "            await step()\n"),),
    ),
)
