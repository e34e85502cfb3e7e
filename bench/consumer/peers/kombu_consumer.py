"""How does one consume with kombu? Ten messages a call, and each is acknowledged by itself, as kombu has it."""

from __future__ import annotations

import sys
from typing import Any

from kombu import Connection, Queue

PREFETCHED = 160


def main(url: str, queue: str) -> None:
    address = url.removeprefix("http://")
    place = {"url": f"{url}/000000000000/{queue}", "access_key_id": "local", "secret_access_key": "local"}
    options = {"region": "us-east-1", "is_secure": False, "wait_time_seconds": 20, "predefined_queues": {queue: place}}
    with Connection(f"sqs://local:local@{address}", transport_options=options) as connection:
        consumer = connection.Consumer(Queue(queue), callbacks=[done], accept=["json"], prefetch_count=PREFETCHED)
        with consumer:
            while True:
                connection.drain_events()


def done(_body: Any, message: Any) -> None:
    message.ack()


if __name__ == "__main__":
    main(*sys.argv[1:])
