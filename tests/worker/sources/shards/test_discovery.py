"""Every shard of every stream is found, page by page, and a stream that is gone is no failure."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from handlers.errors import Misconfigured, Overloaded
from worker.sources.shards.discovery import Discovery
from worker.sources.shards.lineage import Shard, ShardKey

OLD, NEW, UNLISTED = "arn:stream/1", "arn:stream/2", "arn:stream/0"


def refusal(code):
    return ClientError({"Error": {"Code": code, "Message": "planned"}}, "planned")


class Pages:
    """Streams of one table, each with its shards and their parents, one of them a page."""

    def __init__(self, shards, listed) -> None:
        self.shards, self.listed, self.errors, self.calls = shards, listed, {}, []

    async def list_streams(self, TableName, ExclusiveStartStreamArn=None):  # noqa: N803 - as the client names them
        self.calls.append((TableName, ExclusiveStartStreamArn))
        if not self.listed:
            return {"Streams": []}
        at = self.listed.index(ExclusiveStartStreamArn) + 1 if ExclusiveStartStreamArn else 0
        more = {"LastEvaluatedStreamArn": self.listed[at]} if at + 1 < len(self.listed) else {}
        return {"Streams": [{"StreamArn": self.listed[at]}], **more}

    async def describe_stream(self, StreamArn, ExclusiveStartShardId=None):  # noqa: N803 - as the client names them
        self.calls.append((StreamArn, ExclusiveStartShardId))
        if error := self.errors.get((StreamArn, ExclusiveStartShardId)):
            raise error
        names = list(self.shards[StreamArn])
        at = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        more = {"LastEvaluatedShardId": names[at]} if at + 1 < len(names) else {}
        said = [{"ShardId": name, **self.shards[StreamArn][name]} for name in names[at : at + 1]]
        return {"StreamDescription": {"Shards": said, **more}}


@pytest.fixture
def pages():
    old = {"a": {}, "b": {"ParentShardId": "a"}, "c": {"ParentShardId": "long gone"}}
    return Pages({OLD: old, NEW: {"a": {}}, UNLISTED: {"z": {}}}, [OLD, NEW])


def key(stream, name):
    return ShardKey(stream, name)


async def test_every_page_of_either_listing_is_read(pages):
    listing = await Discovery(pages, "sales").listing([])
    assert listing.streams == {OLD, NEW}
    assert listing.shards == {
        key(OLD, "a"): Shard(key(OLD, "a"), None),
        key(OLD, "b"): Shard(key(OLD, "b"), key(OLD, "a")),
        key(OLD, "c"): Shard(key(OLD, "c"), key(OLD, "long gone")),
        key(NEW, "a"): Shard(key(NEW, "a"), None),
    }
    assert pages.calls[:2] == [("sales", None), ("sales", OLD)]


async def test_a_stream_that_is_known_is_looked_at_although_it_is_not_listed_any_more(pages):
    listing = await Discovery(pages, "sales").listing([UNLISTED, OLD])
    assert listing.streams == {OLD, NEW, UNLISTED}
    assert key(UNLISTED, "z") in listing.shards
    assert pages.calls.count((OLD, None)) == 1


@pytest.mark.parametrize("page", [None, "a"])
async def test_a_stream_that_is_gone_is_left_out_also_when_it_goes_between_two_pages(pages, page):
    pages.errors[OLD, page] = refusal("ResourceNotFoundException")
    listing = await Discovery(pages, "sales").listing([])
    assert (listing.streams, set(listing.shards)) == ({NEW}, {key(NEW, "a")})


async def test_a_table_without_a_stream_has_nothing(pages):
    pages.listed = []
    listing = await Discovery(pages, "sales").listing([])
    assert (listing.streams, listing.shards) == (frozenset(), {})


async def test_a_stream_that_has_no_shard_yet_is_there(pages):
    pages.shards[NEW] = {}
    listing = await Discovery(pages, "sales").listing([])
    assert NEW in listing.streams


@pytest.mark.parametrize(
    ("code", "raised"), [("LimitExceededException", Overloaded), ("AccessDeniedException", Misconfigured)]
)
async def test_a_refusal_has_one_of_our_names(pages, code, raised):
    pages.errors[NEW, None] = refusal(code)
    with pytest.raises(raised, match=f"DescribeStream {NEW}"):
        await Discovery(pages, "sales").listing([])
