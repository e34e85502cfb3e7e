"""EventBridge, SageMaker, Bedrock, CloudWatch and S3 in memory, as far as the worker uses them.

The bus refuses single entries of a call that succeeds. The model is slow, wrong by some noise, and sometimes away.
Bedrock answers what its schema asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from domain.forecast import TotalDemand
from forecaster.formats import FEATURES, decode_request, encode_response
from simulation.network import Network, Said, ServiceError

ENTRIES_MAX = 10
LEVEL = FEATURES.index("level")


class Bus:
    """published: every accepted entry, in order. subscriber is told of each."""

    def __init__(self, network: Network, name: str) -> None:
        self._network = network
        self._name = name
        self.published: list[Said] = []
        self.subscriber: Callable[[Said], None] = lambda entry: None

    def describe_event_bus(self, said: Said, caller: str) -> Said:
        if said["Name"] != self._name:
            raise ServiceError("ResourceNotFoundException", f"no bus {said['Name']}")
        return {"Name": self._name}

    def put_events(self, said: Said, caller: str) -> Said:
        if not 1 <= len(said["Entries"]) <= ENTRIES_MAX:
            raise ServiceError("ValidationException", "1 to 10 entries")
        answers = [self._put(entry) for entry in said["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}

    def _put(self, entry: Said) -> Said:
        if self._network.chance.random() < self._network.weather.partial:
            return {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
        self.published.append(entry)
        self.subscriber(entry)
        return {"EventId": f"e{len(self.published)}"}


class Model:
    """A forecaster behind an endpoint: recent demand, with noise, after a while."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.answered = 0

    def invoke_endpoint(self, said: Said, caller: str) -> asyncio.Future[Said]:
        chance, weather, loop = self._network.chance, self._network.weather, self._network.loop
        if chance.random() < weather.model_failed:
            raise ServiceError("ModelError", "the model failed", 424, OriginalStatusCode=500, OriginalMessage="")
        body = said["Body"]
        answer = self._forecasts(body if isinstance(body, bytes) else body.read())
        self.answered += 1
        later: asyncio.Future[Said] = loop.create_future()
        delay = chance.choice((0.05, 0.05, 0.2, 2.0, 20.0 if weather.slow else 0.2))
        loop.call_later(delay, later.set_result, {"Body": answer, "ContentType": "application/json"})
        return later

    def _forecasts(self, body: bytes) -> bytes:
        asked = decode_request(body)
        totals = []
        for row, cover in zip(asked.features.tolist(), asked.cover_days.tolist(), strict=True):
            daily = max(0.0, row[LEVEL]) * self._network.chance.uniform(0.8, 1.2)
            totals.append([TotalDemand(days, daily * days, 0.5) for days in cover])
        return encode_response("simulated", asked.items, totals)


class Bedrock:
    def __init__(self) -> None:
        self.asked = 0

    def converse(self, said: Said, caller: str) -> Said:
        self.asked += 1
        words = {name: ["Demand is steady."] for name in ("factors", "recommendations", "risks")}
        text = json.dumps({**words, "inventory_suggestions": []})
        message = {"role": "assistant", "content": [{"text": text}]}
        usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
        return {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}


class CloudWatch:
    def put_metric_data(self, said: Said, caller: str) -> Said:
        return {}


class Buckets:
    """S3: objects by bucket and key."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def put_object(self, said: Said, caller: str) -> Said:
        body = said["Body"]
        self.objects[said["Bucket"], said["Key"]] = body if isinstance(body, bytes) else body.read()
        return {}

    def get_object(self, said: Said, caller: str) -> Said:
        body = self.objects.get((said["Bucket"], said["Key"]))
        if body is None:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        return {"Body": body, "ContentLength": len(body), "ContentType": "binary/octet-stream", "Metadata": {}}
