"""What does a sender write, in which wrappings, and what does a body come to that is wholly good or wholly bad?"""

from __future__ import annotations

import json

from fakes.clock import NOW

from worker.decode import decode

SALE = {"product_id": "A", "quantity": 2, "unit_price": "1.50", "sale_date": "2024-10-01", "event_id": "e1"}
IMAGE = {"product_id": {"S": "A"}, "quantity": {"N": "2"}, "sale_date": {"S": "2024-10-01"}, "price": {"N": "1.50"}}


def stream(image, name="INSERT", old=None, **keys):
    images = {"NewImage": image} if old is None else {"NewImage": image, "OldImage": old}
    return {"eventID": "x", "eventName": name, "dynamodb": {**images, "Keys": keys}}


def wrapped(body, *wrappers):
    for wrapper in wrappers:
        if wrapper == "sns":
            body = {"Type": "Notification", "MessageId": "s", "Message": json.dumps(body)}
        elif wrapper == "eventbridge":
            body = {"id": "eb", "source": "shop", "detail-type": "Sale Recorded", "detail": body}
        else:
            body = [body]
    return body


def events_of(said, message_id="m"):
    events, rejected = decode(said if isinstance(said, str) else json.dumps(said), message_id, NOW)
    assert rejected == []
    return [decoded.event for decoded in events]


def reasons_of(said):
    events, rejected = decode(said if isinstance(said, str) else json.dumps(said), "m", NOW)
    assert events == []
    return [line.reason for line in rejected]
