"""Where in a shard do we stand, and what does the next read bring?

An iterator is good for 15 minutes and worth nothing: what counts is the last sequence number read. A position before
the oldest record there is means that records are lost for ever, and that is told, never passed over. (Amazon DynamoDB
API Reference: GetShardIterator, GetRecords.)"""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from worker.aws.clients import error_code, translated
from worker.sources.shards.lineage import TRIM_HORIZON, ShardKey

EXPIRED = "ExpiredIteratorException"
TRIMMED = "TrimmedDataAccessException"
GONE = "ResourceNotFoundException"


class Page(NamedTuple):
    """What a read brought. at_end: the shard is closed, and nothing comes after these. lost: why what came before them
    can never be read any more; None if nothing is lost. gone: the stream knows no such shard."""

    records: list[dict[str, Any]]
    at_end: bool = False
    lost: str | None = None
    gone: bool = False


class Position:
    """after is the sequence number of the last record read, or TRIM_HORIZON."""

    def __init__(self, streams: Any, key: ShardKey, after: str) -> None:
        self._streams = streams
        self._key = key
        self._iterator: str | None = None
        self.after = after

    async def read(self, limit: int) -> Page:
        """The next records, perhaps none. A failure leaves the position where it is."""
        with translated(f"GetRecords {self._key.shard_id}"):
            try:
                return await self._read(limit)
            except ClientError as exc:
                page = self._refused(error_code(exc))
                if page is None:
                    raise
                return page

    async def _read(self, limit: int) -> Page:
        if self._iterator is None:
            self._iterator = await self._new_iterator()
        answer = await self._streams.get_records(ShardIterator=self._iterator, Limit=limit)
        records = answer.get("Records", [])
        if records:
            self.after = records[-1]["dynamodb"]["SequenceNumber"]
        self._iterator = answer.get("NextShardIterator")
        return Page(records, at_end=self._iterator is None)

    async def _new_iterator(self) -> str:
        where = {"ShardIteratorType": TRIM_HORIZON}
        if self.after != TRIM_HORIZON:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self.after}
        answer = await self._streams.get_shard_iterator(StreamArn=self._key.stream, ShardId=self._key.shard_id, **where)
        return str(answer["ShardIterator"])

    def _refused(self, code: str) -> Page | None:
        """What a refusal means for the position; None if it means nothing for it."""
        if code == EXPIRED:
            self._iterator = None
            return Page([])
        if code == TRIMMED:
            lost = f"records after {self.after} are older than the stream keeps them"
            self._iterator, self.after = None, TRIM_HORIZON
            return Page([], lost=lost)
        if code == GONE:
            self._iterator = None
            return Page([], True, f"the shard is gone, with whatever came after {self.after}", gone=True)
        return None
