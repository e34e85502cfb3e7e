"""Which products have just fallen, and what was said of them?"""

from __future__ import annotations

import json

from fakes.clock import NOW, TODAY
from fakes.examples import A, sale


async def fallen(deciding, key=A, category="Tea"):
    """A product that had plenty and now has little."""
    await deciding.sold(*(sale(key, f"e-{key}-{age}", 3, TODAY - age, category=category) for age in range(1, 20)))
    deciding.inventory.put(key, 10_000, NOW)
    await deciding.decided(key)
    deciding.inventory.put(key, 2, NOW + 1)
    await deciding.sold(sale(key, f"rush-{key}", 1, TODAY))
    [crossed] = (await deciding.decided(key)).crossed
    return crossed


def said(bus):
    return [json.loads(entry.detail) for entry in bus.published]
