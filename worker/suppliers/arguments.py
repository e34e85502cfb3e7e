"""How is `restock suppliers` asked for?

Nothing heavy is imported here: the arguments stand in the help of every command."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "what suppliers say that send no events: import a CSV file, or listen for HTTP"
PORT = 8082

EPILOG = """examples:
  restock suppliers import answers.csv             puts the file's lines on the queue
  restock suppliers import answers.csv --dry-run   only says what is wrong with it
  RESTOCK_SUPPLIER_TOKEN=… restock suppliers serve --port 8082
                                                   takes POST /supplier-events, Authorization: Bearer <token>

A message has the fields type (or, in a file, status): order_confirmed, order_shipped, shipment_received or
reorder_cancelled; reorder_id as Reorder Required named it; occurred_at; quantity, save for a cancellation; and
optionally event_id and, for a confirmation, due_on. docs/messages.md tells what each does. Whatever comes by this way
is checked here, then goes the way of every event: by the queue of RESTOCK_QUEUE_NAME. Sent twice, it counts once.

Either all lines of a file or a request go on the queue, or none. It listens on the loopback unless told otherwise: put
what terminates TLS in front of it.

exit codes: 0 done; 1 failed, or a line is no message; 2 wrong use."""


def add_suppliers(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    taken = actions.add_parser("import", help="put the lines of a CSV file on the queue")
    taken.add_argument("path", type=Path, metavar="FILE.csv")
    taken.add_argument("--dry-run", action="store_true", help="check the lines and send nothing")
    serve = actions.add_parser("serve", help="listen for POST /supplier-events until told to stop")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default: {PORT})")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from worker.suppliers.command import run

    return run(chosen)
