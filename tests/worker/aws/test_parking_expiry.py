"""How long is kept what is not counted?"""

import pytest

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from handlers.ports import LateSale, Quarantined
from worker.aws.parking import DynamoParking

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECEIVED_AT = 20_000 * MS_PER_DAY


async def test_a_quarantined_line_expires_after_its_days_and_a_late_sale_never(aws):
    clients, settings = aws.clients, aws.settings
    parking = DynamoParking(clients.dynamodb, clients.s3, settings.state_table, settings.quarantine_bucket, 90)
    await parking.quarantine([Quarantined("m1", "why", "the line", RECEIVED_AT)])
    await parking.late([LateSale(SaleRecorded(ProductKey("A"), "e1", 0, 1, 100), RECEIVED_AT)])
    answer = await clients.dynamodb.scan(TableName=settings.state_table)
    expires = {item["pk"]["S"][0]: item.get("expires_at") for item in answer["Items"]}
    assert expires == {"Q": {"N": str((20_000 + 90) * 86_400)}, "L": None}
