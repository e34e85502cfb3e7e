"""What can go wrong when a product's state becomes durable?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

STATE = "worker/aws/state.py"
DYNAMODB = "worker/aws/dynamodb.py"
PRODUCTS = "handlers/products.py"
RETRY = "worker/retry.py"

COMMIT_MUTANTS = (
    Mutant(
        "no-fencing",
        "a header is written whatever version stands there",
        (
            Edit(
                STATE,
                '            header["ConditionExpression"] = "version = :was"\n'
                '            header["ExpressionAttributeValues"] = {":was": number(state.version - 1)}\n',
                "            pass\n",
            ),
        ),
    ),
    Mutant(
        "no-fencing-of-the-first",
        "the first header of a product is written whatever stands there",
        (
            Edit(
                STATE, '            header["ConditionExpression"] = "attribute_not_exists(pk)"\n', "            pass\n"
            ),
        ),
        test="contract/test_state_store.py::test_a_wrong_version_writes_nothing_and_leaves_the_others",
    ),
    Mutant(
        "timeout-taken-for-success",
        "a commit whose fate is not known counts as done",
        (Edit(STATE, "            return await self._took_effect(changes, token)\n", "            return None\n"),),
    ),
    Mutant(
        "any-header-is-ours",
        "after a timeout any header there is taken for the one that was written",
        (Edit(STATE, ' for item in items if item["token"]["S"] == token}', " for item in items}"),),
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
                "            over = replace(state, version=fresh[state.key].version + 1)\n"
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
                "            self._keep(change.state.key, change.state)\n",
            ),
        ),
    ),
    Mutant(
        "no-lock",
        "tasks of one worker change a product side by side: each lost commit is made again",
        (
            Edit(
                PRODUCTS,
                "                await lock.acquire()\n                held.append(lock)\n",
                "                pass\n",
            ),
        ),
        test="handlers/test_record_sales.py::test_batches_of_one_product_wait_for_each_other_and_lose_no_commit",
        blind="two tasks of one worker seldom commit one product in the same milliseconds, and the version settles it",
    ),
    Mutant(
        "conflict-not-retried",
        "TransactionConflict is an error of ours instead of something that passes",
        (Edit(STATE, '    return Overloaded(f"TransactWriteItems', '    return Misconfigured(f"TransactWriteItems'),),
        test="worker/aws/test_state.py::test_a_conflict_is_tried_again",
        blind="transactions of two workers seldom meet within the few milliseconds that they take",
    ),
    Mutant(
        "mixed-reasons-misread",
        "the parts of a cancelled transaction whose reason is None are taken for written",
        (
            Edit(
                STATE,
                "                for row in again:\n"
                "                    await self._commit_rows(changes, [row], token, results)\n",
                "                for row in again:\n                    results[row] = Committed.YES\n",
            ),
        ),
    ),
    Mutant(
        "reasons-by-position",
        "the reasons of a cancelled transaction are counted off by products, not by actions",
        (
            Edit(
                STATE,
                "{owner for owner, reason in zip(owners, reasons, strict=False)",
                "{owner for owner, reason in enumerate(reasons)",
            ),
        ),
        test="worker/aws/test_state.py::test_reasons_belong_to_products_and_not_to_positions",
        blind="a product wrongly taken for lost is only read and tried again",
    ),
    Mutant(
        "over-a-hundred-actions",
        "segments, orders and outbox entries are not counted against the limit of a transaction",
        (
            Edit(
                STATE,
                "            count = 1 + len(change.written) + len(change.dropped) + bool(change.order)"
                " + len(change.outbox)\n",
                "            count = 1\n",
            ),
        ),
        blind="no scenario has products enough for a hundred actions",
    ),
    Mutant(
        "transactions-of-any-size",
        "more products are committed in one transaction than it takes",
        (Edit(STATE, "ACTIONS_MAX = 100\n", "ACTIONS_MAX = 1_000\n"),),
        test="contract/test_state_store.py::test_250_products_in_one_call_are_each_committed",
        blind="no scenario has products enough for a hundred actions",
    ),
    Mutant(
        "unprocessed-keys-ignored",
        "keys that BatchGetItem left unprocessed are taken for items that do not exist",
        (Edit(DYNAMODB, '        wanted = answer.get("UnprocessedKeys") or {}\n', "        wanted = {}\n"),),
        test="worker/aws/test_state.py::test_unprocessed_keys_are_asked_for_again",
        blind="a state taken for absent loses its commit; without a stock nothing is ordered, and nobody misses it",
    ),
    Mutant(
        "unprocessed-items-ignored",
        "requests that BatchWriteItem left unprocessed count as done",
        (Edit(DYNAMODB, '        wanted = answer.get("UnprocessedItems") or {}\n', "        wanted = {}\n"),),
    ),
    Mutant(
        "first-page-only",
        "a Query ends with its first page",
        (
            Edit(
                DYNAMODB,
                "        if last is None or (limit is not None and len(items) >= limit):\n            return items\n",
                "        return items\n",
            ),
        ),
        test="worker/aws/test_state.py::test_pages_are_followed",
        blind="pages are whole again once all has healed, and what reads them comes back",
    ),
    Mutant(
        "retry-without-bound",
        "a call that fails is tried for ever",
        (
            Edit(RETRY, "    stop_after_attempt,\n", "    stop_never,\n"),
            Edit(RETRY, "        stop=stop_after_attempt(attempts),\n", "        stop=stop_never,\n"),
        ),
        test="worker/test_retry.py::test_the_last_failure_is_raised_as_it_is",
        blind="a drain has a deadline, and the faults end",
    ),
    Mutant(
        "retry-without-wait",
        "a call that fails is tried again at once",
        (
            Edit(RETRY, "    wait_random_exponential,\n", "    wait_none,\n"),
            Edit(
                RETRY,
                "        wait=wait_random_exponential(multiplier=0.1, max=WAIT_MAX_S),\n",
                "        wait=wait_none(),\n",
            ),
        ),
        test="worker/test_retry.py::test_waits_are_bounded_and_jittered",
        ratio="dead_letters",
    ),
)
