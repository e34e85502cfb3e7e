"""Mistakes in the queues, the Pipe and the tables, that cfn-lint lets pass."""

from __future__ import annotations

from planting import Planted, gone, to

PIPE = ("Resources", "WrittenSales", "Properties")
STATE = ("Resources", "StateTable", "Properties")


PLANTED_DATA = (
    Planted(
        "a Pipe's batch above SQS's ten",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "SourceParameters", "DynamoDBStreamParameters", "BatchSize"),
        to(100),
    ),
    Planted(
        "a FIFO target without a group",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "TargetParameters", "SqsQueueParameters", "MessageGroupId"),
        gone,
    ),
    Planted(
        "a Pipe that loses what it gives up",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "SourceParameters", "DynamoDBStreamParameters", "DeadLetterConfig"),
        gone,
    ),
    Planted(
        "a filter on a member that no record has",
        "pipes_fit_their_targets",
        "data",
        (*PIPE, "SourceParameters", "FilterCriteria", "Filters", 0, "Pattern"),
        to('{"event_name": ["INSERT"]}'),
    ),
    Planted(
        "maxReceiveCount of one",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "SalesQueue", "Properties", "RedrivePolicy", "maxReceiveCount"),
        to(1),
    ),
    Planted(
        "no dead letters",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "SalesQueue0", "Properties", "RedrivePolicy"),
        gone,
    ),
    Planted(
        "standard dead letters of a FIFO queue",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "FifoSalesQueue", "Properties", "RedrivePolicy", "deadLetterTargetArn"),
        to({"Fn::GetAtt": ["PipeDeadLetters", "Arn"]}),
    ),
    Planted(
        "a visibility below the worker's",
        "queues_keep_what_they_give_up",
        "data",
        ("Resources", "SalesQueue", "Properties", "VisibilityTimeout"),
        to(30),
    ),
    Planted(
        "no recovery",
        "tables_can_be_restored_and_forget",
        "data",
        (*STATE, "PointInTimeRecoverySpecification"),
        gone,
    ),
    Planted(
        "a time to live on a misspelt attribute",
        "tables_can_be_restored_and_forget",
        "data",
        (*STATE, "TimeToLiveSpecification", "AttributeName"),
        to("expire_at"),
    ),
    Planted(
        "a stream on the state table",
        "tables_can_be_restored_and_forget",
        "data",
        (*STATE, "StreamSpecification"),
        to({"StreamViewType": "NEW_AND_OLD_IMAGES"}),
    ),
    Planted(
        "a stream of keys",
        "tables_can_be_restored_and_forget",
        "data",
        ("Resources", "SalesTable", "Properties", "StreamSpecification", "StreamViewType"),
        to("KEYS_ONLY"),
    ),
)
