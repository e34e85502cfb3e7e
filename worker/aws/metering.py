"""What does the worker ask of AWS, in the units that AWS bills?

Every call is counted as it is made, by service and operation; what it costs is said elsewhere (worker/cost). A call
that AWS refused takes no units, unless a condition failed, which is billed; of a call that was never answered nobody
knows, so it takes them. What an emulator says of capacity is not listened to: the rules are AWS's own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from worker.aws.capacity import Capacity
from worker.aws.dynamodb_requests import METERS, REFUSED
from worker.aws.item_size import units

CHUNK_BYTES = 65_536  # SQS and EventBridge bill each begun 64 KB of a payload: their pricing pages
EVENT_TIME_BYTES = 14  # EventBridge User Guide, "Calculating Amazon EventBridge PutEvents event entry size"
METRICS_MAX = 10_000
WRITTEN = ("items", "item_units", "item_bytes")
ASKED = "restock_asked"
"""Under this name a call's service, operation and request stand in the context of botocore's events about it."""

Fields = Mapping[str, Any]
Counts = dict[str, float]


class Metering:
    """What was called since the last take(). state_table is the one table whose items are remembered (Capacity).

    units: sqs_requests as billed, of which empty_receives; messages and message_bytes received; bus_events,
    tokens_in and tokens_out, and the units of DynamoDB. unseen_calls are calls whose request nobody told of."""

    def __init__(self, state_table: str = "") -> None:
        self.capacity = Capacity(state_table)
        self._calls: Counter[tuple[str, str]] = Counter()
        self._units: defaultdict[str, float] = defaultdict(float)
        self._metrics: set[str] = set()
        self._taken: Counts = {}
        self._metrics_taken = 0
        self._others: dict[tuple[str, str], Callable[[Fields, Fields], None]] = {
            ("sqs", "ReceiveMessage"): self._received,
            ("sqs", "SendMessage"): self._sent_one,
            ("sqs", "SendMessageBatch"): self._sent,
            ("events", "PutEvents"): self._published,
            ("cloudwatch", "PutMetricData"): self._measured,
            ("bedrock-runtime", "Converse"): self._explained,
        }

    def called(self, service: str, operation: str, request: Fields, answer: Fields) -> None:
        """A call was made: its request as the client took it, its answer as the client gave it, with Error in it if
        there was one, and empty if none came. service is what botocore calls it, as in dynamodbstreams."""
        self._calls[service, operation] += 1
        error = answer.get("Error")
        if error is not None and error.get("Code") not in REFUSED:
            self._units["sqs_requests"] += service == "sqs"
        elif service == "dynamodb":
            if (meter := METERS.get(operation)) is not None:
                meter(self.capacity, request, answer)
        elif (other := self._others.get((service, operation))) is not None:
            other(request, answer)
        elif service == "sqs":
            self._units["sqs_requests"] += 1

    def handlers(self) -> list[tuple[str, Callable[..., None]]]:
        """What to register with a botocore session or client, so that each of its calls is counted."""
        return [
            ("before-parameter-build", self._asked),
            ("after-call", self._answered),
            ("after-call-error", self._unanswered),
        ]

    def _asked(self, params: Fields, model: Any, context: dict[str, Any], **_: object) -> None:
        context[ASKED] = (model.service_model.service_name, model.name, params)

    def _answered(self, parsed: Fields, context: Fields, **_: object) -> None:
        if ASKED in context:
            service, operation, request = context[ASKED]
            self.called(service, operation, request, parsed)
        else:
            self._units["unseen_calls"] += 1

    def _unanswered(self, context: Fields, **_: object) -> None:
        self._answered({}, context)

    def _received(self, _: Fields, answer: Fields) -> None:
        messages = answer.get("Messages", ())
        payload = sum(_text_bytes(message.get("Body", "")) for message in messages)
        self._units["sqs_requests"] += units(payload, CHUNK_BYTES)
        self._units["messages"] += len(messages)
        self._units["message_bytes"] += payload
        self._units["empty_receives"] += not messages

    def _sent(self, request: Fields, _: Fields) -> None:
        payload = sum(_text_bytes(entry["MessageBody"]) for entry in request["Entries"])
        self._units["sqs_requests"] += units(payload, CHUNK_BYTES)

    def _sent_one(self, request: Fields, _: Fields) -> None:
        self._units["sqs_requests"] += units(_text_bytes(request["MessageBody"]), CHUNK_BYTES)

    def _published(self, request: Fields, _: Fields) -> None:
        self._units["bus_events"] += sum(units(_event_bytes(entry), CHUNK_BYTES) for entry in request["Entries"])

    def _measured(self, request: Fields, _: Fields) -> None:
        if len(self._metrics) < METRICS_MAX:
            self._metrics.update(metric_name(request["Namespace"], datum) for datum in request["MetricData"])

    def _explained(self, _: Fields, answer: Fields) -> None:
        usage = answer.get("usage", {})
        self._units["tokens_in"] += usage.get("inputTokens", 0)
        self._units["tokens_out"] += usage.get("outputTokens", 0)

    def take(self) -> dict[str, Any]:
        """What was counted since the last time: calls by service.operation, units, writes by kind of item with their
        units and bytes, read units by table, and the names of metrics that are new. Without what is zero; empty if
        nothing was counted."""
        capacity = self.capacity
        totals: dict[str, Mapping[str, float]] = {
            "calls": {f"{service}.{operation}": n for (service, operation), n in self._calls.items()},
            "units": {
                **self._units,
                "write_units": capacity.write_units,
                "read_units": sum(capacity.reads.values()),
            },
            **{of: {kind: n[at] for kind, n in capacity.written.items()} for at, of in enumerate(WRITTEN)},
            "reads": capacity.reads,
        }
        taken: dict[str, Any] = {of: self._new(of, counts) for of, counts in totals.items()}
        if len(self._metrics) > self._metrics_taken:
            self._metrics_taken = len(self._metrics)
            taken["metrics"] = sorted(self._metrics)
        return {of: counts for of, counts in taken.items() if counts}

    def _new(self, of: str, counts: Mapping[str, float]) -> Counts:
        found: Counts = {}
        for name, total in counts.items():
            key = f"{of} {name}"
            if new := total - self._taken.get(key, 0):
                found[name] = int(new) if new == int(new) else new
                self._taken[key] = total
        return found


def metric_name(namespace: str, datum: Fields) -> str:
    """What CloudWatch bills as one metric: the name in its namespace, with its dimensions."""
    dimensions: Sequence[Fields] = datum.get("Dimensions", ())
    return " ".join([f"{namespace}/{datum['MetricName']}", *(f"{d['Name']}={d['Value']}" for d in dimensions)])


def _event_bytes(entry: Fields) -> int:
    named = EVENT_TIME_BYTES if "Time" in entry else 0
    texts = (entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *entry.get("Resources", ()))
    return named + sum(map(_text_bytes, texts))


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
