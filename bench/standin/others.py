"""What do the bus, the metrics and the model endpoint answer?

Every event is kept with the time at which it came. A forecast is answered at once, and is what the product sold a day
(at least one unit, so that whatever sold at all is worth stocking): nothing here is a model."""

from __future__ import annotations

import time
from typing import Any

from bench.standin.http11 import Answer
from bench.standin.world import Arrived, World
from domain.forecast import TotalDemand
from forecaster.formats import CONTENT_TYPE, FEATURES, decode_request, encode_response

Json = dict[str, Any]

DISPERSION = 1.5
LEVEL = FEATURES.index("level")


def put_events(world: World, asked: Json) -> Json:
    now = time.monotonic()
    entries = asked["Entries"]
    world.events += [Arrived(now, entry["DetailType"], entry["Detail"]) for entry in entries]
    first = len(world.events) - len(entries)
    return {"FailedEntryCount": 0, "Entries": [{"EventId": str(first + n)} for n in range(len(entries))]}


def describe_event_bus(_world: World, asked: Json) -> Json:
    name = asked.get("Name", "default")
    return {"Name": name, "Arn": f"arn:aws:events:us-east-1:000000000000:event-bus/{name}"}


def accepted(_world: World, _asked: Json) -> Json:
    """For what is set up and has no effect here: buses, rules and their targets."""
    return {}


def put_metric_data(world: World) -> None:
    world.metric_calls += 1


def invoke_endpoint(world: World, body: bytes) -> Answer:
    """A total for each length that is asked for."""
    request = decode_request(body)
    daily = request.features[:, LEVEL].clip(min=1.0).tolist()
    totals = [
        [TotalDemand(days, days * mean, DISPERSION) for days in cover]
        for mean, cover in zip(daily, request.cover_days.tolist(), strict=True)
    ]
    world.forecasts += len(totals)
    return Answer(encode_response("stand-in", request.items, totals), kind=CONTENT_TYPE)
