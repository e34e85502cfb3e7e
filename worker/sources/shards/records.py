"""What does a record of a stream look like on the wire?

EventBridge Pipes and Lambda write a record in one and the same way, and so do we: whatever way a record came, one
reader understands it, and a quarantined one can be sent again as it is. (AWS Lambda, "DynamoDB Streams event".)"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

IDENTITY = {"PrincipalId": "principalId", "Type": "type"}


def as_json(record: Mapping[str, Any], stream_arn: str) -> str:
    """A record of GetRecords as the text that Pipes would send; numbers stay the text that DynamoDB wrote."""
    said = {**record, "eventSourceARN": stream_arn}
    if "userIdentity" in said:
        said["userIdentity"] = {IDENTITY.get(name, name): value for name, value in said["userIdentity"].items()}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(_aware(value).timestamp())
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"no part of a stream record: {type(value).__name__}")


def created_at(record: Mapping[str, Any]) -> int | None:
    """When the change was made, in milliseconds since the epoch, to about a second; None if the record does not say."""
    said = record.get("dynamodb", {}).get("ApproximateCreationDateTime")
    if not isinstance(said, datetime):
        return None
    return int(_aware(said).timestamp() * 1000)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
