"""May the snapshot's task do what it must and nothing that it need not, and do its tables show what it writes?

The stack as our deploy command makes it, in the emulator that enforces IAM by resource (ministack, AUTH=true), and the
task's own command with its own variables. Nothing of this has run on AWS."""

from __future__ import annotations

import asyncio
import io
import os
import time

import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from aiobotocore.config import AioConfig
from fakes.examples import order_of, state_after
from guarded_account import account, client, deploy
from guarded_worker import PARAMETERS
from iam_grants import ACCOUNT, REGION, grants_of, without

from deploy.profile import EXAMPLE
from deploy.template import resolve, template
from domain.events import MS_PER_DAY, ProductKey
from domain.product import ForecastNote
from handlers.announcements import iso_day
from handlers.errors import Misconfigured
from worker.aws.state_codec import encode_header, encode_order
from worker.clock import SystemClock
from worker.local.embedded_aws import CREDENTIALS
from worker.local.processes import restock
from worker.retraining.plan import S3Place
from worker.snapshots.places import PART_BYTES, S3Upload
from worker.snapshots.tables import FOLDER, INVENTORY_NOW, REORDERS, TABLES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

WRITTEN = resolve("analytics", template("analytics"), {**EXAMPLE, **PARAMETERS})
GRANTS = grants_of(WRITTEN.of("AWS::IAM::ManagedPolicy")["SnapshotPolicy"]["PolicyDocument"])
OF_UPLOADS = "s3:AbortMultipartUpload"  # needed only where a long file is cut short
BUCKET = f"retail-analytics-{ACCOUNT}"
NOW = SystemClock().now()
TODAY = NOW // MS_PER_DAY
TEA, GONE = ProductKey("tea"), ProductKey("gone")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AUTH": "true"}.items():
            patch.setenv(name, value)
        async with account(tmp_path_factory.mktemp("analytics"), PARAMETERS) as found:
            left_out = await asyncio.to_thread(deploy, found.url, ("analytics",), PARAMETERS)
            assert left_out == {"analytics": set()}
            seed(client(found.url, "dynamodb"))
            yield found


def seed(dynamodb):
    """A product with a forecast, and an order of one whose header is not on its page: that one is asked for."""
    note = ForecastNote(TODAY, 1, "model", ((1, 2.0, 0.1), (8, 16.0, 0.1), (28, 56.0, 0.1)))
    state = state_after(TEA, 3, 4, 5)._replace(forecast=note)
    order = order_of(GONE)._replace(decided_at=NOW)
    for item in (encode_header(state, "token"), encode_order(order, 1, None)):
        dynamodb.put_item(TableName="restock-state", Item=item)


async def taken(guarded):
    """The task's command, with its variables, as the user: its exit code and what it said."""
    (container,) = WRITTEN.of("AWS::ECS::TaskDefinition")["SnapshotTask"]["ContainerDefinitions"]
    variables = {each["Name"]: each["Value"] for each in container["Environment"]}
    process = await asyncio.create_subprocess_exec(
        *restock(*container["Command"], "--day", iso_day(TODAY), "--back-days", "0"),
        env={**os.environ, **variables, **guarded.environment, "RESTOCK_ENDPOINT_URL": guarded.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_task_may_do_what_its_command_does_and_its_tables_show_it(guarded):
    guarded.may(guarded.policy("restock-snapshot"))
    code, said = await taken(guarded)
    assert code == 0, said
    assert "inventory 1, stockouts 0, reorders 1" in said
    s3, glue = client(guarded.url, "s3"), client(guarded.url, "glue")
    for table in TABLES:
        shown = glue.get_table(DatabaseName="restock", Name=table.name)["Table"]
        location = shown["StorageDescriptor"]["Location"]
        assert location == f"s3://{BUCKET}/{FOLDER}/{table.name}/"
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=location.removeprefix(f"s3://{BUCKET}/")).get("Contents", ())
        for each in found:
            body = s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
            columns = [column["Name"] for column in shown["StorageDescriptor"]["Columns"]]
            assert pq.read_schema(io.BytesIO(body)).names == columns
            day = shown.get("Parameters", {}).get("storage.location.template", location)
            assert f"s3://{BUCKET}/{each['Key']}".startswith(day.replace("${day}", iso_day(TODAY)))
    assert keys(s3, INVENTORY_NOW) == [f"{FOLDER}/inventory_now/restock.parquet"]
    assert keys(s3, REORDERS) == [f"{FOLDER}/reorders/day={iso_day(TODAY)}/restock.parquet"]


def keys(s3, table):
    said = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{FOLDER}/{table.name}/")
    return [each["Key"] for each in said["Contents"]]


async def test_athena_finds_the_rows_through_the_tables(guarded):
    """The emulator's Athena answers by DuckDB, and with made-up rows where that is not installed."""
    pytest.importorskip("duckdb", reason="ministack's Athena needs DuckDB to answer: pip install duckdb")
    guarded.may(guarded.policy("restock-snapshot"))
    assert (await taken(guarded))[0] == 0
    asked = "SELECT day, reorder_id, quantity, status FROM restock.reorders"
    assert await asyncio.to_thread(answer, client(guarded.url, "athena"), asked) == [
        [iso_day(TODAY), "gone:1", "24", "settled"]
    ]


def answer(athena, question):
    """The rows of Athena's answer, without its head."""
    said = athena.start_query_execution(QueryString=question, WorkGroup="restock")
    for _ in range(100):
        status = athena.get_query_execution(QueryExecutionId=said["QueryExecutionId"])["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.1)
    assert status["State"] == "SUCCEEDED", status
    found = athena.get_query_results(QueryExecutionId=said["QueryExecutionId"])["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found[1:]]


@pytest.mark.parametrize(
    "grant",
    [grant for grant in GRANTS if grant.action != OF_UPLOADS],
    ids=lambda grant: f"{grant.sid}-{grant.action}",
)
async def test_without_a_permission_the_snapshot_fails_and_names_it(grant, guarded):
    guarded.may(without(guarded.policy("restock-snapshot"), grant))
    code, said = await taken(guarded)
    assert code == 1
    assert f"not authorized to perform: {grant.action}" in said


async def test_a_long_file_that_is_cut_short_may_be_taken_away(guarded):
    (grant,) = [grant for grant in GRANTS if grant.action == OF_UPLOADS]
    policy = guarded.policy("restock-snapshot")
    config = AioConfig(region_name=REGION, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    async with guarded.session.create_client("s3", endpoint_url=guarded.url, config=config) as s3:
        for document, allowed in ((policy, True), (without(policy, grant), False)):
            guarded.may(policy)
            upload = S3Upload(s3, S3Place(BUCKET, FOLDER), "inventory/long.parquet")
            await upload.write(bytes(PART_BYTES))
            guarded.may(document)
            if allowed:
                await upload.abandon()
            else:
                with pytest.raises(Misconfigured, match=f"not authorized to perform: {OF_UPLOADS}"):
                    await upload.abandon()


async def test_the_workgroup_is_made_with_its_limit(guarded):
    made = client(guarded.url, "athena").get_work_group(WorkGroup="restock")["WorkGroup"]["Configuration"]
    assert int(made["BytesScannedCutoffPerQuery"]) == 1_073_741_824  # the emulator keeps it as a text
    assert made["EnforceWorkGroupConfiguration"] is True
    assert made["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}/athena/"
