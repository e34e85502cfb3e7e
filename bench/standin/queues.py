"""Which messages may be received now, and whose are they until when?

A message that was received is hidden until its visibility runs out or is changed; then it comes again, and the handle
of the newest delivery is the only one that deletes it. Deleting what is gone already succeeds, as SQS has it. The
order is that of sending, which SQS does not promise; there are no groups and no dead letters."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import json
import re
from collections import deque
from itertools import count

WAIT_MAX_S = 20
HANDLE = re.compile(r".+-\d+#\d+")  # the id of a message, and which of its deliveries


class Message:
    __slots__ = ("body", "gone", "handle", "hidden_until", "md5", "message_id", "receives")

    def __init__(self, message_id: str, text: str) -> None:
        self.message_id = message_id
        self.body = json.dumps(text)  # as it stands in an answer, written once
        self.md5 = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        self.receives = 0
        self.handle = ""
        self.hidden_until = 0.0
        self.gone = False


Taken = list[Message]


class Queue:
    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = self.received = self.deleted = 0
        self._ready: deque[Message] = deque()
        self._handles: dict[str, Message] = {}
        self._hidden: list[tuple[float, int, Message]] = []
        self._order = count()
        self._waiting: deque[tuple[asyncio.Future[Taken], int, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def visible(self) -> int:
        return sum(not message.gone for message in self._ready)

    def pour(self, other: Queue) -> None:
        """Takes over, all at once, what another queue has ready."""
        self.sent += len(other._ready)
        self._ready.extend(other._ready)
        other._ready.clear()
        self._serve()

    def send(self, texts: list[str]) -> list[Message]:
        first = self.sent
        messages = [Message(f"{self.name}-{first + n}", text) for n, text in enumerate(texts)]
        self.sent += len(messages)
        self._ready.extend(messages)
        self._serve()
        return messages

    def receive(self, limit: int, hidden_s: float, wait_s: float) -> Taken | asyncio.Future[Taken]:
        """Up to limit messages; a future of them if there are none now and somebody is to wait."""
        self._reveal()
        taken = self._take(limit, hidden_s)
        if taken or wait_s <= 0:
            return taken
        loop = asyncio.get_running_loop()
        later: asyncio.Future[Taken] = loop.create_future()
        self._waiting.append((later, limit, hidden_s))
        timer = loop.call_later(min(wait_s, WAIT_MAX_S), _nothing, later)
        later.add_done_callback(lambda _: timer.cancel())
        return later

    def delete(self, handle: str) -> bool:
        """False if this never was a handle."""
        message = self._handles.pop(handle, None)
        if message is not None:
            message.gone = True
            self.deleted += 1
        return message is not None or HANDLE.fullmatch(handle) is not None

    def hide(self, handle: str, hidden_s: float) -> bool:
        """Changes the visibility of a message in flight; False if it is in flight no longer."""
        message = self._handles.get(handle)
        if message is None or message.hidden_until <= _now():
            return False
        self._hide(message, hidden_s)
        self._reveal()
        return True

    def _take(self, limit: int, hidden_s: float) -> Taken:
        taken: Taken = []
        while self._ready and len(taken) < limit:
            message = self._ready.popleft()
            if message.gone:  # deleted after its visibility had run out
                continue
            self._handles.pop(message.handle, None)
            message.receives += 1
            message.handle = f"{message.message_id}#{message.receives}"
            self._handles[message.handle] = message
            self._hide(message, hidden_s)
            taken.append(message)
        self.received += len(taken)
        return taken

    def _hide(self, message: Message, hidden_s: float) -> None:
        message.hidden_until = _now() + hidden_s
        heapq.heappush(self._hidden, (message.hidden_until, next(self._order), message))
        if self._timer is None or message.hidden_until < self._timer.when():
            self._arm()

    def _arm(self) -> None:
        """The next look at what is hidden is when the first of it may come again."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._hidden[0][0], self._look) if self._hidden else None

    def _look(self) -> None:
        self._timer = None
        self._reveal()
        if self._timer is None:
            self._arm()

    def _reveal(self) -> None:
        """What is hidden no longer may be received again."""
        now = _now()
        while self._hidden and (self._hidden[0][0] <= now or self._hidden[0][2].gone):
            until, _, message = heapq.heappop(self._hidden)
            if not message.gone and message.hidden_until == until:  # else it was hidden for another time since
                self._ready.append(message)
        self._serve()

    def _serve(self) -> None:
        """Gives what is ready to those who wait for it, who came first first."""
        while self._ready and self._waiting:
            later, limit, hidden_s = self._waiting.popleft()
            if not later.done() and (taken := self._take(limit, hidden_s)):
                later.set_result(taken)
            elif not later.done():
                self._waiting.appendleft((later, limit, hidden_s))


def _nothing(later: asyncio.Future[Taken]) -> None:
    if not later.done():
        later.set_result([])


def _now() -> float:
    return asyncio.get_running_loop().time()
