"""Where do the files of a snapshot go?

Under an address in S3, or into a folder of this machine. A file replaces the one of its name as a whole, when it is
finished, or leaves it as it was: S3's multipart uploads and a rename are both like that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from worker.aws.clients import translated
from worker.retraining.plan import S3Place
from worker.retry import retrying

PART_BYTES = 8 * 1024 * 1024  # S3's least is 5 MiB, but for the last; 10,000 of these are 80 GB


class Upload(Protocol):
    """One file under way."""

    async def write(self, data: bytes) -> None: ...

    async def finish(self) -> None:
        """The file is there from now on."""
        ...

    async def abandon(self) -> None:
        """Nothing of it stays, and whatever was there before does; what is finished stays as it is."""
        ...


Open = Callable[[str], Upload]
"""Begins the file of a name, such as `inventory/day=2025-05-01/restock.parquet`."""


class FolderUpload:
    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._partly = self._path.with_name(f".{self._path.name}.part")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._partly.open("wb")

    async def write(self, data: bytes) -> None:
        self._stream.write(data)

    async def finish(self) -> None:
        self._stream.close()
        self._partly.replace(self._path)

    async def abandon(self) -> None:
        self._stream.close()
        self._partly.unlink(missing_ok=True)


class S3Upload:
    """A file of one part is put at once; a longer one goes up part by part as it grows."""

    def __init__(self, client: Any, place: S3Place, name: str) -> None:
        self._client = client
        self._object = {"Bucket": place.bucket, "Key": place.key(name)}
        self._waiting = bytearray()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []

    async def write(self, data: bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= PART_BYTES:
            part = bytes(self._waiting[:PART_BYTES])
            await self._send(part)
            del self._waiting[:PART_BYTES]

    async def finish(self) -> None:
        if not self._upload:
            await self._call("put_object", Body=bytes(self._waiting))
            return
        if self._waiting:
            await self._send(bytes(self._waiting))
        await self._call("complete_multipart_upload", **self._upload, MultipartUpload={"Parts": self._parts})
        self._upload = {}

    async def abandon(self) -> None:
        if self._upload:
            await self._call("abort_multipart_upload", **self._upload)

    async def _send(self, part: bytes) -> None:
        if not self._upload:
            begun = await self._call("create_multipart_upload")
            self._upload = {"UploadId": begun["UploadId"]}
        number = len(self._parts) + 1
        said = await self._call("upload_part", **self._upload, PartNumber=number, Body=part)
        self._parts.append({"PartNumber": number, "ETag": said["ETag"]})

    async def _call(self, operation: str, **more: Any) -> dict[str, Any]:
        async def once() -> dict[str, Any]:
            with translated(f"{operation} s3://{self._object['Bucket']}/{self._object['Key']}"):
                said: dict[str, Any] = await getattr(self._client, operation)(**self._object, **more)
            return said

        return await retrying(once)
