"""What can go wrong in finding a stream's shards, and in sharing them out among workers?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

BALANCE = "worker/sources/shards/balance.py"
DISCOVERY = "worker/sources/shards/discovery.py"
LEASES = "worker/sources/shards/leases.py"
HOLDING = "worker/sources/shards/holding.py"
LEASING = "worker/sources/shards/leasing.py"
LINEAGE = "worker/sources/shards/lineage.py"

LEASING_MUTANTS = (
    Mutant(
        "child-beside-its-parent",
        "a child shard is read while its parent still has records",
        (Edit(LINEAGE, "if not lease.ended and not _waits(lease, leases)", "if not lease.ended"),),
    ),
    Mutant(
        "waits-for-a-deleted-parent",
        "a child waits for a parent that is neither listed nor leased, for ever",
        (
            Edit(
                LINEAGE,
                "    return parent is not None and not parent.ended\n",
                "    return bool(lease.parent) and (parent is None or not parent.ended)\n",
            ),
        ),
    ),
    Mutant(
        "checkpoint-of-the-position",
        "what is written as settled is how far the shard was read",
        (
            Edit(
                LEASING,
                "                await self._holding.renew(owned, owned.progress.safe)\n",
                "                await self._holding.renew(owned, owned.position.after)\n",
            ),
        ),
    ),
    Mutant(
        "released-as-read",
        "a stop writes how far a shard was read, not how far it was settled",
        (
            Edit(
                LEASING,
                'await self._holding.write(owned, "", SHARD_END if owned.finished else owned.progress.safe)',
                'await self._holding.write(owned, "", SHARD_END if owned.at_end else owned.position.after)',
            ),
        ),
    ),
    Mutant(
        "unfenced-lease",
        "a lease is written whoever has written it meanwhile",
        (
            Edit(
                LEASES,
                '            "ConditionExpression": "version = :version",\n',
                '            "ConditionExpression": "attribute_not_exists(nothing)",\n',
            ),
        ),
    ),
    Mutant(
        "unlooked-in-silence",
        "shards that came and went while nobody looked are no alarm",
        (Edit(LEASING, "asked_at - look.at > UNREAD_MAX_MS", "asked_at - look.at > 10**15"),),
        test="worker/sources/shards/test_leasing.py::test_a_day_in_which_nobody_looked_is_an_alarm_once",
        blind="a seed in which a whole shard comes and goes unseen is one of hundreds",
    ),
    Mutant(
        "child-leased-before-its-parent",
        "leases are made in any order, and a child whose parent has none yet waits for nothing",
        (
            Edit(
                LINEAGE,
                "for shard in sorted(missing, key=lambda shard: _generation(shard, shards))",
                "for shard in sorted(missing, key=lambda shard: -_generation(shard, shards))",
            ),
        ),
        test="worker/sources/shards/test_lineage.py::test_parents_are_given_theirs_before_their_children",
        blind="another worker must look between the two writes",
    ),
    Mutant(
        "faster-rival-overlooked",
        "a lease that another worker was faster to make seems not to be there, and its child waits for nothing",
        (
            Edit(
                LEASING,
                "            await self._table.create(lease)\n",
                "            if not await self._table.create(lease):\n                continue\n",
            ),
        ),
        test="worker/sources/shards/test_leasing.py::"
        "test_a_child_waits_for_a_parent_whose_lease_a_rival_was_faster_to_make",
        blind="two workers must look within milliseconds of each other: one seed of a thousand",
    ),
    Mutant(
        "old-hold-written",
        "what was held of a shard before it was lost and taken again still moves its checkpoint",
        (Edit(HOLDING, " or self.held.get(held.lease.key) is not held:\n", ":\n"),),
        test="worker/sources/shards/test_leasing.py::"
        "test_what_was_held_before_a_shard_was_lost_and_taken_again_writes_nothing_any_more",
        blind="the shard must be lost and taken again within one write: one seed of some hundreds",
    ),
    Mutant(
        "gone-stream-forgotten",
        "the leases of a stream that does not exist any more are looked at no longer, whatever was left of it",
        (
            Edit(
                LEASING,
                "        self._streams -= settled_streams(self._streams - self._listing.streams, leases)\n",
                "        self._streams = self._listing.streams\n",
            ),
        ),
        test="worker/sources/shards/test_leasing.py::"
        "test_a_stream_that_is_gone_is_remembered_as_long_as_something_of_it_is_not_settled",
        blind="a stream must be renewed, and nobody look for a day: one seed of hundreds",
    ),
    Mutant(
        "first-page-of-shards",
        "only the first page of a stream's shards is looked at",
        (
            Edit(
                DISCOVERY,
                '            if "LastEvaluatedShardId" not in said:\n                return shards\n',
                "            return shards\n",
            ),
        ),
    ),
    Mutant(
        "old-stream-forgotten",
        "a table that was given a new stream is read from that one alone",
        (
            Edit(
                DISCOVERY,
                "        for arn in sorted({*known, *await self._listed()}):\n",
                "        for arn in sorted(await self._listed())[-1:]:\n",
            ),
        ),
    ),
    Mutant(
        "new-stream-ignored",
        "a table's stream is looked up once",
        (
            Edit(
                DISCOVERY,
                "        for arn in sorted({*known, *await self._listed()}):\n",
                "        for arn in sorted(known or await self._listed()):\n",
            ),
        ),
    ),
    Mutant(
        "living-owners-robbed",
        "every lease seems free, and workers take shards from each other without end",
        (
            Edit(
                BALANCE,
                "        return not lease.owner or (seen is not None and now_s - seen[1] >= self._lease_s)\n",
                "        return True\n",
            ),
        ),
        ratio="leases_taken",
    ),
    Mutant(
        "dead-owners-obeyed",
        "a lease has an owner until it gives it up",
        (
            Edit(
                BALANCE,
                "        return not lease.owner or (seen is not None and now_s - seen[1] >= self._lease_s)\n",
                "        return not lease.owner\n",
            ),
        ),
    ),
    Mutant(
        "nothing-stolen",
        "a worker that came later never gets a share",
        (
            Edit(
                BALANCE,
                "    return [next(lease for lease in leases if lease.owner == richest)]\n",
                "    return []\n",
            ),
        ),
        test="worker/sources/shards/test_balance.py::test_whatever_the_start_shares_differ_by_at_most_one_in_the_end",
        blind="one worker can read all shards: only time is lost",
    ),
)
