"""How does one consume with boto3? Ten messages a call, a client shared by 16 threads."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

THREADS = 16


def main(url: str, queue: str) -> None:
    sqs = boto3.client("sqs", endpoint_url=url, config=Config(max_pool_connections=THREADS))
    queue_url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    with ThreadPoolExecutor(THREADS) as threads:
        for done in [threads.submit(consume, sqs, queue_url) for _ in range(THREADS)]:
            done.result()


def consume(sqs: Any, queue_url: str) -> None:
    while True:
        said = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(said.get("Messages", []))
        ]
        if entries:
            sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)


if __name__ == "__main__":
    main(*sys.argv[1:])
