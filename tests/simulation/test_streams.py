"""Does the simulated stream keep what DynamoDB Streams promises, and is it as unhelpful as that may be?"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from domain.events import MS_PER_DAY
from simulation.network import ServiceError
from simulation.stream_bench import TABLE, Bench, numbers, refusal, told
from simulation.streams import ITERATOR_MS


@pytest.mark.parametrize("partial", [0.0, 0.9])
def test_a_shard_tells_of_every_change_once_and_in_order_in_whatever_parts(partial):
    bench = Bench(partial=partial)
    bench.write("P1", 200)
    records, ended = bench.read(bench.stream.shards[0].shard_id, reads=500)
    assert told(records) == bench.written
    assert numbers(records) == sorted(numbers(records))
    assert not ended


def test_numbers_are_no_texts_to_compare():
    bench = Bench()
    bench.write("P1", 40)
    texts = [r["dynamodb"]["SequenceNumber"] for r in bench.everything()]
    assert sorted(texts) != texts == sorted(texts, key=int)


def test_a_read_may_bring_nothing_although_there_is_something():
    bench = Bench()
    bench.write("P1", 3)
    first = [len(bench.get(bench.iterator(bench.stream.shards[0].shard_id))["Records"]) for _ in range(200)]
    assert set(first) == {0, 1, 2, 3}


@pytest.mark.parametrize("seed", range(20))
def test_what_a_product_sold_stays_in_order_through_splits_rolls_and_merges(seed):
    bench, chance = Bench(shards=2, seed=seed), Random(seed)
    for _ in range(12):
        for product in chance.choices(["P1", "P2", "P3", "P4"], k=8):
            bench.write(product)
        bench.streams.happen(chance.choice(("split", "roll", "merge")))
    found = told(bench.everything())
    assert Counter(found) == Counter(bench.written)
    for product in ("P1", "P2", "P3", "P4"):
        assert [e for p, e in found if p == product] == [e for p, e in bench.written if p == product]
    for shard in bench.stream.shards:
        assert shard.parent is None or shard.first > shard.parent.last
        _, ended = bench.read(shard.shard_id)
        assert ended == (shard.closed_at is not None)


def test_a_merged_shard_names_one_of_the_two_that_it_goes_on_from():
    bench = Bench(shards=2)
    one, two = bench.stream.shards
    bench.streams.happen("merge")
    (child,) = bench.stream.open
    assert child.parent in (one, two)
    assert one.closed_at is not None
    assert two.closed_at is not None


def test_pages_together_are_the_listing_even_if_shards_come_meanwhile():
    bench = Bench(shards=4, partial=1.0)
    before = {shard.shard_id for shard in bench.stream.shards}
    for _ in range(5):
        assert sorted(s["ShardId"] for s in bench.listed()) == sorted(before)
    first = bench.streams.describe_stream({"StreamArn": bench.stream.arn, "Limit": 1}, "w1")["StreamDescription"]
    for _ in range(3):
        bench.streams.happen("roll")
    bench.pass_s(60)
    rest = bench.listed(ExclusiveStartShardId=first["LastEvaluatedShardId"], Limit=100)
    assert {s["ShardId"] for s in (*first["Shards"], *rest)} == before
    assert {s["ShardId"] for s in bench.listed()} == {shard.shard_id for shard in bench.stream.shards}


def test_a_listing_lags_and_never_shows_a_child_before_its_parent():
    bench = Bench(seed=3)
    late = 0
    for _ in range(20):
        bench.streams.happen("roll")
        bench.pass_s(1)
        listed = {s["ShardId"]: s for s in bench.listed()}
        late += len(listed) < len(bench.stream.shards)
        assert all(s.get("ParentShardId", next(iter(listed))) in listed for s in listed.values())
    bench.pass_s(60)
    ends = {s["ShardId"] for s in bench.listed() if "EndingSequenceNumber" in s["SequenceNumberRange"]}
    assert late > 0
    assert ends == {shard.shard_id for shard in bench.stream.shards[:-1]}


def test_an_iterator_is_good_for_fifteen_minutes():
    bench = Bench()
    iterator = bench.iterator(bench.stream.shards[0].shard_id)
    bench.leapt += ITERATOR_MS
    bench.get(iterator)
    bench.leapt += 1
    assert refusal(bench.get, iterator) == "ExpiredIteratorException"


def _of_two_days():
    """Five records, and three more a day and a half later."""
    bench = Bench()
    bench.write("P1", 5)
    old = bench.everything()
    bench.leapt += MS_PER_DAY * 3 // 2
    bench.write("P1", 3)
    return bench, bench.stream.shards[0].shard_id, old


def test_a_record_is_there_for_a_day_and_what_points_before_the_oldest_is_refused():
    bench, shard_id, old = _of_two_days()
    assert told(bench.read(shard_id)[0]) == bench.written[-3:]
    for _ in range(20):
        try:
            iterator = bench.iterator(shard_id, after=old[2]["dynamodb"]["SequenceNumber"])
        except ServiceError as exc:
            code = exc.code
        else:
            code = refusal(bench.get, iterator)
        assert code == "TrimmedDataAccessException"


def test_behind_the_last_trimmed_record_nothing_is_missing_and_it_may_be_refused_all_the_same():
    bench, shard_id, old = _of_two_days()
    outcomes = set()
    for _ in range(40):
        try:
            iterator = bench.iterator(shard_id, after=old[-1]["dynamodb"]["SequenceNumber"])
        except ServiceError as exc:
            outcomes.add(exc.code)
        else:
            outcomes.add(len(bench.get(iterator)["Records"]))
    assert outcomes >= {"TrimmedDataAccessException", 3}


def test_a_closed_shard_goes_with_its_last_record():
    bench = Bench()
    bench.write("P1", 5)
    gone = bench.stream.shards[0].shard_id
    bench.streams.happen("roll")
    bench.pass_s(60)
    assert len(bench.listed()) == 2
    bench.leapt += MS_PER_DAY
    (left,) = bench.listed()
    assert left["ParentShardId"] == gone
    assert refusal(bench.iterator, gone) == "ResourceNotFoundException"


def test_a_new_stream_has_another_name_and_the_old_one_is_readable_for_a_day():
    bench = Bench(shards=2)
    bench.write("P1", 5)
    old = bench.stream
    bench.streams.happen("renew")
    bench.pass_s(30)
    assert bench.streams.specification()["LatestStreamArn"] == bench.stream.arn != old.arn
    arns = [s["StreamArn"] for s in bench.streams.list_streams({"TableName": TABLE}, "w1")["Streams"]]
    assert arns == [old.arn, bench.stream.arn]
    read = [bench.read(shard.shard_id, arn=old.arn) for shard in old.shards]
    assert [event for records, _ in read for event in told(records)] == bench.written
    assert all(ended for _, ended in read)
    bench.leapt += MS_PER_DAY
    arns = [s["StreamArn"] for s in bench.streams.list_streams({"TableName": TABLE}, "w1")["Streams"]]
    assert arns == [bench.stream.arn]
    assert refusal(bench.listed, old.arn) == "ResourceNotFoundException"


def test_a_table_between_two_streams_says_that_it_has_none():
    bench = Bench()
    bench.streams.happen("renew")
    assert "StreamSpecification" not in bench.streams.specification()
    bench.streams.happen("split")
    assert not bench.stream.open
    bench.pass_s(30)
    assert bench.streams.specification()["StreamSpecification"]["StreamEnabled"]


def test_a_third_reader_of_a_shard_may_be_throttled():
    bench = Bench()
    iterator = bench.iterator(bench.stream.shards[0].shard_id)
    for _ in range(20):
        bench.get(iterator, "w1")
        bench.get(iterator, "w2")
    codes = []
    for _ in range(20):
        try:
            bench.get(iterator, "w3")
        except ServiceError as exc:
            codes.append(exc.code)
    assert 0 < len(codes) < 20
    assert set(codes) == {"LimitExceededException"}
    bench.pass_s(2)
    bench.get(iterator, "w3")


def test_what_changes_nothing_is_no_record():
    bench = Bench()
    item = {"product_id": {"S": "P1"}}
    assert bench.streams.write(item, item, dict(item)) is None
    assert bench.everything() == []


def test_the_limits_of_the_api_are_enforced():
    bench = Bench()
    shard_id = bench.stream.shards[0].shard_id
    assert refusal(bench.get, bench.iterator(shard_id), limit=1_001) == "ValidationException"
    assert refusal(bench.iterator, shard_id, after="7") == "ValidationException"
