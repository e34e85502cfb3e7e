"""How does a test write to a simulated stream, let time pass, and read it?"""

from __future__ import annotations

from random import Random

import pytest

from domain.events import MS_PER_DAY
from simulation.loop import SimulatedLoop
from simulation.network import Network, ServiceError, Weather
from simulation.streams import Streams

TABLE = "sales"


class Bench:
    """A stream whose clock is moved by hand, and one who reads it."""

    def __init__(self, shards=1, partial=0.0, seed=1) -> None:
        self.loop = SimulatedLoop()
        self.network = Network(self.loop, Weather(partial=partial), Random(seed))
        self.leapt = 1_000 * MS_PER_DAY
        self.streams = Streams(self.network, TABLE, shards, self.now)
        self.written = []

    def now(self):
        return self.leapt + int(self.loop.time() * 1000)

    def pass_s(self, seconds):
        self.loop.call_later(seconds, lambda: None)
        self.loop._jump(float("inf"))
        while self.loop._ready:
            self.loop._ready.popleft()._run()

    @property
    def stream(self):
        return self.streams.streams[-1]

    def write(self, product, count=1):
        for _ in range(count):
            number = len(self.written)
            key = {"product_id": {"S": product}, "sale_date": {"S": str(number)}}
            record = self.streams.write(key, None, {**key, "quantity": {"N": "1"}})
            self.written.append((product, record.event_id))

    def listed(self, arn=None, **said):
        shards, page = [], {}
        while True:
            answer = self.streams.describe_stream({"StreamArn": arn or self.stream.arn, **page, **said}, "w1")
            shards += answer["StreamDescription"]["Shards"]
            if "LastEvaluatedShardId" not in answer["StreamDescription"]:
                return shards
            page = {"ExclusiveStartShardId": answer["StreamDescription"]["LastEvaluatedShardId"]}

    def iterator(self, shard_id, after=None, arn=None):
        where = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        said = {"StreamArn": arn or self.stream.arn, "ShardId": shard_id, **where}
        return self.streams.get_shard_iterator(said, "w1")["ShardIterator"]

    def get(self, iterator, caller="w1", limit=1_000):
        return self.streams.get_records({"ShardIterator": iterator, "Limit": limit}, caller)

    def read(self, shard_id, reads=50, arn=None):
        """Some reads in a row: the records, and whether that was the end of the shard."""
        records, iterator = [], self.iterator(shard_id, arn=arn)
        for _ in range(reads):
            answer = self.get(iterator)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            if iterator is None:
                return records, True
        return records, False

    def everything(self):
        """Every record of every shard, parents before their children."""
        return [record for shard in self.stream.shards for record in self.read(shard.shard_id)[0]]


def told(records):
    return [(r["dynamodb"]["Keys"]["product_id"]["S"], r["eventID"]) for r in records]


def numbers(records):
    return [int(record["dynamodb"]["SequenceNumber"]) for record in records]


def refusal(call, *said, **more):
    with pytest.raises(ServiceError) as caught:
        call(*said, **more)
    return caught.value.code
