"""How do files get to S3 and back?

A put is atomic: an object is there as a whole or not at all. A folder is a key prefix. Only objects of up to 5 GiB,
which is what one put takes, are written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from handlers.errors import Misconfigured
from worker.aws.clients import translated
from worker.retry import retrying

CHUNK_BYTES = 1 << 20
PUT_BYTES_MAX = 5 * 1024**3


class S3Files:
    """The objects of one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def put(self, key: str, path: Path) -> None:
        """Misconfigured for a file that is too large for one put."""
        _require_one_put(path)

        async def once() -> None:
            with translated(f"PutObject {key}"), path.open("rb") as stream:
                await self._client.put_object(Bucket=self._bucket, Key=key, Body=stream)

        await retrying(once)

    async def get(self, key: str, path: Path) -> None:
        """Writes the object to a file, which appears when it is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partly = path.with_name(f".{path.name}.part")

        async def once() -> None:
            with translated(f"GetObject {key}"):
                answer = await self._client.get_object(Bucket=self._bucket, Key=key)
                async with answer["Body"] as body:
                    with partly.open("wb") as stream:
                        while chunk := await body.read(CHUNK_BYTES):
                            stream.write(chunk)

        await retrying(once)
        partly.replace(path)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """The keys that begin with the prefix, in order."""
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        while True:

            async def page() -> Any:
                with translated("ListObjectsV2"):
                    return await self._client.list_objects_v2(**request)

            said = await retrying(page)
            for found in said.get("Contents", ()):
                yield found["Key"]
            if not said.get("IsTruncated"):
                return
            request["ContinuationToken"] = said["NextContinuationToken"]


def _require_one_put(path: Path) -> None:
    size = path.stat().st_size
    if size > PUT_BYTES_MAX:
        raise Misconfigured(f"{path.name} has {size:,} bytes: a put takes {PUT_BYTES_MAX:,}")
