"""What can go wrong when a product's state becomes durable?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

CLIENTS = "worker/aws/clients.py"
COMMITS = "worker/aws/commits.py"
PRODUCTS = "handlers/products.py"

COMMIT_MUTANTS = (
    Mutant(
        "no-fencing",
        "a header is written whatever version stands there",
        (
            Edit(
                COMMITS,
                '{**put, "ConditionExpression": "version = :was", "ExpressionAttributeValues": was}',
                "put",
            ),
        ),
    ),
    Mutant(
        "put-without-its-condition",
        "a header alone is put whatever stands there; transactions are fenced",
        (
            Edit(
                COMMITS,
                "self._client.put_item(**header)",
                'self._client.put_item(TableName=header["TableName"], Item=header["Item"])',
            ),
        ),
        test="worker/aws/test_commits.py::test_a_rival_who_is_faster_wins_and_nothing_is_asked",
    ),
    Mutant(
        "no-fencing-of-the-first",
        "the first header of a product is written whatever stands there",
        (Edit(COMMITS, '{**put, "ConditionExpression": ABSENT}', "put"),),
        test="contract/test_state_store.py::test_a_wrong_version_writes_nothing_and_leaves_the_others",
    ),
    Mutant(
        "timeout-taken-for-success",
        "a transaction whose fate is not known counts as done",
        (
            Edit(
                COMMITS,
                "            self._unknown += rows\n",
                "            for row in rows:\n                self.done[row] = True\n",
            ),
        ),
        test="worker/aws/test_commits.py::test_what_had_no_effect_is_no_success",
    ),
    Mutant(
        "unknown-put-taken-for-done",
        "a put whose fate is not known counts as done",
        (Edit(COMMITS, "            self._unknown.append(row)\n", "            self.done[row] = True\n"),),
        test="worker/aws/test_commits.py::test_what_had_no_effect_is_no_success",
    ),
    Mutant(
        "unknown-tried-again",
        "what is not known is tried again like a throttle: a commit that took effect finds its own version and says no",
        (Edit(COMMITS, "        except TransientFailure as exc:\n            raise _Unknown from exc\n", ""),),
        test="worker/aws/test_commits.py::test_what_took_effect_is_a_success_though_nobody_said_so",
        blind="a product wrongly taken for lost is only read and tried again",
    ),
    Mutant(
        "any-header-is-ours",
        "after a timeout any header there is taken for the one that was written",
        (Edit(COMMITS, 'item["token"]["S"] == self._token', "True"),),
    ),
    Mutant(
        "blind-retry",
        "a commit that lost or whose fate is not known is made again over the version that stands there now",
        (
            Edit(
                PRODUCTS,
                "from contextlib import asynccontextmanager\n\n",
                "from contextlib import asynccontextmanager\nfrom dataclasses import replace\n\n",
            ),
            Edit(
                PRODUCTS,
                "        results = await self._store.commit(changes)\n",
                "        results = await self._store.commit(changes)\n"
                "        again = [i for i, result in enumerate(results) if result is Committed.NO]\n"
                "        fresh = await self._store.load([changes[i].state.key for i in again])\n"
                "        for i in again:\n"
                "            state = changes[i].state\n"
                "            over = state._replace(version=fresh[state.key].version + 1)\n"
                "            (results[i],) = await self._store.commit([replace(changes[i], state=over)])\n",
            ),
        ),
    ),
    Mutant(
        "stale-cache-after-a-lost-commit",
        "the state that a lost commit was made from is kept and never read again",
        (
            Edit(
                PRODUCTS,
                "            self._drop(change.state.key)\n",
                "            pass\n",
            ),
        ),
    ),
    Mutant(
        "lost-commit-kept-in-the-cache",
        "the state of a commit that lost is worked on as if it were durable",
        (
            Edit(
                PRODUCTS,
                "            if result is Committed.YES:\n                self._keep(change.state.key, change.state)\n",
                "            self._keep(change.state.key, change.state)\n            if result is Committed.YES:\n",
            ),
        ),
    ),
    Mutant(
        "no-lock",
        "tasks of one worker change a product side by side: each lost commit is made again",
        (
            Edit(
                PRODUCTS,
                "        if not wanted.isdisjoint(self._held) or not all(map(wanted.isdisjoint, ahead)):\n"
                "            await self._ask(wanted)\n"
                "        else:\n"
                "            self._held |= wanted\n",
                "        self._held |= wanted\n",
            ),
        ),
        test="handlers/test_record_sales.py::test_batches_of_one_product_wait_for_each_other_and_lose_no_commit",
        blind="two tasks of one worker seldom commit one product in the same milliseconds, and the version settles it",
    ),
    Mutant(
        "conflict-not-retried",
        "TransactionConflict is an error of ours instead of something that passes",
        (Edit(COMMITS, '    return Overloaded(f"TransactWriteItems', '    return Misconfigured(f"TransactWriteItems'),),
        test="worker/aws/test_commits.py::test_a_conflict_is_tried_again",
        blind="transactions of two workers seldom meet within the few milliseconds that they take",
    ),
    Mutant(
        "put-conflict-not-retried",
        "a put that meets a transaction on its item is an error of ours instead of something that passes",
        (Edit(CLIENTS, '    "TransactionConflictException",\n', ""),),
        test="worker/aws/test_commits.py::test_a_conflict_is_tried_again",
        blind="a put and a transaction of two workers seldom meet within the few milliseconds that it takes",
    ),
    Mutant(
        "mixed-reasons-misread",
        "the parts of a cancelled transaction whose reason is None are taken for written",
        (
            Edit(
                COMMITS,
                "            if left:\n                await self._transact(left)\n",
                "            for row in left:\n                self.done[row] = True\n",
            ),
        ),
        test="worker/aws/test_commits_together.py::test_mixed_reasons_lose_only_the_product_whose_condition_failed",
    ),
    Mutant(
        "a-loser-takes-the-others-with-it",
        "who shares a transaction with one that lost is not tried again",
        (
            Edit(
                COMMITS, "            if left:\n                await self._transact(left)\n", "            del left\n"
            ),
        ),
        test="worker/aws/test_commits_together.py::test_who_lost_in_a_transaction_costs_the_others_exactly_one_more",
        blind="a product wrongly taken for lost is only read and tried again",
    ),
    Mutant(
        "reasons-by-position",
        "the reasons of a cancelled transaction are counted off by products, not by actions",
        (
            Edit(
                COMMITS,
                "{owner for owner, reason in zip(owners, reasons, strict=False)",
                "{owner for owner, reason in enumerate(reasons)",
            ),
        ),
        test="worker/aws/test_commits_together.py::test_reasons_belong_to_products_and_not_to_positions",
        blind="a product wrongly taken for lost is only read and tried again",
    ),
    Mutant(
        "over-a-hundred-actions",
        "segments, orders and outbox entries are not counted against the limit of a transaction",
        (
            Edit(
                COMMITS,
                "        count = 1 + len(change.written) + len(change.dropped) + bool(change.order)"
                " + len(change.outbox)\n",
                "        count = 1\n",
            ),
        ),
        test="contract/test_state_store_sizes.py::test_products_that_share_a_call_and_products_that_do_not_fit_in_one",
        blind="no scenario has products enough for a hundred actions",
    ),
    Mutant(
        "transactions-of-any-size",
        "more products are committed in one transaction than it takes",
        (Edit(COMMITS, "ACTIONS_MAX = 100\n", "ACTIONS_MAX = 1_000\n"),),
        test="contract/test_state_store_sizes.py::test_products_that_share_a_call_and_products_that_do_not_fit_in_one",
        blind="no scenario has products enough for a hundred actions",
    ),
)
