"""How does one serve forecasts with statsmodels? Daily history in, units over the horizon out."""

from __future__ import annotations

import json
import sys
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
from statsmodels.tsa.holtwinters import ExponentialSmoothing


def totals(asked: dict[str, Any]) -> dict[str, Any]:
    return {"items": asked["items"], "totals": [total(days, asked["horizon"]) for days in asked["days"]]}


def total(days: list[int], horizon: int) -> float:
    fitted = ExponentialSmoothing(np.array(days, dtype=float), seasonal="add", seasonal_periods=7).fit()
    return float(np.maximum(fitted.forecast(horizon), 0).sum())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps(totals(json.loads(body))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # that some fit did not converge
    server = HTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    server.serve_forever()
