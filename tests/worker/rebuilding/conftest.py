"""Where does a rebuild from history run? In a shop on the emptied embedded AWS, with a folder for its history."""

from __future__ import annotations

import pytest_asyncio
from history_shop import Shop


@pytest_asyncio.fixture(loop_scope="session")
async def shop(aws, clock, tmp_path):
    return Shop(aws, clock, tmp_path)
