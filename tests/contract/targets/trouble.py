"""What becomes of a call to AWS?

Faults are planned by operation and used up in order, in front of any client: the emulator's, AWS's own (whose requests
are signed for its host, so that no proxy could stand there) and the simulation's. What a fault does not pass on does
not happen."""

from __future__ import annotations

import io
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from worker.aws.clients import Clients

Said = dict[str, Any]
Passed = Callable[..., Awaitable[Said]]
Fault = Callable[[Passed, Said], Awaitable[Said]]


class Trouble:
    """calls: each operation with what it said, in order."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self.calls: list[tuple[str, Said]] = []

    def plan(self, operation: str, *faults: Fault) -> None:
        """The next calls of this operation meet these faults, one each."""
        self._planned[operation].extend(faults)

    def always(self, operation: str, fault: Fault) -> None:
        self._always[operation] = fault

    def said(self, operation: str) -> list[Said]:
        return [said for name, said in self.calls if name == operation]

    def before(self, clients: Clients) -> Clients:
        """The same clients with this in front."""
        return Clients(**{field.name: _Client(getattr(clients, field.name), self) for field in fields(clients)})

    async def meet(self, operation: str, passed: Passed, said: Said) -> Said:
        self.calls.append((operation, said))
        planned = self._planned[operation]
        fault = planned.popleft() if planned else self._always.get(operation)
        return await (fault(passed, said) if fault is not None else passed(**said))


class _Client:
    def __init__(self, client: Any, trouble: Trouble) -> None:
        self._client = client
        self._trouble = trouble

    def __getattr__(self, operation: str) -> Passed:
        async def call(**said: Any) -> Said:
            return await self._trouble.meet(operation, getattr(self._client, operation), said)

        return call


async def passes(passed: Passed, said: Said) -> Said:
    """Nothing is wrong."""
    return await passed(**said)


async def lost_request(passed: Passed, said: Said) -> Said:
    """No effect and no answer."""
    raise ReadTimeoutError(endpoint_url="", error="planned")


async def lost_answer(passed: Passed, said: Said) -> Said:
    """It took effect; nobody hears of it."""
    await passed(**said)
    raise ReadTimeoutError(endpoint_url="", error="planned")


def error(code: str, status: int = 400, **members: object) -> Fault:
    """The service answers with an error and does nothing."""

    async def fault(passed: Passed, said: Said) -> Said:
        answer = {"Error": {"Code": code, "Message": "planned"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError({**answer, **members}, "planned")

    return fault


def only_where(fault: Fault, **members: object) -> Fault:
    """The fault for calls that say this; all others are passed on."""

    async def chosen(passed: Passed, said: Said) -> Said:
        concerned = all(said.get(name) == value for name, value in members.items())
        return await (fault(passed, said) if concerned else passed(**said))

    return chosen


def cancelled(*reasons: str) -> Fault:
    """A transaction cancelled for these reasons, one an action."""
    return error("TransactionCanceledException", CancellationReasons=[{"Code": reason} for reason in reasons])


def pages_of(size: int) -> Fault:
    """Query answers in pages of this size."""

    async def fault(passed: Passed, said: Said) -> Said:
        return await passed(**{**said, "Limit": min(size, said.get("Limit", size))})

    return fault


def keys_unprocessed(kept: int) -> Fault:
    """BatchGetItem answers for the first keys only."""

    async def fault(passed: Passed, said: Said) -> Said:
        ((table, wanted),) = said["RequestItems"].items()
        first, rest = ({**wanted, "Keys": keys} for keys in (wanted["Keys"][:kept], wanted["Keys"][kept:]))
        answer = await passed(RequestItems={table: first}) if kept else {"Responses": {}}
        return {**answer, "UnprocessedKeys": {table: rest} if rest["Keys"] else {}}

    return fault


def items_unprocessed(kept: int) -> Fault:
    """BatchWriteItem performs the first requests only."""

    async def fault(passed: Passed, said: Said) -> Said:
        ((table, requests),) = said["RequestItems"].items()
        answer = await passed(RequestItems={table: requests[:kept]}) if kept else {}
        return {**answer, "UnprocessedItems": {table: requests[kept:]} if requests[kept:] else {}}

    return fault


def entries_failed(kept: int, *, sender_fault: bool = False) -> Fault:
    """A batch call of SQS performs the first entries only, and says so."""

    async def fault(passed: Passed, said: Said) -> Said:
        entries = said["Entries"]
        answer = await passed(**{**said, "Entries": entries[:kept]}) if kept else {"Successful": []}
        failed = [{"Id": e["Id"], "SenderFault": sender_fault, "Code": "InternalError"} for e in entries[kept:]]
        return {**answer, "Failed": [*answer.get("Failed", []), *failed]}

    return fault


def entries_refused(*positions: int) -> Fault:
    """PutEvents publishes all entries but these, and does not raise."""

    async def fault(passed: Passed, said: Said) -> Said:
        good = [entry for at, entry in enumerate(said["Entries"]) if at not in positions]
        answers = iter((await passed(Entries=good))["Entries"] if good else ())
        refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "planned"}
        entries = [refused if at in positions else next(answers) for at in range(len(said["Entries"]))]
        return {"FailedEntryCount": len(positions), "Entries": entries}

    return fault


class _Body(io.BytesIO):
    """An answer's body, read as one reads a streamed one."""

    async def __aenter__(self) -> _Body:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def read(self) -> bytes:  # type: ignore[override]
        return super().read()


def answer_changed(change: Callable[[Any], Any]) -> Fault:
    """InvokeEndpoint answers something else: change maps its JSON."""

    async def fault(passed: Passed, said: Said) -> Said:
        answer = await passed(**said)
        async with answer["Body"] as stream:
            body = json.loads(await stream.read())
        return {**answer, "Body": _Body(json.dumps(change(body)).encode())}

    return fault
