"""Where do reminders, waiting orders and lead times lie?

In restock-state, beside the products they concern. pk `D#<shard>`, sk `<day>#<product>`: somebody must look at the
product on that day. pk `S#<supplier>`: sk `W#<cycle>#<product>` an order that waits for the supplier's review, sk
`P#<day>` a purchase as proposed, sk `L#<period>` how many receipts came after how many days, by thirteen weeks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from pydantic_core import from_json, to_json

from domain.events import MS_PER_DAY, ProductKey
from domain.joint_purchases import Purchase, WaitingLine
from domain.lead_times import LeadTimes, merged
from domain.product import product_label, product_of
from handlers.order_ports import Reminder, Waiting
from handlers.ports import Clock, OutboxEntry
from worker.aws.clients import error_code, translated
from worker.aws.commits import retrying_refused
from worker.aws.dynamodb import Item, batch_get, batch_write, gather_bounded, number, query, text
from worker.aws.state_codec import SHARDS, encode_outbox, shard_of

KEPT_DAYS = 90  # of a purchase, and of an order that waits
SUPPLIERS_AT_ONCE = 8
PERIOD_DAYS, PERIODS = 91, 5  # of lead times: what is older than a year is no longer what a supplier does


class DynamoReminders:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def add(self, reminders: Sequence[Reminder]) -> None:
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": key}} for key in _distinct(reminders)])

    async def due(self, today: int, limit: int) -> list[Reminder]:
        shards = await gather_bounded(partial(self._due, today, limit), range(SHARDS))
        return [_reminder(item) for shard in shards for item in shard][:limit]

    async def _due(self, today: int, limit: int, shard: int) -> list[Item]:
        return await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk < :tomorrow",
            ExpressionAttributeValues={":pk": text(f"D#{shard}"), ":tomorrow": text(_day_sk(today + 1))},
            Limit=limit,
            ConsistentRead=True,
        )

    async def done(self, reminders: Sequence[Reminder]) -> None:
        await batch_write(self._client, self._table, [{"DeleteRequest": {"Key": key}} for key in _distinct(reminders)])


def _distinct(reminders: Sequence[Reminder]) -> list[Item]:
    """The key of each, which is all there is of it. No request may name one twice."""
    return [_reminder_key(reminder) for reminder in dict.fromkeys(reminders)]


def _day_sk(day: int) -> str:
    return f"{max(0, day):08d}#"


def _reminder_key(reminder: Reminder) -> Item:
    label = product_label(reminder.product)
    return {"pk": text(f"D#{shard_of(label)}"), "sk": text(_day_sk(reminder.day) + label)}


def _reminder(item: Item) -> Reminder:
    day, _, label = item["sk"]["S"].partition("#")
    return Reminder(product_of(label), int(day))


class DynamoPurchases:
    def __init__(self, client: Any, table: str, clock: Clock, deadline_s: float) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._deadline_s = deadline_s

    async def wait(self, lines: Sequence[WaitingLine]) -> None:
        items = [
            {**_line_key(line), "line": text(to_json(line).decode()), "expires_at": self._expiry()} for line in lines
        ]
        await batch_write(self._client, self._table, [{"PutRequest": {"Item": item}} for item in items])

    async def of(self, supplier: str) -> Waiting:
        found = await self._query(supplier, "W#", "W$")
        lines = tuple(_line(from_json(item["line"]["S"])) for item in found)
        if not lines:
            return Waiting((), ())
        # A purchase is younger than each of its lines.
        oldest = min(line.proposed_on for line in lines)
        made = await self._query(supplier, _purchase_sk(oldest), "P$")
        return Waiting(lines, tuple(_purchase(from_json(item["purchase"]["S"])) for item in made))

    async def _query(self, supplier: str, first: str, last: str) -> list[Item]:
        return await query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": _supplier_pk(supplier), ":first": text(first), ":last": text(last)},
            ConsistentRead=True,
        )

    async def make(self, purchase: Purchase, entry: OutboxEntry) -> bool:
        item = {
            "pk": _supplier_pk(purchase.supplier),
            "sk": text(_purchase_sk(purchase.review_on)),
            "purchase": text(to_json(purchase).decode()),
            "expires_at": self._expiry(),
        }
        absent = {"ConditionExpression": "attribute_not_exists(pk)"}
        actions = [
            {"Put": {"TableName": self._table, "Item": item, **absent}},
            {"Put": {"TableName": self._table, "Item": encode_outbox(entry)}},
        ]
        return await _transacted(self._client, self._deadline_s, actions)

    async def gone(self, lines: Sequence[WaitingLine]) -> None:
        requests = [{"DeleteRequest": {"Key": _line_key(line)}} for line in lines]
        await batch_write(self._client, self._table, requests)

    def _expiry(self) -> Item:
        return number((self._clock.now() // MS_PER_DAY + KEPT_DAYS) * MS_PER_DAY // 1000)


async def _transacted(client: Any, deadline_s: float, actions: Sequence[Item]) -> bool:
    """Whether the actions were done; False if one's condition did not hold."""
    done = True

    async def once() -> None:
        nonlocal done
        with translated("TransactWriteItems"):
            try:
                async with asyncio.timeout(deadline_s):
                    await client.transact_write_items(TransactItems=actions)
            except ClientError as exc:
                reasons = {reason.get("Code") for reason in exc.response.get("CancellationReasons", [])}
                if error_code(exc) != "TransactionCanceledException" or "ConditionalCheckFailed" not in reasons:
                    raise
                done = False

    await retrying_refused(once)
    return done


