"""Is every call counted in the units that AWS bills?

Examples computed by hand from AWS's rules."""

import pytest
from metered_requests import ABSENT, VERSION, header, put

from bench.event_ids.metering import TABLE
from worker.aws.capacity import KNOWN_MAX
from worker.aws.dynamodb import number, text
from worker.aws.metering import ASKED, Metering, metric_name

FORECASTS = "retail-forecasts"
REFUSED = {"Error": {"Code": "ConditionalCheckFailedException"}}
CANCELLED = {"Error": {"Code": "TransactionCanceledException"}}
THROTTLED = {"Error": {"Code": "ProvisionedThroughputExceededException"}}


@pytest.fixture
def metering():
    return Metering(TABLE)


def transact(metering, *actions, answer=None):
    metering.called("dynamodb", "TransactWriteItems", {"TransactItems": list(actions)}, answer or {})
    return metering.take()


def units_of(metering, operation, request, answer=None):
    metering.called("dynamodb", operation, request, answer or {})
    return metering.take().get("units", {})


# --- writes


def test_a_write_takes_a_unit_each_begun_kilobyte_and_twice_that_in_a_transaction(metering):
    item = {"product_id": text("p"), "forecast_date": text("2026-11-01"), "b": {"B": bytes(2_000)}}
    assert units_of(metering, "PutItem", {"TableName": FORECASTS, "Item": item}) == {"write_units": 2}
    assert transact(metering, put(item, table=FORECASTS))["units"] == {"write_units": 4}


def test_the_larger_of_the_old_and_the_new_item_is_billed(metering):
    put_item = {"TableName": TABLE, "ConditionExpression": VERSION}
    assert units_of(metering, "PutItem", {**put_item, "Item": header(size=3_000), "ConditionExpression": ABSENT}) == {
        "write_units": 3
    }
    assert units_of(metering, "PutItem", {**put_item, "Item": header(size=10)})["write_units"] == 3
    assert units_of(metering, "PutItem", {**put_item, "Item": header(size=10)})["write_units"] == 1


def test_a_delete_is_billed_by_what_it_deletes(metering):
    segment = {"pk": text("P#a"), "sk": text("E#000000000001"), "entries": {"B": bytes(1_500)}}
    transact(metering, put(segment, ABSENT))
    key = {"pk": segment["pk"], "sk": segment["sk"]}
    taken = transact(metering, {"Delete": {"TableName": TABLE, "Key": key}})
    assert taken["units"]["write_units"] == 2 * 2
    assert taken["items"] == {"segment, deleted": 1}
    # The second time there is nothing left to delete.
    assert transact(metering, {"Delete": {"TableName": TABLE, "Key": key}})["units"]["write_units"] == 2 * 1


def test_a_condition_that_fails_is_billed_and_changes_nothing(metering):
    units_of(metering, "PutItem", {"TableName": TABLE, "Item": header(size=10), "ConditionExpression": ABSENT})
    large = {"TableName": TABLE, "Item": header(size=3_000, dirty_since=1), "ConditionExpression": VERSION}
    assert units_of(metering, "PutItem", large, REFUSED) == {"write_units": 3}
    assert transact(metering, put(header(size=3_000), VERSION), answer=CANCELLED)["units"] == {"write_units": 6}
    assert units_of(metering, "PutItem", {"TableName": TABLE, "Item": header(size=10)}) == {"write_units": 1}


def test_what_was_throttled_takes_no_units_but_is_a_call(metering):
    metering.called("dynamodb", "PutItem", {"TableName": TABLE, "Item": header()}, THROTTLED)
    assert metering.take() == {"calls": {"dynamodb.PutItem": 1}}


def test_of_a_call_without_an_answer_the_worst_is_assumed(metering):
    metering.called("dynamodb", "PutItem", {"TableName": FORECASTS, "Item": header()}, {})
    assert metering.take()["units"] == {"write_units": 1}


def test_what_was_read_is_known_when_it_is_replaced(metering):
    read = {"RequestItems": {TABLE: {"Keys": [{}], "ConsistentRead": True}}}
    units_of(metering, "BatchGetItem", read, {"Responses": {TABLE: [header(size=3_000)]}})
    assert units_of(metering, "PutItem", {"TableName": TABLE, "Item": header(size=10)}) == {"write_units": 3}


def test_kinds_of_items_are_told_apart(metering):
    order = {"pk": text("P#a"), "sk": text("O#1")}
    outbox, agenda = {"pk": text("X#3"), "sk": text("some:id")}, {"pk": text("A#1"), "sk": text("1#me#1")}
    taken = transact(metering, put(header(dirty_since=5), ABSENT), put(order, ABSENT), put(outbox), put(agenda))
    taken_later = transact(metering, put(header("b")))
    assert taken["items"] == {"header, sold": 1, "order": 1, "outbox": 1, "agenda": 1}
    assert taken["item_units"] == {"header, sold": 2, "order": 2, "outbox": 2, "agenda": 2}
    assert taken["item_bytes"]["order"] == 2 + 3 + 2 + 3
    assert taken_later["items"] == {"header, decided": 1}


