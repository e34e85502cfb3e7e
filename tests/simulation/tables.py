"""A DynamoDB in memory that is as unhelpful as the real one may be.

A transaction locks its items, is decided at one instant, and becomes visible item by item; whatever else wants to
write one of them meanwhile is refused with a conflict. Batches answer for a part. The limits of the API are
enforced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from simulation.expressions import Item, meets
from simulation.network import STORM_THROTTLES, THROTTLED, Network, Said, ServiceError
from simulation.table import (
    Key,
    Table,
    Write,
    by_key,
    cancelled,
    key_schema,
    refuse_if,
    refuse_if_too_large,
    written,
)

ACTIONS_MAX = 100
GET_KEYS_MAX = 100
WRITE_ITEMS_MAX = 25
SLOW_TRANSACTION_S = 3.0  # for as long as it is not decided it is in everybody's way


class Tables:
    """decided is told of the writes of every transaction and single write at the instant it is decided. described: what
    DescribeTable says of a table besides. commits counts transactions, conflicts those that met another."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._tables: dict[str, Table] = {}
        self._locked: set[tuple[str, Key]] = set()
        self.decided: Callable[[list[Write]], None] = lambda writes: None
        self.described: dict[str, Callable[[], Said]] = {}
        self.commits = 0
        self.conflicts = 0
        self.throttled = 0

    def create(self, name: str, *keys: str) -> Table:
        self._tables[name] = Table(name, keys)
        return self._tables[name]

    def __getitem__(self, name: str) -> Table:
        try:
            return self._tables[name]
        except KeyError:
            raise ServiceError("ResourceNotFoundException", f"no table {name}") from None

    def describe_table(self, said: Said, caller: str) -> Said:
        table = self[said["TableName"]]
        more = self.described.get(table.name, dict)()
        return {"Table": {"TableStatus": "ACTIVE", "KeySchema": key_schema(table), **more}}

    def _within_capacity(self, name: str) -> Table:
        """The table, unless it is throttled now."""
        now = self._network.loop.time()
        storms = self._network.weather.table_storms
        if any(table == name and start <= now < end for table, start, end in storms) and self._draw() < STORM_THROTTLES:
            self.throttled += 1
            code, status = THROTTLED["dynamodb"]
            raise ServiceError(code, status=status)
        return self[name]

    def get_item(self, said: Said, caller: str) -> Said:
        table = self._within_capacity(said["TableName"])
        refuse_if(not said.get("ConsistentRead"), "the simulated DynamoDB only knows consistent reads of an item")
        item = table.items.get(table.key_of(said["Key"]))
        return {"Item": dict(item)} if item is not None else {}

    def batch_get_item(self, said: Said, caller: str) -> Said:
        ((name, wanted),) = said["RequestItems"].items()
        table, keys = self[name], wanted["Keys"]
        refuse_if(len(keys) > GET_KEYS_MAX, f"more than {GET_KEYS_MAX} keys")
        found = [table.key_of(key) for key in keys]
        refuse_if(len(set(found)) < len(found), "the same key twice")
        answered, left = self._a_part(keys)
        items = [table.items[k] for k in map(table.key_of, answered) if k in table.items]
        self._network.chance.shuffle(items)
        return {
            "Responses": {name: [dict(item) for item in items]},
            "UnprocessedKeys": {name: {**wanted, "Keys": left}} if left else {},
        }

    def query(self, said: Said, caller: str) -> Said:
        """Pages of at most Limit items, whatever the filter then leaves of them, as DynamoDB counts."""
        table = self._within_capacity(said["TableName"])
        values = said["ExpressionAttributeValues"]
        refuse_if("IndexName" in said, "the simulated DynamoDB has no index")
        rows = table.partitions[values[":pk"]["S"]].items()
        met = [(key, item) for key, item in rows if meets(item, said["KeyConditionExpression"], values)]
        met.sort(key=by_key)
        after = said.get("ExclusiveStartKey")
        if after is not None:
            # Where the page before ended, even if what stood there is gone.
            met = [row for row in met if by_key(row) > by_key((table.key_of(after), after))]
        limit = min(said.get("Limit", 1_000), self._page())
        page = met[:limit]
        items = [dict(item) for _, item in page if meets(item, said.get("FilterExpression"), values)]
        if len(met) <= limit:
            return {"Items": items}
        return {"Items": items, "LastEvaluatedKey": {name: page[-1][1][name] for name in table.keys}}

    def _page(self) -> int:
        return self._network.chance.choice((1, 2, 5)) if self._unlucky() else 1_000

    def expire(self, name: str, now: int) -> None:
        """Some of the items whose time to live was over by now (ms) are deleted, the others later."""
        for key, item in list(self[name].items.items()):
            if "expires_at" in item and int(item["expires_at"]["N"]) * 1000 < now and self._draw() < 0.5:
                self._decide([(name, key, None)])
                self._show(name, key, None)

    def put_item(self, said: Said, caller: str) -> Said:
        table = self._within_capacity(said["TableName"])
        key = table.key_of(said["Item"])
        if (table.name, key) in self._locked:
            table.puts["puts_met"] += 1
            raise ServiceError("TransactionConflictException")
        refuse_if_too_large([said["Item"]])
        if not meets(table.items.get(key), said.get("ConditionExpression"), said.get("ExpressionAttributeValues")):
            table.puts["puts_lost"] += 1
            raise ServiceError("ConditionalCheckFailedException", "The conditional request failed")
        table.puts["puts"] += 1
        self._decide([(table.name, key, said["Item"])])
        self._show(table.name, key, said["Item"])
        return {}

    def batch_write_item(self, said: Said, caller: str) -> Said:
        ((name, requests),) = said["RequestItems"].items()
        table = self[name]
        refuse_if(len(requests) > WRITE_ITEMS_MAX, f"more than {WRITE_ITEMS_MAX} items")
        writes = [written(table, request) for request in requests]
        refuse_if(len({key for _, key, _ in writes}) < len(writes), "the same key twice")
        refuse_if_too_large([item for _, _, item in writes])
        done, left = self._a_part(list(zip(requests, writes, strict=True)))
        left += [both for both in done if both[1][:2] in self._locked]
        done = [both for both in done if both[1][:2] not in self._locked]
        self._decide([write for _, write in done])
        for _, write in done:
            self._show(*write)
        return {"UnprocessedItems": {name: [request for request, _ in left]} if left else {}}

    def transact_write_items(self, said: Said, caller: str) -> asyncio.Future[Said]:
        actions = [_action(self, action) for action in said["TransactItems"]]
        refuse_if(not 1 <= len(actions) <= ACTIONS_MAX, f"not 1 to {ACTIONS_MAX} actions")
        places = [write[:2] for write, _, _ in actions]
        refuse_if(len(set(places)) < len(places), "two actions on one item")
        refuse_if_too_large([item for (_, _, item), _, _ in actions])
        taken = [place in self._locked for place in places]
        if any(taken):
            self.conflicts += 1
            raise cancelled(["TransactionConflict" if busy else "None" for busy in taken])
        self._locked.update(places)
        answer: asyncio.Future[Said] = self._network.loop.create_future()
        delay = 0.001 + self._draw() * (SLOW_TRANSACTION_S if self._unlucky() else 0.006)
        self._network.loop.call_later(delay, self._decide_transaction, actions, answer)
        return answer

    def _decide_transaction(self, actions: list[Any], answer: asyncio.Future[Said]) -> None:
        met = [meets(self[write[0]].items.get(write[1]), condition, values) for write, condition, values in actions]
        writes = [write for write, _, _ in actions]
        if not all(met):
            self._locked.difference_update(write[:2] for write in writes)
            answer.set_exception(cancelled(["None" if ok else "ConditionalCheckFailed" for ok in met]))
            return
        self.commits += 1
        self._decide(writes)
        loop, delay = self._network.loop, 0.0
        for write in self._network.chance.sample(writes, len(writes)):
            delay += self._network.chance.random() * 0.002
            loop.call_later(delay, self._show, *write)
        loop.call_later(delay, self._finish, writes, answer)

    def _finish(self, writes: list[Write], answer: asyncio.Future[Said]) -> None:
        self._locked.difference_update(write[:2] for write in writes)
        answer.set_result({})

    def _decide(self, writes: list[Write]) -> None:
        self.decided(writes)

    def _show(self, name: str, key: Key, item: Item | None) -> None:
        self._tables[name].show(key, item)

    def _unlucky(self) -> bool:
        return self._draw() < self._network.weather.partial

    def _draw(self) -> float:
        return self._network.chance.random()

    def _a_part(self, rows: list[Any]) -> tuple[list[Any], list[Any]]:
        if not rows or not self._unlucky():
            return rows, []
        kept = self._network.chance.randrange(len(rows) + 1)
        return rows[:kept], rows[kept:]


def _action(tables: Tables, action: Said) -> tuple[Write, str | None, Said | None]:
    ((kind, said),) = action.items()
    table = tables[said["TableName"]]
    item = said["Item"] if kind == "Put" else None
    write = (table.name, table.key_of(said["Item"] if kind == "Put" else said["Key"]), item)
    return write, said.get("ConditionExpression"), said.get("ExpressionAttributeValues")
