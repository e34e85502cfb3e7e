"""What can go wrong in sharing out the partitions of a queue?"""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

SOURCE = "worker/sources/partitions.py"
LEASES = "worker/sources/partition_leases.py"
PRODUCER = "worker/producer.py"

PARTITION_MUTANTS = (
    Mutant(
        "settled-in-another-partition",
        "a message is deleted in a partition that it did not come from, and so never",
        (
            Edit(
                SOURCE,
                "            parts.setdefault(int(number), [])",
                "            parts.setdefault((int(number) + 1) % len(self._partitions), [])",
            ),
        ),
    ),
    Mutant(
        "partitions-looked-for-once",
        "who has looked for partitions twice never looks again, and those of the dead are nobody's",
        (
            Edit(
                LEASES,
                "        if self._holding.released:\n",
                "        if self._holding.released or self._looks > 1:\n",
            ),
        ),
    ),
    Mutant(
        "visibility-of-the-first-partition",
        "only what came from the first partition is kept from becoming visible while it is worked on",
        (
            Edit(
                SOURCE,
                "            for partition in self._partitions:\n",
                "            for partition in self._partitions[:1]:\n",
            ),
        ),
        test="contract/test_partitioned_source.py::test_what_is_kept_stays_ours_whatever_its_partition",
        blind="it comes again, and the ledger knows it",
    ),
    Mutant(
        "owned-for-ever",
        "a partition whose lease could not be renewed in time is received from all the same",
        (
            Edit(
                LEASES,
                " and asyncio.get_running_loop().time() - held.renewed_at < self._lease_s\n",
                "\n",
            ),
        ),
        test="contract/test_partition_leases.py::test_who_could_not_renew_in_time_stops_receiving_by_himself",
        blind="two workers redo each other's commits, and nothing else happens",
    ),
    Mutant(
        "partitions-kept-at-a-stop",
        "a worker that stops gives its partitions up to nobody, and they wait for their leases to run out",
        (Edit(SOURCE, "            self._leases.release(),\n", ""),),
        test="contract/test_partition_leases.py::test_what_a_worker_gives_up_is_taken_at_the_next_look",
        blind="only time is lost",
    ),
    Mutant(
        "idle-partition-asked-by-many",
        "every receiver waits at an idle partition, and each call is billed",
        (
            Edit(
                SOURCE,
                "if partition.full and partition.polls < self._pollers_each]",
                "if partition.polls < self._pollers_each]",
            ),
        ),
        test="worker/sources/test_partitions.py::test_an_idle_partition_costs_one_long_poll_at_a_time",
        blind="it costs money, and nothing else",
    ),
    Mutant(
        "location-not-in-the-partition",
        "producers of two languages send the sales of one product to different partitions",
        (
            Edit(
                PRODUCER,
                "    return _crc32(f\"{product_id}\\x00{location_id or ''}\")\n",
                '    return _crc32(f"{product_id}")\n',
            ),
        ),
        test="worker/test_producer.py::test_a_partition_is_what_any_language_can_compute",
        blind="the counts are exact wherever a sale goes",
    ),
)
