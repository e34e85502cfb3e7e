"""What do requests look like that take units of a table?"""

from bench.event_ids.metering import TABLE
from worker.aws.dynamodb import number, text

ABSENT = "attribute_not_exists(pk)"
VERSION = "version = :was"


def header(product="a", size=0, dirty_since=None):
    """A header that takes some bytes and size more; dirty since some time, or not."""
    item = {"pk": text(f"P#{product}"), "sk": text("H"), "b": {"B": bytes(size)}}
    return item | ({"dirty_since": number(dirty_since)} if dirty_since is not None else {})


def put(item, condition=None, table=TABLE):
    said = {"TableName": table, "Item": item}
    return {"Put": said | ({"ConditionExpression": condition} if condition else {})}
