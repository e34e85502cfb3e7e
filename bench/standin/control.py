"""How does a bench fill the queues and see what became of it?

Paths of the stand-in itself, which no service has. Counts are read in one look, between two requests of others."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.standin.http11 import Answer, Request
from bench.standin.queues import Queue
from bench.standin.refusal import unknown
from bench.standin.world import World

PREFIX = "/_standin/"

Json = dict[str, Any]


def answered(world: World, request: Request) -> Answer:
    """POST preload {queue, bodies}, POST pour {from, to}, POST reset, GET stats, GET events?after=N."""
    where = urlsplit(request.path)
    match request.method, where.path.removeprefix(PREFIX):
        case "POST", "preload":
            said = _preload(world, json.loads(request.body))
        case "POST", "pour":
            said = _pour(world, json.loads(request.body))
        case "POST", "reset":
            world.reset()
            said = {}
        case "GET", "stats":
            said = _stats(world)
        case "GET", "events":
            after = int(dict(parse_qsl(where.query)).get("after", 0))
            said = {"events": world.events[after:]}
        case _:
            raise unknown(f"{request.method} {request.path}")
    return Answer(json.dumps(said).encode())


def _preload(world: World, asked: Json) -> Json:
    queue = world.queues.setdefault(asked["queue"], Queue(asked["queue"]))
    queue.send(asked["bodies"])
    return {"sent": queue.sent}


def _pour(world: World, asked: Json) -> Json:
    world.queues[asked["to"]].pour(world.queues[asked["from"]])
    return {}


def _stats(world: World) -> Json:
    return {
        "queues": {
            name: {"sent": queue.sent, "received": queue.received, "deleted": queue.deleted}
            for name, queue in world.queues.items()
        },
        "items": {name: table.count for name, table in world.tables.items()},
        "events": len(world.events),
        "forecasts": world.forecasts,
        "metric_calls": world.metric_calls,
    }
