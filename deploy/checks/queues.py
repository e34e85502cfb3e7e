"""Would sales reach the worker, and nothing be lost on the way?

cfn-lint lets pass a Pipe's batch above what SQS takes, a FIFO target without a group, a queue that loses what it gives
up, a stream on the table that the worker writes, tables that cannot be restored."""

from __future__ import annotations

import json
from collections.abc import Iterator

from deploy.checks.deployed import Deployed
from worker.settings import Settings

PIPE_INTO_SQS_MAX = 10  # entries of a SendMessageBatch, which a Pipe makes of its batch
RECEIVES_MIN = 5  # fewer, and a deployment makes dead letters of good messages
# Where the worker writes expires_at: docs/operations.md.
EXPIRING = ("restock-state", "restock-leases", "retail-forecasts")


def pipes_fit_their_targets(deployed: Deployed) -> Iterator[str]:
    queues = deployed.by_reference("AWS::SQS::Queue")
    for where, pipe in deployed.of("AWS::Pipes::Pipe"):
        reading = pipe.get("SourceParameters", {}).get("DynamoDBStreamParameters", {})
        sending = pipe.get("TargetParameters", {}).get("SqsQueueParameters", {})
        if (batch := int(reading.get("BatchSize", 1))) > PIPE_INTO_SQS_MAX:
            yield f"{where}: BatchSize {batch}, and a target of SQS takes {PIPE_INTO_SQS_MAX}"
        target = queues.get(pipe["Target"], ("", {}))[1]
        if target.get("FifoQueue") and not str(sending.get("MessageGroupId", "")).startswith("$."):
            yield f"{where}: a FIFO queue needs a MessageGroupId that is read off the record"
        if "DeadLetterConfig" not in reading:
            yield f"{where}: what it gives up is lost: no DeadLetterConfig"
        if "MaximumRetryAttempts" not in reading:
            yield f"{where}: one bad record would hold its shard for a day: no MaximumRetryAttempts"
        for each in pipe.get("SourceParameters", {}).get("FilterCriteria", {}).get("Filters", ()):
            for key in json.loads(each["Pattern"]):
                if key not in ("eventID", "eventName", "eventSource", "awsRegion", "dynamodb", "userIdentity"):
                    yield f"{where}: a stream's record has no {key}: the filter lets nothing through"


def queues_keep_what_they_give_up(deployed: Deployed) -> Iterator[str]:
    queues = deployed.by_reference("AWS::SQS::Queue")
    least_s = int(Settings.model_fields["visibility_timeout_s"].default)
    for where, queue in queues.values():
        name = queue["QueueName"]
        if bool(queue.get("FifoQueue")) != name.endswith(".fifo"):
            yield f"{where}: FifoQueue and a name that ends in .fifo belong together: {name}"
        if name.removesuffix(".fifo").endswith("-dlq"):
            continue
        redrive = queue.get("RedrivePolicy")
        if redrive is None:
            yield f"{where}: no dead-letter queue"
            continue
        if int(redrive["maxReceiveCount"]) < RECEIVES_MIN:
            yield f"{where}: maxReceiveCount {redrive['maxReceiveCount']}, {RECEIVES_MIN} is the least"
        dead = queues.get(redrive["deadLetterTargetArn"])
        if dead is None:
            yield f"{where}: its dead-letter queue is not there"
        elif bool(dead[1].get("FifoQueue")) != bool(queue.get("FifoQueue")):
            yield f"{where}: the dead letters of a FIFO queue need a FIFO queue, and of no other"
        if name.startswith("retail-sales") and int(queue.get("VisibilityTimeout", 30)) < least_s:
            yield f"{where}: VisibilityTimeout below the worker's own {least_s} s"


def tables_can_be_restored_and_forget(deployed: Deployed) -> Iterator[str]:
    for where, table in deployed.of("AWS::DynamoDB::Table"):
        name = table["TableName"]
        if not table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{where}: no point-in-time recovery"
        if not table.get("DeletionProtectionEnabled"):
            yield f"{where}: it can be deleted by mistake"
        if name.startswith(EXPIRING):
            said = table.get("TimeToLiveSpecification", {})
            if said.get("AttributeName") != "expires_at" or not said.get("Enabled"):
                yield f"{where}: the worker writes expires_at, and nothing forgets by it"
        if name.startswith("restock-") and "StreamSpecification" in table:
            yield f"{where}: a stream on the worker's own table: whoever reads it as sales never comes to rest"
        view = table.get("StreamSpecification", {}).get("StreamViewType", "NEW_AND_OLD_IMAGES")
        if view != "NEW_AND_OLD_IMAGES":
            yield f"{where}: StreamViewType {view}: a changed or removed sale cannot be told by it"


def logs_are_forgotten(deployed: Deployed) -> Iterator[str]:
    for where, group in deployed.of("AWS::Logs::LogGroup"):
        if not group.get("RetentionInDays"):
            yield f"{where}: kept for ever, and paid for"
