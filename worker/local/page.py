"""Where does a local run serve its live page?

One worker serves it, the first; it sees what the others decide by reading the state table. What the user has set of the
page holds, and a port that was not asked for is another one if it is taken."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from worker.local.processes import free_port
from worker.settings import Settings

OTHERS_SEEN_EVERY_S = 5
ALONE_SCAN_EVERY_S = 60


def page_environment(workers: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the worker that serves the page. Planners may plan: it is their own machine."""
    port = Settings.model_fields["dashboard_port"].default
    scan_s = OTHERS_SEEN_EVERY_S if workers > 1 else ALONE_SCAN_EVERY_S
    said = {
        "RESTOCK_DASHBOARD": "true",
        "RESTOCK_DASHBOARD_PORT": str(port if _is_free(port) else free_port()),
        "RESTOCK_DASHBOARD_PLANS": "true",
        "RESTOCK_DASHBOARD_SCAN_INTERVAL_S": str(scan_s),
    }
    return said | {name: value for name, value in environment.items() if name.startswith("RESTOCK_DASHBOARD")}


def address(page: Mapping[str, str]) -> str:
    """What to open in a browser, in a line for a person."""
    if page["RESTOCK_DASHBOARD"].lower() not in ("true", "1", "yes", "on"):
        return "the live page is off: RESTOCK_DASHBOARD"
    return f"the live page: http://127.0.0.1:{page['RESTOCK_DASHBOARD_PORT']}/"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As a server asks for it: a port whose last connections are still ending is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
