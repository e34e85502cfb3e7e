"""How does one consume with aiobotocore, message by message? One a call, 16 calls in flight."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from aiobotocore.session import get_session

IN_FLIGHT = 16


async def main(url: str, queue: str) -> None:
    async with get_session().create_client("sqs", endpoint_url=url) as sqs:
        queue_url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        await asyncio.gather(*(consume(sqs, queue_url) for _ in range(IN_FLIGHT)))


async def consume(sqs: Any, queue_url: str) -> None:
    while True:
        said = await sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20)
        for message in said.get("Messages", []):
            await sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
