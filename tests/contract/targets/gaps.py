"""What is each target known to do otherwise than AWS?

A test that stands here must fail on that target: one that passes is an error, so that the table cannot outlive what it
says. Nothing is skipped in silence."""

from __future__ import annotations

from collections.abc import Mapping

Gaps = Mapping[str, str]

_NO_CONFLICT = "it runs transactions one after the other, so that none ever meets another"
_NO_CODE = "every entry succeeds: FailedEntryCount is always 0 and no entry has an ErrorCode"
_ANY_SIZE = "it takes any size"

EMBEDDED: Gaps = {
    "test_dynamodb_itself::test_transactions_that_meet_on_an_item_conflict": _NO_CONFLICT,
    "test_dynamodb_itself::test_a_put_that_meets_a_transaction_conflicts": _NO_CONFLICT,
    "test_dynamodb_itself::test_a_batch_of_more_than_16_megabytes_is_answered_in_part": (
        "BatchGetItem answers any size at once, never with UnprocessedKeys"
    ),
    "test_eventbridge_itself::test_a_detail_that_is_no_json_fails_alone": _NO_CODE,
    "test_eventbridge_itself::test_an_entry_without_a_type_fails_alone": _NO_CODE,
    "test_eventbridge_itself::test_a_request_over_a_megabyte_is_refused": _ANY_SIZE,
    "test_streams_itself::test_a_table_with_a_new_stream_still_has_the_old_one": (
        "ListStreams names the newest stream only; the old one can still be read by whoever knows it"
    ),
    "test_streams_itself::test_more_than_1000_records_cannot_be_asked_for": "it takes any Limit",
    "test_streams_itself::test_the_oldest_record_takes_none": "it takes a sequence number and ignores it",
    "test_sqs_itself::test_a_poll_longer_than_20_seconds_is_refused": "it takes any WaitTimeSeconds",
    "test_sqs_itself::test_a_visibility_over_12_hours_is_refused": "it takes any VisibilityTimeout",
    "test_sqs_itself::test_a_stale_receipt_is_answered_as_a_success": "it refuses a stale receipt",
}

DYNAMODB_LOCAL: Gaps = {
    "test_dynamodb_itself::test_transactions_that_meet_on_an_item_conflict": _NO_CONFLICT,
    "test_dynamodb_itself::test_a_put_that_meets_a_transaction_conflicts": _NO_CONFLICT,
}

_NOT_KEPT = "the simulation does not check it: the worker's own limits keep it from ever asking"
_SENDERS = "SendMessageBatch checks nothing: the senders are simulated as well"
SIMULATED: Gaps = {
    "test_streams_itself::test_after_needs_a_sequence_number": _NOT_KEPT,
    "test_streams_itself::test_the_oldest_record_takes_none": _NOT_KEPT,
    "test_explainer_contract::test_a_model_that_does_not_exist_is_a_misconfiguration": "it has every model",
    "test_order_books::test_receipts_of_several_workers_add_up": "the simulated DynamoDB has no UpdateItem",
    "test_state_store_sizes::test_segments_of_more_than_a_page_are_all_loaded": "pages end at a number of items only",
    "test_dynamodb_itself::test_a_transaction_of_more_than_4_megabytes_is_refused": _ANY_SIZE,
    "test_dynamodb_itself::test_a_batch_of_more_than_16_megabytes_is_answered_in_part": (
        "in calm weather it answers any size at once; under faults it answers in part at random"
    ),
    "test_dynamodb_itself::test_a_page_of_a_query_ends_at_a_megabyte": "pages end at a number of items only",
    "test_dynamodb_itself::test_a_key_that_is_too_long_or_empty_is_refused": _NOT_KEPT,
    "test_eventbridge_itself::test_a_detail_that_is_no_json_fails_alone": _NOT_KEPT,
    "test_eventbridge_itself::test_an_entry_without_a_type_fails_alone": _NOT_KEPT,
    "test_eventbridge_itself::test_a_request_over_a_megabyte_is_refused": _NOT_KEPT,
    "test_sqs_itself::test_a_visibility_over_12_hours_is_refused": _NOT_KEPT,
    "test_sqs_itself::test_a_batch_of_more_than_ten_is_refused": _SENDERS,
    "test_sqs_itself::test_two_entries_of_one_id_refuse_the_whole_batch": _SENDERS,
    "test_sqs_itself::test_a_message_over_a_mebibyte_is_refused": _ANY_SIZE,
    "test_sqs_itself::test_one_bad_receipt_fails_alone": "a receipt it never gave is answered as a success",
    "test_sqs_itself::test_a_deduplication_id_that_was_seen_is_not_delivered_again": (
        "it has no deduplication, which is the harder case for the worker"
    ),
    "test_sqs_itself::test_a_fifo_message_needs_a_group": _NOT_KEPT,
}

AWS: Gaps = {}

GAPS: Mapping[str, Gaps] = {
    "embedded": EMBEDDED,
    "dynamodb-local": DYNAMODB_LOCAL,
    "simulated": SIMULATED,
    "aws": AWS,
}
