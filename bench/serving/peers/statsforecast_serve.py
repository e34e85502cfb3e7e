"""How does one serve forecasts with statsforecast? Daily history in, units over the horizon out."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, CrostonSBA, SeasonalNaive

MODELS = {
    "SeasonalNaive": lambda: SeasonalNaive(season_length=7),
    "CrostonSBA": CrostonSBA,
    "AutoETS": lambda: AutoETS(season_length=7),
}


def totals(asked: dict[str, Any], model: str) -> dict[str, Any]:
    items, days = asked["items"], np.array(asked["days"], dtype=float)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(items, days.shape[1]),
            "ds": np.tile(np.arange(days.shape[1]), len(items)),
            "y": days.ravel(),
        }
    )
    forecast = StatsForecast(models=[MODELS[model]()], freq=1).forecast(df=frame, h=asked["horizon"])
    summed = forecast.groupby("unique_id", sort=False)[forecast.columns[-1]].sum()
    return {"items": list(summed.index), "totals": summed.tolist()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps(totals(json.loads(body), self.model)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    Handler.model = sys.argv[1]
    server = HTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    server.serve_forever()
