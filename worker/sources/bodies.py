"""Where is the body of a message that was too large for the queue?

A sender may put a large body into S3 and send a pointer (the format of Amazon's SQS extended clients). Only the
configured bucket is read: a message cannot make us fetch from anywhere else."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from handlers.errors import InvalidEvent
from worker.aws.clients import error_code, translated
from worker.producer import read_pointer
from worker.retry import retrying

BODY_BYTES_MAX = 16 * 1024 * 1024
KEY_BYTES_MAX = 1_024


class Bodies:
    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    async def of(self, body: str) -> str:
        """The body itself, or what its pointer points to; InvalidEvent if that is not to be had."""
        pointer = read_pointer(body)
        if pointer is None:
            return body
        bucket, key = pointer
        if bucket != self._bucket:
            raise InvalidEvent(f"the body lies in bucket {bucket!r}, only {self._bucket!r} is read")
        if not _possible(key):
            raise InvalidEvent(f"no body can lie under the key {key[:100]!r}")

        async def once() -> str:
            with translated("GetObject"):
                return await self._fetch(bucket, key)

        return await retrying(once)

    async def _fetch(self, bucket: str, key: str) -> str:
        try:
            answer = await self._s3.get_object(Bucket=bucket, Key=key)
        except ClientError as exc:
            if error_code(exc) == "NoSuchKey":
                raise InvalidEvent(f"the body s3://{bucket}/{key} does not exist") from exc
            raise
        async with answer["Body"] as stream:
            if answer["ContentLength"] > BODY_BYTES_MAX:
                raise InvalidEvent(f"the body s3://{bucket}/{key} exceeds {BODY_BYTES_MAX} bytes")
            read: bytes = await stream.read()
        return read.decode("utf-8", "replace")


def _possible(key: str) -> bool:
    """Whether S3 could have the key and a request for it stays in its bucket: a URL with dots may be shortened."""
    size = len(key.encode("utf-8", "replace"))
    whole = not any("\ud800" <= character <= "\udfff" for character in key)
    return whole and 0 < size <= KEY_BYTES_MAX and not {".", ".."} & set(key.split("/"))
