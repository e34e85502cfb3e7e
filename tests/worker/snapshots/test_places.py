"""A file of a snapshot replaces the one before as a whole, in a folder and in S3, or leaves it as it was."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fakes.clock import TODAY

from handlers.errors import Misconfigured
from worker.retraining.plan import S3Place
from worker.snapshots import places
from worker.snapshots.places import FolderUpload, S3Upload
from worker.snapshots.run import Days, files
from worker.snapshots.tables import ACCURACY, INVENTORY_NOW, TABLES

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "inventory/day=2025-05-01/restock.parquet"
PLACE = S3Place("retail-analytics", "snapshots")
LEAST_PART_BYTES = 5 * 1024 * 1024  # S3's


@pytest_asyncio.fixture(loop_scope="session", params=["folder", "s3"])
async def place(request, aws, tmp_path, monkeypatch):
    """How a file is begun there, and how its content is read."""
    if request.param == "folder":
        return (lambda: FolderUpload(tmp_path, NAME)), lambda: read_file(tmp_path / NAME)
    monkeypatch.setattr(places, "PART_BYTES", LEAST_PART_BYTES)
    await aws.clients.s3.create_bucket(Bucket=PLACE.bucket)
    return (lambda: S3Upload(aws.clients.s3, PLACE, NAME)), lambda: read_object(aws.clients.s3)


async def read_file(path):
    return path.read_bytes()


async def read_object(s3):
    answer = await s3.get_object(Bucket=PLACE.bucket, Key=f"snapshots/{NAME}")
    async with answer["Body"] as body:
        return await body.read()


@pytest.mark.parametrize(
    "size", [0, 1_000, LEAST_PART_BYTES, 2 * LEAST_PART_BYTES + 7], ids=lambda size: f"{size} bytes"
)
async def test_what_was_written_is_there_when_it_is_finished(place, size):
    begin, read = place
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    upload = begin()
    for at in range(0, size, 3_000_000):
        await upload.write(content[at : at + 3_000_000])
    await upload.finish()
    assert await read() == content


@pytest.mark.parametrize("size", [10, 2 * LEAST_PART_BYTES])
async def test_what_is_abandoned_leaves_what_was_there(place, size, aws):
    begin, read = place
    first = begin()
    await first.write(b"the first")
    await first.finish()
    second = begin()
    await second.write(bytes(size))
    await second.abandon()
    assert await read() == b"the first"


async def test_an_abandoned_upload_leaves_no_parts_to_pay_for(aws):
    await aws.clients.s3.create_bucket(Bucket=PLACE.bucket)
    upload = S3Upload(aws.clients.s3, PLACE, NAME)
    await upload.write(bytes(places.PART_BYTES + 1))
    assert len((await aws.clients.s3.list_multipart_uploads(Bucket=PLACE.bucket))["Uploads"]) == 1
    await upload.abandon()
    assert "Uploads" not in await aws.clients.s3.list_multipart_uploads(Bucket=PLACE.bucket)


class Failing(FolderUpload):
    """A file that cannot be finished, nor taken away."""

    async def finish(self):
        raise Misconfigured("AccessDenied")

    async def abandon(self):
        await super().abandon()
        raise Misconfigured("AccessDenied as well")


async def test_where_a_file_cannot_be_finished_the_others_are_whole_or_as_they_were(tmp_path):
    days = Days(TODAY, TODAY - 1)

    async def taken(kinds):
        async with files(lambda name: kinds.get(name.split("/")[0], FolderUpload)(tmp_path, name), days) as opened:
            await opened.add(ACCURACY, 0, ("of a day that is not written",))

    await taken({})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(Misconfigured, match=r"AccessDenied$"):
        await taken({"stockouts": Failing})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


async def test_the_newest_snapshot_is_replaced_last(tmp_path):
    finished = []

    class Noted(FolderUpload):
        async def finish(self):
            finished.append(self._path.parent.relative_to(tmp_path).parts[0])
            await super().finish()

    async with files(lambda name: Noted(tmp_path, name), Days(TODAY, TODAY - 35)):
        assert finished == []
    assert set(finished) == {table.name for table in TABLES}
    assert finished.index(INVENTORY_NOW.name) == len(finished) - 1


async def test_a_file_that_is_finished_stays_when_a_later_one_fails(aws):
    await aws.clients.s3.create_bucket(Bucket=PLACE.bucket)
    upload = S3Upload(aws.clients.s3, PLACE, NAME)
    await upload.write(bytes(places.PART_BYTES + 1))
    await upload.finish()
    await upload.abandon()
    assert await read_object(aws.clients.s3) == bytes(places.PART_BYTES + 1)
