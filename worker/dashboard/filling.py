"""What of the products that this worker has not decided itself?

The state table is read through, page by page and no faster than a little at a time, when the worker starts and then
now and again: so a page shows what was before a restart, and what other workers decide. What this worker decided
meanwhile is newer, and stays. Whatever cannot be read is logged and left out: the rest is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import structlog

from domain.product import ProductState, product_label
from handlers.errors import Misconfigured, TransientFailure
from handlers.ports import Clock
from worker.aws.dynamodb import text
from worker.aws.state_codec import HEADER, NewerSchema, decode_header, product_in
from worker.dashboard.board import Board
from worker.dashboard.looking import Looking
from worker.dashboard.rows import Row, row_of
from worker.retry import ATTEMPTS
from worker.table_scan import scan_pages

log = structlog.get_logger()

PAGE_ITEMS = 200
PAGES_A_SECOND = 5.0
PK_CHARS_LOGGED = 200


class Scan(Protocol):
    def pages(self) -> AsyncIterator[list[ProductState]]:
        """All product states, without their event ids, a page at a time. TransientFailure or Misconfigured if they
        cannot be read."""
        ...


class StateScan:
    """The states of a table."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    async def pages(self) -> AsyncIterator[list[ProductState]]:
        headers = scan_pages(
            self._dynamodb,
            ATTEMPTS,
            TableName=self._table,
            Limit=PAGE_ITEMS,
            FilterExpression="sk = :header",
            ExpressionAttributeValues={":header": text(HEADER)},
        )
        async for items in headers:
            yield [state for item in items if (state := _state(item)) is not None]


def _state(item: dict[str, Any]) -> ProductState | None:
    try:
        return decode_header(product_in(item), item)
    except NewerSchema:
        return None
    except Exception as exc:  # noqa: BLE001 - one item that cannot be read must not keep all others from the page
        log.error("dashboard.item_unreadable", pk=str(item.get("pk"))[:PK_CHARS_LOGGED], reason=repr(exc))
        return None


class Filling:
    def __init__(self, scan: Scan, looking: Looking, board: Board, clock: Clock, interval_s: float) -> None:
        self._scan = scan
        self._looking = looking
        self._board = board
        self._clock = clock
        self._interval_s = interval_s
        self.filled = False

    async def keep(self) -> None:
        """Reads the table through again and again, until it is cancelled."""
        while True:
            try:
                await self.once()
                self.filled = True
            except (TransientFailure, Misconfigured) as exc:
                log.warning("dashboard.not_filled", reason=str(exc))
            except Exception as exc:  # noqa: BLE001 - the next reading may go well, and the page is served meanwhile
                log.error("dashboard.not_filled", reason=repr(exc))
            await self._clock.sleep(self._interval_s)

    async def once(self) -> None:
        async for states in self._scan.pages():
            self._board.put(await self._rows(states))
            await self._clock.sleep(1 / PAGES_A_SECOND)

    async def _rows(self, states: list[ProductState]) -> list[Row]:
        """The rows of a page of states; where one of them cannot be shown, those of all others."""
        try:
            return [row_of(state, record, committed=False) for state, record in await self._looking.at(states)]
        except (TransientFailure, Misconfigured):
            raise
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with one product is not wrong with all
            if len(states) == 1:
                log.error("dashboard.row_lost", product=product_label(states[0].key), reason=repr(exc))
                return []
        half = len(states) // 2
        return [*await self._rows(states[:half]), *await self._rows(states[half:])]
