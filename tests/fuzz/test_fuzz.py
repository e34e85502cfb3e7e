"""Each decoder holds against its corpus, and against a few thousand inputs that were bent at random.

The long runs are `make fuzz`; this is what each test run can afford, the same each time."""

from __future__ import annotations

import random

import pytest

from fuzz.bending import bent
from fuzz.targets import CORPUS, TARGETS, seeds

EACH = 1_000


@pytest.mark.parametrize("name", TARGETS)
def test_a_decoder_holds(name):
    chance = random.Random(f"fuzz {name}")
    target, known = TARGETS[name], seeds(name)
    for data in (b"", b"[" * 20_000, *known, *(bent(chance.choice(known), chance) for _ in range(EACH))):
        try:
            target(data)
        except Exception as exc:
            exc.add_note(f"the input: {data[:2_000]!r}")
            raise


def test_every_corpus_belongs_to_a_target():
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
