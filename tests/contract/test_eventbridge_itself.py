"""Does a stand-in say of each entry what EventBridge says of it?

Partial failures do not raise there: an ErrorCode beside the entry is all there is."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.no_fake]
PORT = "EventBridge"


@pytest.fixture
def put(world):
    async def said(*details, source="retail.inventory", kind="Contract"):
        bus = world.settings.event_bus
        entries = [{"Source": source, "DetailType": kind, "Detail": said, "EventBusName": bus} for said in details]
        return await world.straight.events.put_events(Entries=entries)

    return said


async def test_more_than_ten_entries_are_refused(put):
    with pytest.raises(ClientError):
        await put(*["{}"] * 11)


async def test_a_detail_that_is_no_json_fails_alone(put, world):
    answer = await put('{"n":1}', "no json")
    assert answer["FailedEntryCount"] == 1
    assert ["ErrorCode" in said for said in answer["Entries"]] == [False, True]
    assert await world.events(1) == [("retail.inventory", "Contract", {"n": 1})]


async def test_an_entry_without_a_type_fails_alone(put):
    answer = await put("{}", kind="")
    assert answer["FailedEntryCount"] == 1


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_request_over_a_megabyte_is_refused(put):
    with pytest.raises(ClientError):
        await put('{"x":"' + "x" * 1_100_000 + '"}')


async def test_a_bus_that_does_not_exist_is_found_out_at_the_start(world):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        await world.straight.events.describe_event_bus(Name="gone")
