"""Stand-ins for the containers of Chronos, DeepAR, AutoGluon and the guide.

Each takes only what its documentation describes, refuses the rest with 400 as a whole, and forecasts the mean of the
history. unanswered: units a day; a product that ever sold so many is left without a usable answer. poison: the same,
but the whole request is refused, as these containers do when one series of it will not do."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from aiohttp import web

BODY_BYTES_MAX = 6 * 1024 * 1024
CHRONOS_MEMBERS = {"target", "item_id", "start", "past_covariates", "future_covariates"}
CHRONOS_PARAMETERS = {"prediction_length", "quantile_levels", "freq", "batch_size", "predict_batches_jointly"}
DEEPAR_MEMBERS = {"start", "target", "cat", "dynamic_feat"}
GUIDE_ROW = {
    "product_id",
    "date",
    "quantity_sold",
    "day_of_week",
    "month",
    "quarter",
    "is_weekend",
    "lag_7",
    "lag_30",
    "rolling_7",
    "rolling_30",
}


class Undocumented(Exception):
    """The request is not of the documented shape."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Undocumented(what)


class ModelServer:
    """requests: the bodies it was sent, in order; sizes: the bytes of those and of their answers."""

    content_type = "application/json"

    def __init__(self, days: int = 64) -> None:
        self.days = days
        self.requests: list[object] = []
        self.sizes: list[tuple[int, int]] = []
        self.unanswered: float | None = None
        self.poison: float | None = None

    def app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/invocations", self._invocations)
        return app

    async def _invocations(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            require(request.content_type == self.content_type, f"ContentType {request.content_type}")
            require(request.headers.get("Accept") == self.content_type, "Accept")
            answer = self.answer(body)
        except Undocumented as exc:
            return web.json_response({"error": f"not as documented: {exc}"}, status=400)
        self.sizes.append((len(body), len(answer)))
        return web.Response(body=answer, content_type=self.content_type)

    def answer(self, body: bytes) -> bytes:
        raise NotImplementedError

    def lacks(self, history: list[float]) -> bool:
        require(self.poison is None or self.poison not in history, "a series that will not do")
        return self.unanswered is not None and self.unanswered in history


class Chronos(ModelServer):
    """Endpoint API of the notebook deploy-chronos-to-amazon-sagemaker; the mean is the median, as Chronos-Bolt's is."""

    def answer(self, body: bytes) -> bytes:
        said = json.loads(body)
        self.requests.append(said)
        require(set(said) <= {"inputs", "parameters"} and len(said["inputs"]) <= 1_000, "at most 1000 time series")
        wanted = said["parameters"]
        require(set(wanted) <= CHRONOS_PARAMETERS and 1 <= wanted["prediction_length"] <= 1_024, "parameters")
        require(all(0 < level < 1 for level in wanted["quantile_levels"]), "quantile_levels")
        ids = [one["item_id"] for one in said["inputs"]]
        require(len(ids) == len(set(ids)), "the ID must be unique")
        require(len({"future_covariates" in one for one in said["inputs"]}) == 1, "covariates of all inputs or of none")
        predictions = [self._prediction(one, wanted) for one in said["inputs"]]
        return json.dumps({"predictions": [one for one in predictions if one]}).encode()

    def _prediction(self, said: dict, wanted: dict) -> dict | None:
        require(set(said) <= CHRONOS_MEMBERS, "members of an input")
        require(("start" in said) == ("freq" in wanted), "start and freq go together")
        require(len(said["target"]) >= 5, "fewer than 5 observations")
        for name, values in said.get("future_covariates", {}).items():
            require(len(values) == wanted["prediction_length"], "the length of future_covariates")
            require(len(said["past_covariates"][name]) == len(said["target"]), "the length of past_covariates")
        if self.lacks(said["target"]):
            return None
        drawn = np.random.default_rng(1).poisson(np.mean(said["target"]), size=400)
        days = wanted["prediction_length"]
        rows = {str(level): [float(np.quantile(drawn, level))] * days for level in wanted["quantile_levels"]}
        start = date.fromisoformat(said["start"]) + timedelta(days=len(said["target"]))
        return {"mean": rows["0.5"], **rows, "item_id": said["item_id"], "start": f"{start}T00:00:00"}


class DeepAr(ModelServer):
    """DeepAR Inference Formats, Amazon SageMaker AI Developer Guide; trained without cat and dynamic_feat."""

    def answer(self, body: bytes) -> bytes:
        said = json.loads(body)
        self.requests.append(said)
        require(set(said) <= {"instances", "configuration"}, "members of the request")
        wanted = said.get("configuration", {})
        require(set(wanted) <= {"num_samples", "output_types", "quantiles"}, "members of configuration")
        require(set(wanted["output_types"]) <= {"mean", "quantiles", "samples"}, "output_types")
        require(all(isinstance(level, str) and 0 < float(level) < 1 for level in wanted["quantiles"]), "quantiles")
        return json.dumps({"predictions": [self._prediction(one, wanted) for one in said["instances"]]}).encode()

    def _prediction(self, said: dict, wanted: dict) -> dict:
        require(set(said) <= DEEPAR_MEMBERS, "members of an instance")
        require(not {"cat", "dynamic_feat"} & set(said), "the model was trained without cat and dynamic_feat")
        require(bool(re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", said["start"])), "start")
        numbers = [value for value in said["target"] if value not in (None, "NaN")]
        require(all(isinstance(value, (int, float)) for value in numbers), "target")
        if self.lacks(numbers):
            return {"mean": [], "quantiles": {}}
        mean = float(np.mean(numbers))
        paths = np.random.default_rng(1).poisson(mean, size=(wanted["num_samples"], self.days))
        levels = {level: np.quantile(paths, float(level), axis=0).tolist() for level in wanted["quantiles"]}
        made = {"mean": [mean] * self.days, "quantiles": levels, "samples": paths.astype(float).tolist()}
        return {name: made[name] for name in wanted["output_types"]}


class AutoGluon(ModelServer):
    """parse_payload and render_response of autogluon-cloud's time series container, by text/csv both ways."""

    content_type = "text/csv"

    def answer(self, body: bytes) -> bytes:
        reader = csv.DictReader(io.StringIO(body.decode()))
        require(reader.fieldnames == ["item_id", "timestamp", "target"], "columns")
        histories: dict[str, list[tuple[str, float]]] = {}
        for row in reader:
            histories.setdefault(row["item_id"], []).append((row["timestamp"], float(row["target"])))
        self.requests.append(histories)
        require(bool(histories) and not any(item.isdigit() for item in histories), "read_csv would make numbers of ids")
        levels = [f"0.{n}" for n in range(1, 10)]
        out = io.StringIO()
        write = csv.writer(out).writerow
        write(["item_id", "timestamp", "mean", *levels])
        for item, history in histories.items():
            days = [date.fromisoformat(day) for day, _ in history]
            require(all((b - a).days == 1 for a, b in pairwise(days)), "an irregular series")
            if self.lacks([units for _, units in history]):
                continue
            mean = float(np.mean([units for _, units in history]))
            drawn = np.random.default_rng(1).poisson(mean, size=400)
            quantiles = np.quantile(drawn, [float(level) for level in levels]).tolist()
            for ahead in range(self.days):
                write([item, days[-1] + timedelta(days=ahead + 1), mean, *quantiles])
        return out.getvalue().encode()


class Guide(ModelServer):
    """The payload of the inventory guide's get_ml_forecast: rows of its features and a horizon."""

    def answer(self, body: bytes) -> bytes:
        said = json.loads(body)
        self.requests.append(said)
        require(set(said) == {"features", "horizon"}, "members of the request")
        require(all(set(row) == GUIDE_ROW for row in said["features"]), "members of a row")
        history = [row["quantity_sold"] for row in said["features"]]
        require(len({row["product_id"] for row in said["features"]}) == 1, "more than one product")
        if self.lacks(history):
            return json.dumps({"forecast": None, "confidence_interval": None}).encode()
        total = float(np.mean(history)) * said["horizon"]
        spread = 1.2816 * float(np.sqrt(total))
        return json.dumps({"forecast": total, "confidence_interval": [total - spread, total + spread]}).encode()
