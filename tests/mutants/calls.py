"""What can go wrong with a call that fails, or that answers for a part?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

DYNAMODB = "worker/aws/dynamodb.py"
RETRY = "worker/retry.py"

CALL_MUTANTS = (
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
