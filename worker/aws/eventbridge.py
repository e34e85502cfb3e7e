"""Did the bus accept each event?

PutEvents answers entry by entry and does not raise for a part that failed: every ErrorCode is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from handlers.ports import OutboxEntry
from worker.aws.clients import translated
from worker.aws.dynamodb import chunks, gather_bounded
from worker.retry import retrying

log = structlog.get_logger()

SOURCE = "retail.inventory"
ENTRIES_MAX = 10


class EventBridgeBus:
    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[bool]:
        accepted = await gather_bounded(self._put, chunks(entries, ENTRIES_MAX))
        return [ok for part in accepted for ok in part]

    async def _put(self, entries: Sequence[OutboxEntry]) -> list[bool]:
        request = [
            {
                "Source": SOURCE,
                "DetailType": entry.detail_type,
                "Detail": entry.detail,
                "EventBusName": self._bus,
            }
            for entry in entries
        ]

        async def once() -> Any:
            with translated("PutEvents"):
                return await self._client.put_events(Entries=request)

        answer = await retrying(once)
        accepted = ["ErrorCode" not in said for said in answer["Entries"]]
        for entry, said in zip(entries, answer["Entries"], strict=True):
            if "ErrorCode" in said:
                log.warning("event.refused", entry=entry.entry_id, code=said["ErrorCode"])
        return accepted