def test_a_condition_check_is_billed_as_a_write(metering):
    key = {"pk": text("P#a"), "sk": text("H")}
    transact(metering, put(header(size=2_500), ABSENT))
    assert transact(metering, {"ConditionCheck": {"TableName": TABLE, "Key": key}})["units"]["write_units"] == 6


def test_a_batch_of_writes_is_billed_item_by_item_and_not_for_what_was_left(metering):
    puts = [{"PutRequest": {"Item": {"product_id": text(name), "b": {"B": bytes(1_100)}}}} for name in "ab"]
    delete = {"DeleteRequest": {"Key": {"product_id": text("c")}}}
    request = {"RequestItems": {FORECASTS: [*puts, delete]}}
    assert units_of(metering, "BatchWriteItem", request) == {"write_units": 2 + 2 + 1}
    left = {"UnprocessedItems": {FORECASTS: [puts[1]]}}
    assert units_of(metering, "BatchWriteItem", request, left) == {"write_units": 2 + 1}


def test_statements_and_updates_are_read_as_the_items_they_write(metering):
    item = header(size=2_500, dirty_since=5)
    names = sorted(item.keys() - {"pk", "sk"})
    sets = " ".join(f'SET "{name}"=?' for name in names)
    statement = {
        "Statement": f'UPDATE "{TABLE}" {sets} WHERE "pk"=? AND "sk"=? AND "version"=?',
        "Parameters": [*(item[name] for name in names), item["pk"], item["sk"], number(3)],
    }
    answer = {"Responses": [{}, {"Error": {"Code": "ConditionalCheckFailed"}}, {"Error": {"Code": "ThrottlingError"}}]}
    taken = units_of(metering, "BatchExecuteStatement", {"Statements": [statement] * 3}, answer)
    assert taken == {"write_units": 3 + 3}
    update = {
        "TableName": TABLE,
        "Key": {"pk": item["pk"], "sk": item["sk"]},
        "UpdateExpression": "SET #v = :v, small = :s",
        "ExpressionAttributeNames": {"#v": "version"},
        "ExpressionAttributeValues": {":v": number(4), ":s": number(1), ":was": number(3)},
    }
    # As large as it was.
    assert units_of(metering, "UpdateItem", update) == {"write_units": 3}


# --- reads


def test_items_read_by_key_are_rounded_up_one_by_one_and_a_missing_one_counts(metering):
    items = [header("a", 1_500), header("b", 6_500)]  # AWS's own example: 4 KB and 8 KB
    request = {"RequestItems": {TABLE: {"Keys": [{}, {}, {}], "ConsistentRead": True}}}
    assert units_of(metering, "BatchGetItem", request, {"Responses": {TABLE: items}}) == {"read_units": 1 + 2 + 1}
    request["RequestItems"][TABLE]["ConsistentRead"] = False
    assert units_of(metering, "BatchGetItem", request, {"Responses": {TABLE: items}}) == {"read_units": 2}
    left = {"Responses": {TABLE: items[:1]}, "UnprocessedKeys": {TABLE: {"Keys": [{}, {}]}}}
    assert units_of(metering, "BatchGetItem", request, left) == {"read_units": 0.5}


def test_one_item_read(metering):
    got = {"TableName": TABLE, "ConsistentRead": True}
    assert units_of(metering, "GetItem", got, {"Item": header(size=5_000)}) == {"read_units": 2}
    assert units_of(metering, "GetItem", got) == {"read_units": 1}
    assert units_of(metering, "GetItem", {"TableName": TABLE}) == {"read_units": 0.5}


def test_a_query_is_rounded_up_as_a_whole(metering):
    rows = [header(str(n), 1_500) for n in range(4)]
    answer = {"Items": rows, "Count": 4, "ScannedCount": 4}
    assert units_of(metering, "Query", {"TableName": TABLE, "ConsistentRead": True}, answer) == {"read_units": 2}
    assert units_of(metering, "Query", {"TableName": TABLE}, answer) == {"read_units": 1}
    assert units_of(metering, "Query", {"TableName": TABLE, "ConsistentRead": True}, {"Items": []}) == {"read_units": 1}


def test_what_a_filter_held_back_was_read_all_the_same(metering):
    answer = {"Items": [header("a", 1_980)], "Count": 1, "ScannedCount": 5}
    assert units_of(metering, "Query", {"TableName": TABLE, "ConsistentRead": True}, answer) == {"read_units": 3}


