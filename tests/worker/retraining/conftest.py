"""A small shop's sales, and a SageMaker to retrain on."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer
from sagemaker_stand_in import REGION, StandIn, standing_in

from forecaster.fitting import Fitting, train
from forecaster.model import DemandModel
from worker.retraining.data import Sales, read

FIRST_DAY = np.datetime64("2025-01-06", "D")
QUICK = Fitting(rounds=40, rows_max=8_000, min_data_in_leaf=20)
BUCKET = "retraining"


def shop(days: int = 140, products: int = 24, seed: int = 3) -> pd.DataFrame:
    """Products that sell half as much again in every other half of the week, which a 30-day mean cannot see, and more
    and more of half of them."""
    draw = np.random.default_rng(seed)
    rows = []
    for product in range(products):
        for day in range(days):
            swing = 2.2 if day % 7 < 3 else 0.4
            trend = 1 + (day / days if product % 2 else 0)
            quantity = int(draw.poisson((1 + product % 5) * swing * trend))
            if quantity:
                rows.append((f"p{product:02}", str(FIRST_DAY + day), quantity, 2.5, ("tea", "salt")[product % 2]))
    return pd.DataFrame(rows, columns=["product_id", "date", "quantity", "price", "category"])


@pytest.fixture(scope="session")
def sales_path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    shop().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def sales(sales_path) -> Sales:
    return read([sales_path])


@pytest.fixture(scope="session")
def good(sales) -> DemandModel:
    """A model of the days before the held-out ones."""
    return train(sales.panel().before(sales.as_of), QUICK).model


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def stand_in(moto_url, tmp_path, monkeypatch, credentials) -> Iterator[StandIn]:
    """Everything empty but a bucket and the workers' state table."""
    here = StandIn(tmp_path / "jobs")
    here.url = moto_url
    monkeypatch.setenv("RESTOCK_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("RESTOCK_REGION", REGION)
    with standing_in(here, monkeypatch):
        client = boto3.Session(region_name=REGION).client
        made = [client(name, endpoint_url=moto_url) for name in ("s3", "dynamodb")]
        made[0].create_bucket(Bucket=BUCKET)
        made[1].create_table(
            TableName="restock-state",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        yield here
        made[0].close()
        made[1].close()
    reset(moto_url)


def reset(url: str) -> None:
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200
