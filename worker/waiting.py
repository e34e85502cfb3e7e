"""How is something waited for, but not for ever?"""

from __future__ import annotations

import asyncio


async def set_within(event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
