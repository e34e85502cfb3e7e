"""What can go wrong between the queue and the commit, and on the way back?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

SQS = "worker/sources/sqs.py"
RUNNER = "worker/runner.py"
RECEIVING = "worker/receiving.py"
INTAKE = "worker/intake.py"
RECORD = "handlers/record_sales.py"

INTAKE_MUTANTS = (
    Mutant(
        "acknowledged-before-commit",
        "messages are deleted first and settled then",
        (
            Edit(
                RUNNER,
                "                    done, handed_back = await self._settle(batch)\n",
                "                    await self._parts.source.acknowledge(batch.messages)\n"
                "                    done, handed_back = await self._settle(batch)\n",
            ),
        ),
    ),
    Mutant(
        "unsettled-acknowledged",
        "a message is deleted although a line of it has no outcome",
        (
            Edit(
                INTAKE,
                "            unsettled.update(batch.owners[row]"
                " for row, outcome in enumerate(outcomes) if outcome is None)\n",
                "            pass\n",
            ),
        ),
        test="worker/test_intake.py::test_a_message_with_an_unsettled_line_is_handed_back_whole",
        blind="writes to the parking fail five times in a row too seldom",
    ),
    Mutant(
        "unreadable-acknowledged",
        "a message whose body could not be fetched counts as one without lines",
        (Edit(INTAKE, "            batch.unreadable.add(len(batch.messages))\n", ""),),
        test="worker/test_intake.py::test_a_body_that_is_not_to_be_had_now_is_handed_back_and_the_others_go_on",
        blind="S3 is never away for as long as a body is asked for",
    ),
    Mutant(
        "quarantine-failure-acknowledged",
        "lines that could not be quarantined go with their message",
        (Edit(INTAKE, "            unsettled.update(position for position, _ in batch.rejected)\n", ""),),
    ),
    Mutant(
        "poison-dropped",
        "lines that are no event are logged and deleted",
        (
            Edit(
                INTAKE,
                "            await self._parking.quarantine(records)\n",
                '            log.warning("quarantine.skipped")\n',
            ),
        ),
    ),
    Mutant(
        "poison-blocks",
        "a message with a bad line is handed back for ever instead of keeping the line aside",
        (
            Edit(
                INTAKE,
                "        for record in records[:3]:\n",
                "        unsettled.update(position for position, _ in batch.rejected)\n"
                "        for record in records[:3]:\n",
            ),
        ),
    ),
    Mutant(
        "late-dropped",
        "a late sale is an outcome and is kept nowhere",
        (
            Edit(
                RECORD,
                "                await self._parking.late(sales)\n",
                '                log.info("sales.late", count=len(sales))\n',
            ),
        ),
    ),
    Mutant(
        "unparked-acknowledged",
        "late and conflicting events that could not be kept aside keep their outcome",
        (
            Edit(
                RECORD,
                "            for row in (*(row for row, _ in refused), *late):\n                outcomes[row] = None\n",
                "",
            ),
        ),
        test="handlers/test_record_sales.py::test_what_could_not_be_kept_aside_has_no_outcome",
        blind="writes to the parking fail five times in a row too seldom",
    ),
    Mutant(
        "lost-commit-swallowed",
        "a commit that another writer won counts as done",
        (
            Edit(
                RECORD,
                "        lost = {key for key, result in zip(changed, results, strict=True)"
                " if result is Committed.NO}\n",
                "        lost: set[ProductKey] = set()\n",
            ),
        ),
    ),
    Mutant(
        "failed-deletes-ignored",
        "Failed[] of DeleteMessageBatch counts as deleted",
        (
            Edit(
                SQS,
                '            for done in answer.get("Successful", []):\n                left.pop(done["Id"], None)\n',
                "            left.clear()\n",
            ),
        ),
        test="worker/aws/test_sqs.py::test_what_was_not_deleted_is_deleted_again",
        ratio="dead_letters",
    ),
    Mutant(
        "more-than-ten-deleted-at-once",
        "all messages of a micro-batch are deleted in one call, which takes ten",
        (
            Edit(
                SQS,
                "gather_bounded(self._delete, chunks(messages, BATCH_MAX))",
                "gather_bounded(self._delete, chunks(messages, 10 * BATCH_MAX))",
            ),
        ),
    ),
    Mutant(
        "slots-after-receive",
        "slots are taken for what was received, not before receiving",
        (
            Edit(RECEIVING, "            await slots.take(source.receive_max)\n", ""),
            Edit(
                RECEIVING,
                "                slots.give(source.receive_max)\n                return\n",
                "                return\n",
            ),
            Edit(
                RECEIVING,
                "                slots.give(source.receive_max - len(messages))\n",
                "            await slots.take(len(messages))\n",
            ),
        ),
    ),
    Mutant(
        "slots-leak",
        "a receive that fails keeps the slots it had reserved",
        (
            Edit(
                RECEIVING,
                "            finally:\n                self._open[source.name] -= 1\n"
                "                slots.give(source.receive_max - len(messages))\n",
                "                continue\n            self._open[source.name] -= 1\n"
                "            slots.give(source.receive_max - len(messages))\n",
            ),
        ),
    ),
    Mutant(
        "no-heartbeat",
        "the visibility of what is owned is not renewed",
        (
            Edit(
                SQS,
                "            await self._change_visibility([(m, self._visibility_timeout_s)"
                " for m in self._owned.values()])\n",
                "",
            ),
        ),
        test="worker/aws/test_sqs.py::test_only_what_is_owned_is_kept_visible",
        ratio="dead_letters",
    ),
    Mutant(
        "heartbeat-of-the-deleted",
        "a message stays owned after it was to be deleted: one whose deletion failed never comes back",
        (
            Edit(
                SQS,
                'no longer ours and comes again."""\n        for message in messages:\n'
                "            self._owned.pop(message.receipt, None)\n",
                'no longer ours and comes again."""\n',
            ),
        ),
        test="worker/aws/test_sqs.py::test_only_what_is_owned_is_kept_visible",
        ratio="queue_calls",
    ),
    Mutant(
        "handed-back-at-once",
        "what could not be settled is visible again at once, and soon a dead letter",
        (Edit(SQS, "min(BACK_OFF_MAX_S, 2**m.receives)", "0"),),
        test="worker/aws/test_sqs.py::test_what_could_not_be_settled_comes_back_later_each_time",
        ratio="dead_letters",
    ),
    Mutant(
        "nothing-handed-over",
        "a stop that ran out of time keeps what it owned until its visibility ends",
        (
            Edit(RUNNER, "            await self._receiving.hand_over()\n", ""),
            Edit(
                RUNNER,
                "while we still decide.\n        await self._receiving.hand_over()\n",
                "while we still decide.\n",
            ),
        ),
        blind="without faults a drain settles all it has; with faults what comes again late is one delay among many",
        test="worker/test_runner_stop.py::test_a_stop_hands_over_as_soon_as_all_is_settled_and_once_more_in_the_end",
        ratio="redelivered",
    ),
    Mutant(
        "drain-cuts-the-long-poll",
        "a stop does not await the open long polls: what they bring nobody knows of",
        (
            Edit(
                RUNNER,
                "        await asyncio.gather(*pollers)\n",
                "        for poller in pollers:\n            poller.cancel()\n"
                "        await asyncio.gather(*pollers, return_exceptions=True)\n",
            ),
        ),
        test="worker/test_runner_stop.py::test_a_message_that_arrives_during_the_last_long_poll_is_settled",
        ratio="redelivered",
    ),
)
