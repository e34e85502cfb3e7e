"""What does the engine cost and hold after so many events?

Runs in a process of its own, with the events made as they are needed: nothing is in memory but what the engine keeps,
so the peak of the process is the engine's."""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import islice

from bench.engine.events import clock_of, lines_of
from bench.engine.ours import Engine
from bench.engine.spec import BATCH, arrival_ms, peak_mb


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("events", type=int)
    parser.add_argument("--batch", type=int, default=BATCH)
    chosen = parser.parse_args()
    sys.stdout.write(json.dumps(measure(chosen.events, chosen.batch)) + "\n")
    return 0


def measure(events: int, batch: int) -> dict[str, float]:
    """CPU seconds of the work, and the peak of the process in MB."""
    engine, lines, clock = Engine(), lines_of(events), clock_of(events)
    cpu_s, taken, applied = 0.0, 0, 0
    while bodies := list(islice(lines, batch)):
        taken += len(bodies)
        now = arrival_ms(clock, taken)
        messages = [(f"{now}-{number}", body) for number, body in enumerate(bodies)]
        started = time.process_time()
        outcomes, _, changed, _ = engine.take(messages, now)
        cpu_s += time.process_time() - started
        engine.commit(changed, now)
        applied += len(outcomes)
    return {"cpu_s": cpu_s, "events": taken, "valid": applied, "peak_mb": peak_mb()}


if __name__ == "__main__":
    sys.exit(main())
