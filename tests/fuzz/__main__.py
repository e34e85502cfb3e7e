"""How long does each decoder hold against bytes that grow towards what it has not seen?

Atheris, a fuzzer that is guided by coverage, one process a target. What it found out about a target is kept in
build/fuzz, so that the next run goes on from there; an input that crashes or hangs is kept there too, and named."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.bending import bent

CORPUS = Path(__file__).parent / "corpus"
TARGETS = sorted(path.name for path in CORPUS.iterdir())
FOUND = Path("build/fuzz")
HANG_S = 10
MEMORY_MB = 2_048
INPUT_BYTES_MAX = 16_384
BENT_SHARE = 0.5  # of the inputs; the others are libFuzzer's own mutations
INSTRUMENTED = ["domain", "handlers", "forecaster", "worker"]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all of them if left out: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--one", choices=TARGETS, help=argparse.SUPPRESS)
    parser.add_argument("--hang-s", type=int, default=HANG_S, help="no answer for so long is a hang (default: 10)")
    chosen, passed_on = parser.parse_known_args(arguments)
    if chosen.one:
        fuzz(chosen.one, [*passed_on, *chosen.targets])
    if unknown := [name for name in chosen.targets if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}")
    failed = [name for name in chosen.targets or TARGETS if not holds(name, chosen.seconds, chosen.hang_s)]
    sys.stdout.write(f"{len(chosen.targets or TARGETS) - len(failed)} held, {len(failed)} failed {' '.join(failed)}\n")
    return 1 if failed else 0


def holds(name: str, seconds: int, hang_s: int) -> bool:
    """Fuzzes a target in a process of its own; whether it held."""
    found, faults = FOUND / name, FOUND / "faults"
    found.mkdir(parents=True, exist_ok=True)
    faults.mkdir(exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-timeout={hang_s}", f"-rss_limit_mb={MEMORY_MB}"]
    limits += [f"-max_len={INPUT_BYTES_MAX}", f"-artifact_prefix={faults}/{name}-", f"-dict={CORPUS.parent / 'words'}"]
    command = [sys.executable, "-m", "fuzz", "--one", name, *limits, str(found), str(CORPUS / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 300, check=False)
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]  # a target's own error is on the first
    runs = next((line for line in reversed(lines) if line.startswith("Done ")), "no summary")
    sys.stdout.write(f"{name:18} {'held' if not done.returncode else 'FAILED'}  {runs}\n")
    if done.returncode:
        shown = [line for line in lines if not line.startswith("#")]  # libFuzzer's own progress
        sys.stdout.write("\n".join(shown[-60:]) + "\n")
    sys.stdout.flush()
    return not done.returncode


def fuzz(name: str, libfuzzer: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from fuzz import targets

    def mutated(data: bytes, size_max: int, seed: int) -> bytes:
        chance = random.Random(seed)
        return bent(data, chance)[:size_max] if chance.random() < BENT_SHARE else atheris.Mutate(data, size_max)

    atheris.Setup([sys.argv[0], *libfuzzer], targets.TARGETS[name], custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
