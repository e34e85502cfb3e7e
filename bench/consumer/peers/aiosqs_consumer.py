"""How does one consume with aiosqs? Ten messages a call, 16 calls in flight; it knows no deletion of several."""

from __future__ import annotations

import asyncio
import sys

from aiosqs import SQSClient

IN_FLIGHT = 16


async def main(url: str, queue: str) -> None:
    host = url.removeprefix("http://")
    async with SQSClient("us-east-1", "local", "local", host, timeout_sec=30) as sqs:
        sqs.endpoint_url = f"{url}/"  # it would take https for granted
        queue_url = f"{url}/000000000000/{queue}"
        await asyncio.gather(*(consume(sqs, queue_url) for _ in range(IN_FLIGHT)))


async def consume(sqs: SQSClient, queue_url: str) -> None:
    while True:
        messages = await sqs.receive_message(queue_url, 10, 120, 20)
        for message in messages or ():
            await sqs.delete_message(queue_url, message["ReceiptHandle"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
