"""Does the server say the truth about itself, and answer in time or with an error?"""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from forecaster import hosting, invocations
from forecaster.hosting import FAILURES_MAX, Host, create_app
from forecaster.model import UnreadableModel

CHRONOS = json.dumps({"inputs": [{"target": [1, 2, 3, 4, 5]}]}).encode()
LINES = {"Content-Type": "application/jsonlines"}


@pytest.fixture
def model_dir(trained, tmp_path):
    trained.model.save(tmp_path)
    return tmp_path


@pytest_asyncio.fixture
async def host(model_dir):
    host = Host()
    host.load(model_dir)
    yield host
    host.threads.shutdown()


@pytest_asyncio.fixture
async def http(host):
    async with TestClient(TestServer(create_app(host))) as client:
        yield client


async def ping(http):
    return (await http.get("/ping")).status


async def post(http, body=CHRONOS, **headers):
    return await http.post("/invocations", data=body, headers=headers)


async def test_a_chronos_request_is_answered_beside_the_short_form(http):
    answer = await post(http, **{"Content-Type": "application/json"})
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert len((await answer.json())["predictions"]) == 1


async def test_a_file_of_lines_is_answered_line_by_line(http):
    """What batch transform sends by BatchStrategy MultiRecord."""
    answer = await post(http, CHRONOS + b"\n{}\n" + CHRONOS, **LINES)
    assert (answer.status, answer.content_type) == (200, "application/jsonlines")
    lines = [json.loads(line) for line in (await answer.read()).splitlines()]
    assert ["error" in line for line in lines] == [False, True, False]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "text/csv"}, 415), ({"Accept": "text/csv"}, 406), ({"Accept": "application/json"}, 200)],
    ids=str,
)
async def test_types_are_negotiated(http, headers, status):
    answer = await post(http, **headers)
    assert answer.status == status
    assert status == 200 or (await answer.json())["error"]


async def test_an_answer_that_is_too_large_is_an_error_that_says_so(http, monkeypatch):
    monkeypatch.setattr(invocations, "BODY_BYTES_MAX", 10)
    answer = await post(http)
    assert answer.status == 413
    assert "ask for less at once" in (await answer.json())["error"]


async def test_a_prediction_that_takes_too_long_is_answered_with_an_error(http, host, monkeypatch):
    """And as long as it blocks every thread, /ping does not say that all is well."""
    goes_on = threading.Event()

    def waits(*_):
        goes_on.wait(20)
        return b"{}", "application/json"

    monkeypatch.setattr(hosting, "answered", waits)
    monkeypatch.setattr(hosting, "PING_S", 0.1)
    host.deadline_s = 0.05
    late = await asyncio.gather(*(post(http) for _ in range(hosting.CONCURRENT_MAX)))
    assert {answer.status for answer in late} == {504}
    assert "no answer within" in (await late[0].json())["error"]
    assert host.overdue == hosting.CONCURRENT_MAX
    assert await ping(http) == 503
    goes_on.set()
    for _ in range(1_000):
        await asyncio.sleep(0.01 if host.overdue else 0)
    monkeypatch.undo()
    host.deadline_s = hosting.DEADLINE_S
    assert await ping(http) == 200
    assert (await post(http)).status == 200


async def test_a_model_that_stops_predicting_is_not_healthy_until_it_does_again(http, host, monkeypatch):
    def breaks(*_):
        raise RuntimeError("the model is gone")

    monkeypatch.setattr(hosting, "answered", breaks)
    monkeypatch.setattr(hosting, "can_predict", breaks)
    for failure in range(FAILURES_MAX):
        assert await ping(http) == 200, failure
        assert (await post(http)).status == 500
    assert await ping(http) == 503
    monkeypatch.undo()
    assert await ping(http) == 200
    assert host.failures == 0


async def test_requests_that_make_no_sense_say_nothing_of_the_model(http, host):
    for _ in range(2 * FAILURES_MAX):
        assert (await post(http, b"nonsense")).status == 400
    assert host.failures == 0
    assert await ping(http) == 200


@pytest.mark.parametrize("able", [False, RuntimeError("of another machine")], ids=str)
def test_a_model_that_loads_and_does_not_predict_is_not_served(model_dir, monkeypatch, able):
    def test(_):
        if isinstance(able, Exception):
            raise able
        return able

    monkeypatch.setattr(hosting, "can_predict", test)
    host = Host()
    with pytest.raises(UnreadableModel, match="does not predict"):
        host.load(model_dir)
    assert host.model is None
    host.threads.shutdown()
