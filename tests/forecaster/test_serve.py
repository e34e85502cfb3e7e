"""Does the server keep SageMaker's hosting contract, as a process among processes?"""

from __future__ import annotations

import asyncio
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from forecaster.dataset import panel_of
from forecaster.formats import FEATURES, decode_response, encode_request, request_of
from forecaster.hosting import WAITING_MAX, Host, create_app
from forecaster.invocations import BODY_BYTES_MAX, TOTALS_MAX
from forecaster.serve import main

SERVE = "import sys; from forecaster.serve import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def model_dir(trained, tmp_path):
    trained.model.save(tmp_path)
    return tmp_path


@pytest.fixture
def asked(shop):
    panel = panel_of(shop)
    rows = np.arange(len(panel.products))
    items = [panel.products[row].product_id for row in rows]
    return request_of(items, panel.series(panel.until, rows), np.tile(np.array([1, 8, 28]), (len(rows), 1)))


@contextmanager
def process(*argv: str) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server, json.loads(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


async def test_a_server_process_answers_and_leaves_on_sigterm(model_dir, asked, trained):
    with process("--model-dir", str(model_dir), "--host", "127.0.0.1", "--port", "0") as (server, announced):
        assert announced["event"] == "serve.started"
        url = f"http://127.0.0.1:{announced['port']}"
        async with aiohttp.ClientSession(url) as http:
            async with http.get("/ping") as answer:
                assert answer.status == 200
            async with http.post("/invocations", data=encode_request(asked)) as answer:
                assert (answer.status, answer.content_type) == (200, "application/json")
                said = decode_response(await answer.read())
            expected = dict(zip(asked.items, trained.model.predict(asked), strict=True))
            assert {item: [t.mean for t in totals] for item, totals in said.items()} == {
                item: pytest.approx([t.mean for t in totals], rel=1e-5) for item, totals in expected.items()
            }
            server.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.wait, 20) == 0


async def test_sigterm_waits_for_what_was_asked(model_dir, asked):
    """A request whose body is still on its way when the signal comes is answered in full."""
    body = encode_request(asked)
    with process("--model-dir", str(model_dir), "--host", "127.0.0.1", "--port", "0") as (server, announced):
        reader, writer = await asyncio.open_connection("127.0.0.1", announced["port"])
        head = f"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        # The server asks for the body: the request has begun.
        assert b"100" in await asyncio.wait_for(reader.readline(), 20)
        server.send_signal(signal.SIGTERM)
        await asyncio.to_thread(_refuses_connections, announced["port"])
        writer.write(body)
        said = await asyncio.wait_for(reader.read(), 20)
        assert b"HTTP/1.1 200" in said
        assert b'"predictions"' in said
        writer.close()
        assert await asyncio.to_thread(server.wait, 20) == 0


def _refuses_connections(port: int) -> None:
    import socket

    for _ in range(10_000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return
    raise AssertionError("still accepting")


async def test_no_ping_and_no_answer_before_a_model_is_loaded(asked, model_dir):
    host = Host()
    async with TestClient(TestServer(create_app(host))) as http:
        assert (await http.get("/ping")).status == 503
        assert (await http.post("/invocations", data=encode_request(asked))).status == 503
        host.load(model_dir)
        assert (await http.get("/ping")).status == 200
        assert (await http.post("/invocations", data=encode_request(asked))).status == 200
        assert (await (await http.get("/execution-parameters")).json())["MaxPayloadInMB"] == 6


async def test_a_wrong_request_is_told_what_is_wrong(model_dir):
    host = Host()
    host.load(model_dir)
    async with TestClient(TestServer(create_app(host))) as http:
        for body in (b"", b"{}", b"[" * 100_000, b'{"form":"restock-features-1"}'):
            answer = await http.post("/invocations", data=body)
            assert answer.status == 400
            assert (await answer.json())["error"]
        answer = await http.post("/invocations", data=io.BytesIO(b"x" * (BODY_BYTES_MAX + 1)))
        assert answer.status == 413
        assert str(BODY_BYTES_MAX) in (await answer.json())["error"]
        assert (await http.get("/ping")).status == 200


async def test_one_product_that_makes_no_sense_fails_alone(model_dir, asked):
    host = Host()
    host.load(model_dir)
    said = json.loads(encode_request(asked))
    said["rows"][0][FEATURES.index("level")] = None
    said["rows"][1][FEATURES.index("std_30")] = 1e200
    async with TestClient(TestServer(create_app(host))) as http:
        answer = await http.post("/invocations", data=json.dumps(said))
        predictions = (await answer.json())["predictions"]
    assert ["error" in prediction for prediction in predictions] == [True, True] + [False] * (len(predictions) - 2)


async def test_more_than_it_can_hold_is_refused_not_queued(model_dir, asked):
    host = Host()
    host.load(model_dir)
    async with TestClient(TestServer(create_app(host))) as http:
        host.inside = WAITING_MAX
        refused = await http.post("/invocations", data=encode_request(asked))
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        host.inside = 0
        said = json.loads(encode_request(asked)) | {
            "items": ["a"],
            "rows": [asked.features[0].tolist()],
            "cover_days": [[1] * (TOTALS_MAX + 1)],
            "planned_share": [[0] * (TOTALS_MAX + 1)],
        }
        answer = await http.post("/invocations", data=io.BytesIO(json.dumps(said).encode()))
        assert answer.status == 400


def test_a_directory_without_a_model_ends_in_one_line(tmp_path, capsys):
    assert main(["--model-dir", str(tmp_path), "--host", "127.0.0.1", "--port", "0"]) == 1
    assert capsys.readouterr().err.startswith("serving failed: no model in")


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "--port 0" in capsys.readouterr().out
