"""What does `restock suppliers` do?

Both actions check every message before any is sent, and put it on the queue of sales; the worker does the rest."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack

import structlog

from handlers.errors import Misconfigured, TransientFailure
from worker.aws.clients import Endpoints, open_clients, translated
from worker.clock import SystemClock
from worker.process import read_settings
from worker.settings import Settings
from worker.suppliers.csv_file import UnreadableFile, messages_in
from worker.suppliers.messages import Read, read_messages
from worker.suppliers.sending import Outgoing
from worker.suppliers.webhook import Webhook, listening
from worker.telemetry import configure_logging

log = structlog.get_logger()

TOKEN = "RESTOCK_SUPPLIER_TOKEN"  # noqa: S105 - the name of a variable
SHOWN_MAX = 20


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    try:
        settings = read_settings()
    except ValueError as exc:
        return _said(f"restock suppliers: {exc}", 2)
    if not settings.queue_name:
        return _said("restock suppliers: RESTOCK_QUEUE_NAME is empty: there is no queue to put messages on", 2)
    if chosen.action == "serve" and not os.environ.get(TOKEN):
        return _said(f"restock suppliers: {TOKEN} is not set: a webhook must know its senders", 2)
    configure_logging(logging.INFO if chosen.action == "serve" else logging.WARNING)
    try:
        if chosen.action == "import":
            return _import(settings, chosen)
        return asyncio.run(_serve(settings, chosen.host, chosen.port))
    except (Misconfigured, TransientFailure, UnreadableFile, OSError) as exc:
        return _said(f"restock: {str(exc).splitlines()[0]}", 1)


def _import(settings: Settings, chosen: argparse.Namespace) -> int:
    read = read_messages(messages_in(chosen.path), SystemClock().now())
    if read.refused:
        # The first line of the file names the columns.
        for number, reason in read.refused[:SHOWN_MAX]:
            sys.stderr.write(f"line {number + 1}: {reason}\n")
        return _said(f"restock: {len(read.refused)} lines of {chosen.path} are no messages; nothing was sent", 1)
    if not chosen.dry_run:
        asyncio.run(_send(settings, read))
    sys.stdout.write(f"{len(read.rows)} messages {'would be sent' if chosen.dry_run else 'sent'}\n")
    return 0


async def _send(settings: Settings, read: Read) -> None:
    async with AsyncExitStack() as stack:
        await (await _outgoing(settings, stack)).send(read.rows)


async def _outgoing(settings: Settings, stack: AsyncExitStack) -> Outgoing:
    endpoints = Endpoints(settings.endpoint_url, settings.runtime_endpoint_url)
    with translated("credentials"):
        clients = await stack.enter_async_context(open_clients(settings.region, endpoints))
    outgoing = Outgoing(clients.sqs, settings)
    await outgoing.connect()
    return outgoing


async def _serve(settings: Settings, host: str, port: int) -> int:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with AsyncExitStack() as stack:
        outgoing = await _outgoing(settings, stack)
        webhook = Webhook(os.environ[TOKEN], outgoing.send, SystemClock().now)
        async with listening(webhook, host, port) as at:
            log.info("suppliers.listening", host=host, port=at)
            await stop.wait()
    return 0


def _said(line: str, code: int) -> int:
    sys.stderr.write(f"{line}\n")
    return code
