"""With no settings and no AWS the worker starts, is live, says why it is not ready, and stops in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

# No credentials, and nobody asked for any; the rest is what a program needs to run.
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH")
ALONE = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, json.load(exc)
    except OSError:
        return 0, {}


def asked_until_live(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if (status := ask(port, "/live")[0]) == 200:
            return status
        time.sleep(0.1)
    return 0


def test_nothing_is_set_and_it_lives():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # Only the port differs from what a bare container has: others may be using 8081 on this machine.
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | ALONE
    environment["RESTOCK_HEALTH_PORT"] = str(port)
    with subprocess.Popen(
        [sys.executable, "-m", "worker.cli", "run"], env=environment, stderr=subprocess.PIPE
    ) as worker:
        try:
            assert asked_until_live(port, worker) == 200
            assert ask(port, "/ready") == (503, {"live": True, "ready": False, "draining": False})
            assert ask(port, "/metrics")[0] == 404
            check = [sys.executable, "-I", "-m", "worker.healthcheck"]
            assert subprocess.run(check, env=environment, timeout=30, check=False).returncode == 0
            worker.send_signal(signal.SIGTERM)
            _, said = worker.communicate(timeout=30)
        finally:
            worker.kill()
    assert worker.returncode == 0, said
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "worker.started"
    assert events[-1] == "worker.stopped"
    assert set(events[1:-1]) == {"worker.not_connected"}
    assert subprocess.run(check, env=environment, timeout=30, check=False).returncode == 1
