"""What can go wrong in reading the shards of a stream, and the changes that its records tell?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

SOURCE = "worker/sources/dynamodb_streams.py"
OWNED = "worker/sources/shards/owned.py"
POSITION = "worker/sources/shards/position.py"
PROGRESS = "worker/sources/shards/progress.py"
IMAGES = "worker/stream_images.py"

SHARD_MUTANTS = (
    Mutant(
        "checkpointed-when-read",
        "a record counts as settled as soon as it was read",
        (
            Edit(
                OWNED,
                '            self.progress.read(record["dynamodb"]["SequenceNumber"])\n',
                '            self.progress.read(record["dynamodb"]["SequenceNumber"])\n'
                '            self.progress.settle(record["dynamodb"]["SequenceNumber"])\n',
            ),
        ),
    ),
    Mutant(
        "checkpoint-over-a-gap",
        "the checkpoint is the record settled last, whatever is unsettled below it",
        (
            Edit(
                PROGRESS,
                "        while self._order and self._settled[self._order[0]]:\n"
                "            self.safe = self._order.popleft()\n            del self._settled[self.safe]\n",
                "        self._settled.pop(sequence_number, None)\n        self.safe = sequence_number\n",
            ),
        ),
    ),
    Mutant(
        "expired-iterator-for-ever",
        "an iterator that has expired is used again and again",
        (
            Edit(
                POSITION,
                "        if code == EXPIRED:\n            self._iterator = None\n",
                "        if code == EXPIRED:\n",
            ),
        ),
    ),
    Mutant(
        "trimmed-in-silence",
        "records that were lost to trimming are passed over, and nobody hears of it",
        (
            Edit(
                SOURCE,
                "            self._alarm(owned.key.stream, owned.read_at, page.lost,",
                "            str((owned.key.stream, owned.read_at, page.lost)) and (",
            ),
        ),
    ),
    Mutant(
        "unread-in-silence",
        "the first records of a shard that was not read for a day may be gone, and nobody hears of it",
        (Edit(SOURCE, "        if unread and page.lost is None:\n", "        if unread and page.lost:\n"),),
    ),
    Mutant(
        "trimmed-wedges",
        "a position before the oldest record is an error like any other, for ever",
        (Edit(POSITION, "        if code == TRIMMED:\n", '        if code == "TrimmedDataAccess":\n'),),
    ),
    Mutant(
        "gone-wedges",
        "a shard that does not exist any more is asked for, for ever",
        (Edit(POSITION, "        if code == GONE:\n", '        if code == "ShardGone":\n'),),
    ),
    Mutant(
        "idle-after-the-end",
        "a shard that was read to its end is kept for ever, and its children wait",
        (
            Edit(
                OWNED, "        return self.at_end and not self.progress and not self.again\n", "        return False\n"
            ),
        ),
    ),
    Mutant(
        "ended-with-records-unsettled",
        "a shard is at its end when its last record was read",
        (
            Edit(
                OWNED,
                "        return self.at_end and not self.progress and not self.again\n",
                "        return self.at_end\n",
            ),
        ),
    ),
    Mutant(
        "leases-not-released",
        "a stop keeps its leases until they run out",
        (
            Edit(
                SOURCE,
                "        await self._leasing.release()\n",
                "        return\n",
            ),
        ),
        test="contract/test_stream_workers.py::test_what_was_handed_over_is_taken_at_the_next_look",
        blind="only time is lost, and what was settled since the last checkpoint is read again",
    ),
    Mutant(
        "handed-back-for-good",
        "a record that could not be settled is forgotten, and its shard waits for it",
        (
            Edit(
                SOURCE,
                "                owned.comes_again(now_s + again_after_s(message.receives), message, number)\n",
                "                del owned, number\n",
            ),
        ),
    ),
    Mutant(
        "handed-back-as-settled",
        "a record that could not be settled moves the checkpoint",
        (
            Edit(
                SOURCE,
                "                owned.comes_again(now_s + again_after_s(message.receives), message, number)\n",
                "                owned.settle(number)\n",
            ),
        ),
    ),
    Mutant(
        "shard-held-up",
        "a record that can never be settled is tried for ever, and its shard is trimmed behind it",
        (
            Edit(
                OWNED,
                "        return message.receives >= limit\n",
                "        return message.receives >= 10**9 * limit\n",
            ),
        ),
        test="contract/test_stream_source.py::test_what_can_never_be_settled_is_quarantined_and_holds_nothing_up",
        blind="the simulated table has no newer schema: everything can be settled in time",
    ),
    Mutant(
        "expiry-taken-for-a-removal",
        "an item whose time to live is over takes its sale back",
        (Edit(IMAGES, '        case "REMOVE" if _expired(record):\n', '        case "REMOVE" if not record:\n'),),
    ),
    Mutant(
        "change-read-as-a-new-sale",
        "a changed item is read as if it were new",
        (Edit(IMAGES, '        case "INSERT":\n', '        case "INSERT" | "MODIFY":\n'),),
    ),
    Mutant(
        "removal-ignored",
        "a removed item leaves what was counted of it",
        (
            Edit(
                IMAGES,
                "            yield from _corrections(record, old.sales.values(), ())\n",
                "            yield from ()\n",
            ),
        ),
    ),
    Mutant(
        "correction-known-by-its-key",
        "a change is identified by the item, so that a second one seems to be the first again",
        (
            Edit(
                IMAGES,
                "    event_id = _id_of(record)\n",
                '    event_id = str(record["dynamodb"].get("Keys"))\n',
            ),
        ),
    ),
    Mutant(
        "buried-unparked",
        "a record that could not even be quarantined counts as settled",
        (
            Edit(
                SOURCE,
                "reason=str(exc))\n            return\n",
                "reason=str(exc))\n",
            ),
        ),
        test="contract/test_stream_source.py::test_what_cannot_be_quarantined_either_is_kept",
        blind="nothing is unsettled ten times in the simulation",
    ),
)
