"""Models and sales, wherever they lie."""

from __future__ import annotations

import io
import tarfile

import pytest
import pytest_asyncio
from sagemaker_stand_in import REGION, archive_of

from forecaster.model import DemandModel, UnreadableModel
from handlers.errors import Misconfigured
from worker.aws import s3_files
from worker.aws.s3_files import S3Files
from worker.aws.sagemaker_control import open_control
from worker.retraining.artifacts import fetched, load_model, put_in_place
from worker.retraining.plan import S3Place

BUCKET = S3Place("retraining", "")


@pytest_asyncio.fixture
async def s3(stand_in):
    async with open_control(REGION, stand_in.url) as opened:
        yield opened.s3


async def test_a_folder_in_s3_is_fetched_with_what_lies_in_it_and_not_what_is_named_alike(s3, stand_in, tmp_path):
    for name in ("sales/a.csv", "sales/2025/b.csv", "sales-old/c.csv", "sales.csv"):
        stand_in.put(BUCKET, name, name.encode())
    folder = await fetched("s3://retraining/sales/", tmp_path / "work", s3)
    found = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a.csv": "sales/a.csv", "2025/b.csv": "sales/2025/b.csv"}


async def test_one_object_is_fetched_as_a_file_and_again_only_if_asked(s3, stand_in, tmp_path):
    stand_in.put(BUCKET, "x/sales.csv", b"first")
    path = await fetched("s3://retraining/x/sales.csv", tmp_path, s3)
    assert path == tmp_path / "sales.csv"
    stand_in.put(BUCKET, "x/sales.csv", b"second")
    await fetched("s3://retraining/x/sales.csv", tmp_path, s3)
    assert path.read_bytes() == b"first"
    await fetched("s3://retraining/x/sales.csv", tmp_path, s3, anew=True)
    assert path.read_bytes() == b"second"


async def test_what_is_not_there_is_said(s3, tmp_path):
    with pytest.raises(Misconfigured, match="there is nothing"):
        await fetched("s3://retraining/none", tmp_path, s3)
    with pytest.raises(Misconfigured, match="no such file"):
        await fetched(str(tmp_path / "none"), tmp_path, None)


async def test_many_objects_are_listed_page_by_page(s3, stand_in):
    for number in range(1_050):
        stand_in.put(BUCKET, f"many/{number:04}", b"")
    assert len([key async for key in S3Files(s3, "retraining").keys("many/")]) == 1_050


async def test_a_file_too_large_for_one_put_is_refused_before_it_is_sent(s3, tmp_path, monkeypatch):
    monkeypatch.setattr(s3_files, "PUT_BYTES_MAX", 10)
    path = tmp_path / "large"
    path.write_bytes(b"x" * 11)
    with pytest.raises(Misconfigured, match="11 bytes: a put takes 10"):
        await S3Files(s3, "retraining").put("large", path)


def test_a_model_is_read_from_a_folder_and_from_sagemakers_archive_of_one(good, tmp_path):
    good.save(tmp_path / "folder")
    archive = tmp_path / "channel" / "model.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(archive_of(tmp_path / "folder"))
    names = {
        load_model(path, tmp_path / f"unpacked-{at}").name
        for at, path in enumerate((tmp_path / "folder", archive, archive.parent))
    }
    assert names == {good.name}


def test_an_archive_that_reaches_outside_is_not_unpacked(tmp_path):
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        told = tarfile.TarInfo("../escaped")
        told.size = 1
        tar.addfile(told, io.BytesIO(b"x"))
    with pytest.raises(UnreadableModel, match="no archive of a model"):
        load_model(archive, tmp_path / "inside")
    assert not (tmp_path / "escaped").exists()


def test_a_folder_without_a_model_is_said_to_be_one(tmp_path):
    with pytest.raises(UnreadableModel):
        load_model(tmp_path, tmp_path / "x")


def test_the_model_before_lies_beside_the_one_in_place(good, tmp_path):
    new, serving = tmp_path / "new", tmp_path / "serving"
    good.save(new)
    put_in_place(new, serving)
    assert DemandModel.load(serving).name == good.name
    (serving / "mark").write_text("the first")
    put_in_place(new, serving)
    assert not (serving / "mark").exists()
    assert (tmp_path / "serving.before" / "mark").read_text() == "the first"
