"""Who serves, and how is he asked?

Each server is a process of its own on a port of the loopback. Ours is trained first, by the project's own training on
the same demand, and asked in the worker's own format; a library is shown the days themselves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.serving.demand import HORIZON_DAYS, SHOWN_DAYS, Demand
from bench.standin.running import ROOT
from forecaster.formats import ItemFailed, decode_response, encode_request, request_of
from worker.local.processes import Child, ChildFailed, child, restock, start

PEERS = Path(__file__).parent / "peers"
# One thread each, as a serving container of one core has it.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Totals = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs: what it is asked, and how its answer reads as the units expected of each product."""

    process: Child
    url: str
    body: bytes
    read: Callable[[bytes], Totals]


@dataclass(frozen=True, slots=True)
class Peer:
    """A library that fits when asked. module lies in bench/serving/peers, model is one that it knows."""

    name: str
    environment: str
    module: str
    model: str


PEER_LIST = (
    Peer("statsforecast, seasonal naive", "serving", "statsforecast_serve", "SeasonalNaive"),
    Peer("statsforecast, Croston SBA", "serving", "statsforecast_serve", "CrostonSBA"),
    Peer("statsforecast, AutoETS", "serving", "statsforecast_serve", "AutoETS"),
    Peer("statsmodels, Holt-Winters", "serving", "statsmodels_serve", "HoltWinters"),
)


async def train(demand: Demand, folder: Path) -> Path:
    """A model of the demand, by `restock train`."""
    model_dir, log = folder / "model", folder / "train.log"
    sales = demand.write(folder / "sales.csv")
    command = restock("train", "--sales", str(sales), "--model-dir", str(model_dir))
    training = await start("training", command, {"PYTHONPATH": str(ROOT), **THREADS}, log)
    if await training.process.wait() != 0:
        raise ChildFailed(f"the training failed: see {log}")
    return model_dir


def total_request(demand: Demand) -> bytes:
    """The worker's own question: the distribution of the total of the days ahead."""
    cover = np.full((len(demand.keys), 1), HORIZON_DAYS, dtype=np.int64)
    return encode_request(request_of(demand.ids, demand.series(), cover))


def daily_request(demand: Demand) -> bytes:
    """Mean and three quantiles of each day ahead, in the form of Chronos: histories instead of states."""
    start = str(np.datetime64(demand.as_of - SHOWN_DAYS, "D"))
    inputs = [
        {"item_id": item, "start": start, "target": days} for item, days in zip(demand.ids, demand.shown, strict=True)
    ]
    asked = {"prediction_length": HORIZON_DAYS, "quantile_levels": [0.1, 0.5, 0.9], "freq": "D"}
    return json.dumps({"inputs": inputs, "parameters": asked}).encode()


@asynccontextmanager
async def ours(
    demand: Demand, model_dir: Path, folder: Path, body: bytes, read: Callable[[bytes], Totals]
) -> AsyncIterator[Serving]:
    command = restock("serve", "--model-dir", str(model_dir), "--host", "127.0.0.1", "--port", "0")
    environment = {"PYTHONPATH": str(ROOT), **THREADS}
    async with child("restock serve", command, environment, folder / "serve.log", listened=True) as process:
        port = await _port(process)
        yield Serving(process, f"http://127.0.0.1:{port}/invocations", body, read)


def read_totals(answer: bytes) -> Totals:
    return {
        item: totals[0].mean for item, totals in decode_response(answer).items() if not isinstance(totals, ItemFailed)
    }


def read_days(answer: bytes) -> Totals:
    return {str(said["item_id"]): float(sum(said["mean"])) for said in json.loads(answer)["predictions"]}


@asynccontextmanager
async def library(demand: Demand, peer: Peer, python: Path, folder: Path) -> AsyncIterator[Serving]:
    command = [str(python), str(PEERS / f"{peer.module}.py"), peer.model]
    body = json.dumps({"items": demand.ids, "days": demand.shown, "horizon": HORIZON_DAYS}).encode()
    log = folder / f"{peer.model}.log"
    async with child(peer.name, command, {"PYTHONPATH": "", **THREADS}, log, listened=True) as process:
        port = await _port(process)
        yield Serving(process, f"http://127.0.0.1:{port}/", body, _read_library)


def _read_library(answer: bytes) -> Totals:
    said: dict[str, Any] = json.loads(answer)
    return {item: float(total) for item, total in zip(said["items"], said["totals"], strict=True)}


async def _port(process: Child) -> int:
    """The port, once the server says it in a line of JSON."""
    async for line in process.lines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and "port" in said:
                return int(said["port"])
    raise ChildFailed(f"{process.name} did not start: see {process.log}")
