"""Which objects lie under an address of S3, and how do they come here?

In the order of their keys, with what tells one version of an object from another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NamedTuple

from handlers.errors import Misconfigured
from worker.aws.clients import translated
from worker.retry import retrying


class S3Object(NamedTuple):
    """modified_at: when it was written (ms)."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    modified_at: int

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def s3_address(address: str) -> tuple[str, str]:
    """Bucket and key prefix of s3://bucket/prefix; Misconfigured if it is none."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise Misconfigured(f"{address}: an address looks like s3://bucket/prefix")
    return bucket, prefix


async def objects_under(s3: Any, address: str) -> AsyncIterator[S3Object]:
    """Objects without a body, which mark folders, are left out."""
    bucket, prefix = s3_address(address)
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        said = await retrying(partial(_page, s3, request))
        for found in said.get("Contents", ()):
            if found["Size"]:
                modified_at = int(found["LastModified"].timestamp() * 1000)
                yield S3Object(bucket, found["Key"], found["Size"], found["ETag"].strip('"'), modified_at)
        if not said.get("IsTruncated"):
            return
        request["ContinuationToken"] = said["NextContinuationToken"]


async def _page(s3: Any, request: dict[str, Any]) -> Any:
    with translated(f"ListObjectsV2 s3://{request['Bucket']}"):
        return await s3.list_objects_v2(**request)
