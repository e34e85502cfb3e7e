"""Whose turn is it? Receivers and partitions in memory, where a queue answers when the test says so."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

import pytest
import pytest_asyncio

from handlers.errors import Misconfigured, TransientFailure
from worker.settings import Settings
from worker.sources.partitions import PartitionedSqsSource, queue_urls
from worker.sources.sqs import BATCH_MAX


class Sqs:
    """Polls wait until the test answers them. open: those of each queue, with the seconds they would wait."""

    def __init__(self) -> None:
        self.open: defaultdict[str, list[tuple[int, asyncio.Future]]] = defaultdict(list)
        self.asked: Counter[str] = Counter()

    async def receive_message(self, **said):
        answer = asyncio.get_running_loop().create_future()
        waiting = (said["WaitTimeSeconds"], answer)
        self.open[said["QueueUrl"]].append(waiting)
        self.asked[said["QueueUrl"]] += 1
        try:
            return await answer
        finally:
            self.open[said["QueueUrl"]].remove(waiting)

    def answer(self, url, messages=0):
        """The oldest poll of a queue brings so many messages."""
        found = [{"MessageId": f"m{n}", "ReceiptHandle": f"r{n}", "Body": "{}"} for n in range(messages)]
        self.open[url][0][1].set_result({"Messages": found} if found else {})

    def waits(self, url):
        return [wait_s for wait_s, _ in self.open[url]]


class Owned:
    """The leases of these partitions are held."""

    def __init__(self, *partitions) -> None:
        self.partitions = set(partitions)

    def owns(self, partition):
        return partition in self.partitions


class Bench:
    def __init__(self, partitions, owned, **changed) -> None:
        self.sqs, self.leases = Sqs(), Owned(*owned)
        self.settings = Settings(queue_partitions=partitions, messages_in_flight=1_000, **changed)
        urls = [f"u{n}" for n in range(partitions)]
        self.source = PartitionedSqsSource(self.sqs, urls, self.leases, self.settings)
        self.brought = Counter()
        self._tasks = []

    async def start(self, receivers=None):
        """As many receivers as the worker has, each asking again at once."""
        count = self.source.pollers if receivers is None else receivers
        self._tasks = [asyncio.create_task(self._poll()) for _ in range(count)]
        await self.quiet()

    async def _poll(self):
        while True:
            for message in await self.source.receive(20):
                self.brought[int(message.receipt.split()[0])] += 1

    async def quiet(self):
        for _ in range(30):
            await asyncio.sleep(0)

    async def answer(self, partition, messages=0):
        self.sqs.answer(f"u{partition}", messages)
        await self.quiet()

    @property
    def waits(self):
        """For each partition the seconds that its open polls would wait."""
        count = self.settings.queue_partitions
        return {n: self.sqs.waits(f"u{n}") for n in range(count) if self.sqs.waits(f"u{n}")}

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest_asyncio.fixture
async def bench():
    made = []

    async def make(partitions, owned, receivers=None, **changed):
        made.append(Bench(partitions, owned, **changed))
        await made[-1].start(receivers)
        return made[-1]

    yield make
    for each in made:
        await each.stop()


async def test_an_idle_partition_costs_one_long_poll_at_a_time(bench):
    idle = await bench(8, range(8), pollers=4)
    assert (idle.source.steady_pollers, idle.source.pollers) == (8, 11)
    assert idle.waits == {n: [20] for n in range(8)}
    for _ in range(5):
        for partition in range(8):
            await idle.answer(partition)
    assert idle.waits == {n: [20] for n in range(8)}
    assert set(idle.sqs.asked.values()) == {6}


async def test_partitions_of_others_are_not_asked(bench):
    some = await bench(8, (1, 5))
    assert some.waits == {1: [20], 5: [20]}
    some.leases.partitions = {5, 6}
    await some.answer(1, 3)  # what was on its way is brought all the same
    await some.answer(5)
    assert some.waits == {5: [20], 6: [20]}
    assert some.brought == {1: 3}


async def test_a_full_partition_is_asked_by_more_and_only_while_it_is_full(bench):
    busy = await bench(4, range(4), pollers=3)
    await busy.answer(2, BATCH_MAX)
    assert busy.waits == {0: [20], 1: [20], 2: [20, 1, 1], 3: [20]}
    await busy.answer(2, BATCH_MAX - 1)
    for _ in range(3):  # each of the three finds less than ten
        await busy.answer(2)
    assert busy.waits == {n: [20] for n in range(4)}


async def test_with_one_receiver_all_partitions_have_their_turn_the_longest_waiting_first(bench):
    alone = await bench(4, range(4), receivers=1)
    order = []
    for _ in range(12):
        [(partition, _)] = alone.waits.items()
        order.append(partition)
        await alone.answer(partition, BATCH_MAX)
    assert Counter(order) == dict.fromkeys(range(4), 3)
    assert order[:4] == order[4:8] == order[8:]


async def test_more_partitions_than_receivers_wait_shorter_each_so_that_none_waits_long(bench):
    crowd = await bench(64, range(64))
    assert (crowd.source.steady_pollers, crowd.source.pollers) == (48, 48)
    assert len(crowd.waits) == 48
    assert {wait for waits in crowd.waits.values() for wait in waits} == {15}
    first = set(crowd.waits)
    for partition in sorted(first)[:16]:
        await crowd.answer(partition)
    assert set(range(64)) - first <= set(crowd.waits)


async def test_a_partition_that_fails_is_left_alone_for_a_while(bench):
    source = Bench(2, (0, 1)).source
    failing = source._partitions[0].source

    async def fails(**said):
        raise TimeoutError

    failing._client = type("Broken", (), {"receive_message": staticmethod(fails)})
    with pytest.raises(TransientFailure):
        await source.receive(0)
    asked = asyncio.create_task(source.receive(0))
    await asyncio.sleep(0)
    assert source._partitions[1].polls == 1
    assert source._partitions[0].polls == 0
    assert await source.receive(0) == []
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


async def test_who_owns_nothing_waits_no_longer_than_a_second_with_the_room_it_has_taken():
    started = asyncio.get_running_loop().time()
    assert await Bench(2, ()).source.receive(20) == []
    assert asyncio.get_running_loop().time() - started < 1.5


async def test_a_queue_that_is_missing_is_named():
    class Names:
        async def get_queue_url(self, QueueName):  # noqa: N803 - as the client calls it
            if QueueName == "sales-2.fifo":
                raise FileNotFoundError
            return {"QueueUrl": f"https://q/{QueueName}"}

    settings = Settings(queue_name="sales.fifo", queue_partitions=2)
    assert await queue_urls(Names(), settings) == ["https://q/sales-0.fifo", "https://q/sales-1.fifo"]
    with pytest.raises((Misconfigured, TransientFailure), match=r"GetQueueUrl sales-2\.fifo"):
        await queue_urls(Names(), Settings(queue_name="sales.fifo", queue_partitions=3))