def test_a_query_of_an_index_reads_its_entries(metering):
    entries = [{"pk": text("P#a"), "sk": text("H"), "b": {"B": bytes(1_500)}}] * 3
    metering.called("dynamodb", "Query", {"TableName": TABLE, "IndexName": "an-index"}, {"Items": entries})
    assert metering.take()["reads"] == {"an-index": 1}
    # Such an entry is not the item: what is known of it is not what it takes.
    assert transact(metering, put(header(size=10), ABSENT))["units"] == {"write_units": 2}


# --- the other services


def test_sqs_bills_each_64_kilobytes_and_empty_receives(metering):
    def receive(*bodies):
        metering.called("sqs", "ReceiveMessage", {}, {"Messages": [{"Body": body} for body in bodies]})
        return metering.take()["units"]

    assert receive("x" * 40_000, "x" * 25_536) == {"sqs_requests": 1, "messages": 2, "message_bytes": 65_536}
    assert receive("x" * 40_000, "é" * 12_769)["sqs_requests"] == 2
    assert receive() == {"sqs_requests": 1, "empty_receives": 1}
    metering.called("sqs", "SendMessageBatch", {"Entries": [{"MessageBody": "x" * 50_000}] * 3}, {})
    metering.called("sqs", "SendMessage", {"MessageBody": "x"}, {})
    metering.called("sqs", "DeleteMessageBatch", {"Entries": []}, {})
    metering.called("sqs", "ReceiveMessage", {}, {"Error": {"Code": "AccessDenied"}})
    assert metering.take()["units"] == {"sqs_requests": 3 + 1 + 1 + 1}


def test_the_bus_bills_each_64_kilobytes_of_an_event(metering):
    small = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    large = {**small, "Detail": "x" * 65_536}
    timed = {"Time": 0, "Detail": "x" * (65_536 - 13)}
    metering.called("events", "PutEvents", {"Entries": [small, large, timed]}, {"Entries": []})
    assert metering.take()["units"] == {"bus_events": 1 + 2 + 2}


def test_a_metric_is_a_name_with_its_dimensions(metering):
    data = [
        {"MetricName": "M"},
        {"MetricName": "M", "Dimensions": [{"Name": "ProductId", "Value": "1"}]},
        {"MetricName": "M", "Dimensions": [{"Name": "ProductId", "Value": "2"}]},
        {"MetricName": "M"},
    ]
    metering.called("cloudwatch", "PutMetricData", {"Namespace": "N", "MetricData": data}, {})
    taken = metering.take()
    assert taken["calls"] == {"cloudwatch.PutMetricData": 1}
    assert taken["metrics"] == ["N/M", "N/M ProductId=1", "N/M ProductId=2"]
    metering.called("cloudwatch", "PutMetricData", {"Namespace": "N", "MetricData": data[:1]}, {})
    assert "metrics" not in metering.take()
    assert metric_name("N", data[1]) == "N/M ProductId=1"


def test_tokens_are_those_the_answer_names(metering):
    metering.called("bedrock-runtime", "Converse", {}, {"usage": {"inputTokens": 700, "outputTokens": 90}})
    metering.called("bedrock-runtime", "Converse", {}, {})
    taken = metering.take()
    assert taken["units"] == {"tokens_in": 700, "tokens_out": 90}
    assert taken["calls"] == {"bedrock-runtime.Converse": 2}


def test_what_was_taken_is_not_taken_again(metering):
    metering.called("sqs", "DeleteMessageBatch", {}, {})
    metering.called("s3", "PutObject", {}, {})
    assert metering.take()["calls"] == {"sqs.DeleteMessageBatch": 1, "s3.PutObject": 1}
    metering.called("s3", "PutObject", {}, {})
    assert metering.take() == {"calls": {"s3.PutObject": 1}}
    assert metering.take() == {}


# --- how it hears of calls, and what it remembers


def test_a_call_whose_request_was_not_seen_is_not_passed_over(metering):
    _, (_, answered), (_, unanswered) = metering.handlers()
    seen, unseen = {}, {}
    answered(parsed={}, context=unseen, http_response=None, model=None)
    unanswered(context=unseen, exception=None)
    assert metering.take() == {"units": {"unseen_calls": 2}}
    seen[ASKED] = ("sqs", "DeleteMessageBatch", {})
    answered(parsed={}, context=seen)
    assert metering.take()["calls"] == {"sqs.DeleteMessageBatch": 1}


def test_it_remembers_so_many_items_and_no_more(metering):
    for product in range(KNOWN_MAX + 10):
        metering.capacity.put(TABLE, header(str(product)))
    assert len(metering.capacity._known) == KNOWN_MAX
