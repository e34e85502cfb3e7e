"""Is a history the same from the table, from an export and from files in S3?"""

from __future__ import annotations

import gzip
import io
import json

import pytest
from history_shop import TRUE, counts, twin_agrees

from worker.intake import Batch
from worker.local.embedded_aws import create_sales_table
from worker.rebuilding.histories import files_history
from worker.rebuilding.item_histories import export_history, table_history
from worker.sources.source import Message
from worker.table_scan import TableScan
from worker.wiring import build_parts

pytestmark = pytest.mark.asyncio(loop_scope="session")


def item(each):
    return {
        "product_id": {"S": each["product_id"]},
        "sale_date": {"S": f"{each['occurred_at']}#{each['event_id']}"},
        "quantity": {"N": str(each["quantity"])},
        "unit_price": {"N": str(each["unit_price"])},
    }


async def told(shop, items):
    """The table's stream brings the insertion of these to the worker."""
    scan = await TableScan.of(shop.clients.dynamodb, "retail-sales-history")
    parts = await build_parts(shop.settings, shop.clients, shop.clock, io.StringIO())
    batch = Batch()
    for place, each in enumerate(items):
        await parts.intake.add(batch, Message(f"m{place}", str(place), scan.message(each).body))
    await parts.intake.settle(batch)


async def test_from_the_table_it_knows_the_ids_that_its_stream_told(shop):
    dynamodb = shop.clients.dynamodb
    await create_sales_table(dynamodb, "retail-sales-history")
    items = [item(each) for each in TRUE]
    for each in items:
        await dynamodb.put_item(TableName="retail-sales-history", Item=each)
    await told(shop, [{**each, "quantity": {"N": "9"}} for each in items[:20]] + items[20:50])
    history = await table_history(dynamodb, "retail-sales-history", {}, 2, 7)
    done = await shop.rebuilt(history)
    assert counts(done, "rows", "swapped") == (60, 2)
    was = await shop.figures()
    await told(shop, items)
    assert await shop.figures() == was
    assert counts(await shop.rebuilt(history), "equal") == (2,)


async def test_from_an_export_it_comes_to_the_same_as_from_the_table(shop):
    dynamodb, s3 = shop.clients.dynamodb, shop.clients.s3
    await create_sales_table(dynamodb, "retail-sales-history")
    items = [item(each) for each in TRUE]
    await told(shop, items[:50])
    await s3.create_bucket(Bucket="exports")
    place = "AWSDynamoDB/017"
    arn = (await dynamodb.describe_table(TableName="retail-sales-history"))["Table"]["TableArn"]
    about = {"outputFormat": "DYNAMODB_JSON", "exportType": "FULL_EXPORT", "tableArn": arn}
    await s3.put_object(Bucket="exports", Key=f"{place}/manifest-summary.json", Body=json.dumps(about).encode())
    for part in range(2):
        lines = "\n".join(json.dumps({"Item": each}) for each in items[part::2])
        body = gzip.compress(lines.encode())
        await s3.put_object(Bucket="exports", Key=f"{place}/data/part{part}.json.gz", Body=body)
    history = await export_history(f"s3://exports/{place}/", s3, dynamodb, {})
    done = await shop.rebuilt(history)
    assert counts(done, "rows", "swapped") == (60, 2)
    was = await shop.figures()
    await told(shop, items)
    assert await shop.figures() == was


async def test_from_s3_several_files_are_one_history(shop):
    await shop.clients.s3.create_bucket(Bucket="history")
    for part in range(3):
        shop.history(*TRUE[part::3], name="part.csv")
        body = (shop.folder / "part.csv").read_bytes()
        await shop.clients.s3.put_object(Bucket="history", Key=f"sales/{part}.csv", Body=body)
    done = await shop.rebuilt(await files_history("s3://history/sales/", shop.clients.s3))
    assert counts(done, "rows", "products") == (60, 2)
    await twin_agrees(shop)