def _supplier_pk(supplier: str) -> Item:
    return text(f"S#{supplier}")


def _purchase_sk(day: int) -> str:
    return f"P#{day:08d}"


def _line_key(line: WaitingLine) -> Item:
    return {"pk": _supplier_pk(line.supplier), "sk": text(f"W#{line.cycle:010d}#{product_label(line.product)}")}


def _line(said: list[Any]) -> WaitingLine:
    supplier, product, *rest = said
    return WaitingLine(supplier, ProductKey(*product), *rest)


def _purchase(said: list[Any]) -> Purchase:
    purchase = Purchase(*said)
    return purchase._replace(lines=tuple(_line(list(line)) for line in purchase.lines))


class DynamoLeadTimes:
    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    async def add(self, seen: Mapping[str, LeadTimes]) -> None:
        await gather_bounded(self._add, [(s, times) for s, times in seen.items() if times.receipts], SUPPLIERS_AT_ONCE)

    async def _add(self, row: tuple[str, LeadTimes]) -> None:
        supplier, times = row
        period = self._period()
        key, ends_on = _lead_times_key(supplier, period), (period + PERIODS + 1) * PERIOD_DAYS
        counts = {f":d{days}": number(count) for days, count in times.receipts.items()}
        said = {
            "UpdateExpression": "SET expires_at = :end ADD " + ", ".join(f"{name[1:]} {name}" for name in counts),
            "ExpressionAttributeValues": {":end": number(ends_on * MS_PER_DAY // 1000), **counts},
        }

        async def once() -> None:
            with translated("UpdateItem"):
                await self._client.update_item(TableName=self._table, Key=key, **said)

        await retrying_refused(once)

    async def read(self, suppliers: Sequence[str]) -> dict[str, LeadTimes]:
        periods = range(self._period() - PERIODS + 1, self._period() + 1)
        keys = [_lead_times_key(supplier, period) for supplier in dict.fromkeys(suppliers) for period in periods]
        known: dict[str, LeadTimes] = {}
        for item in await batch_get(self._client, self._table, keys, consistent=False):
            supplier = item["pk"]["S"].removeprefix("S#")
            known[supplier] = merged(known.get(supplier, LeadTimes({})), _lead_times(item))
        return known

    def _period(self) -> int:
        return self._clock.now() // MS_PER_DAY // PERIOD_DAYS


def _lead_times_key(supplier: str, period: int) -> Item:
    return {"pk": _supplier_pk(supplier), "sk": text(f"L#{period:06d}")}


def _lead_times(item: Item) -> LeadTimes:
    counts = {int(name[1:]): int(value["N"]) for name, value in item.items() if name[:1] == "d"}
    return LeadTimes(dict(sorted(counts.items())))
