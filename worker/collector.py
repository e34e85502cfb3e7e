"""When does Python look for garbage?

What was made until the start stays for good, and a micro-batch makes many objects that go together: the collector need
not look at the former at all, nor so often at the latter. It is a tenth of the time of a sale."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000


def spare_the_collector() -> None:
    """To be called once, when all is set up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
