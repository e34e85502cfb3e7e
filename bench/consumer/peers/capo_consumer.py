"""How does one consume with capo? Ten messages a call, 16 calls in flight."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from capo_sqs import AsyncSQSClient

IN_FLIGHT = 16


async def main(url: str, queue: str) -> None:
    identity = {"access_key": "local", "secret_key": "local"}
    async with AsyncSQSClient(region="us-east-1", endpoint=url, credentials=identity) as sqs:
        queue_url = f"{url}/000000000000/{queue}"
        await asyncio.gather(*(consume(sqs, queue_url) for _ in range(IN_FLIGHT)))


async def consume(sqs: Any, queue_url: str) -> None:
    while True:
        said = await sqs.receive_message(queue_url, max_number_of_messages=10, wait_time_seconds=20)
        entries = [
            {"id": str(n), "receipt_handle": message["receipt_handle"]}
            for n, message in enumerate(said.get("messages", []))
        ]
        if entries:
            await sqs.delete_message_batch(queue_url, entries)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
