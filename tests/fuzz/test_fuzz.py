"""Each decoder holds against its corpus, and against a few thousand inputs that were bent at random.

The long runs are `make fuzz`; this is what each test run can afford, the same each time."""

from __future__ import annotations

import random

import pytest

from fuzz.bending import bent
from fuzz.targets import CORPUS, TARGETS, seeds

EACH = 1_000
# Found, and not mended yet. Whoever mends one takes its line away: until then the test says so.
KNOWN = {
    "restock_answer": "forecaster/formats.py: an infinite or endless number, and deep nesting, are no MalformedPayload",
    "autogluon_answer": "worker/aws/endpoints/autogluon.py: a row without a timestamp cannot be sorted",
    "supplier_message": "worker/suppliers/messages.py: half a surrogate pair outside of the ids cannot be hashed",
    "supplier_request": "worker/suppliers/webhook.py: a request to upgrade is none of the parser's errors",
    "rules_file": "worker/rules/formats.py: a number of JSON with an endless exponent is no ValueError",
    "guide_answer": "worker/aws/endpoints/guide.py: the square of a limit beyond 1e154 overflows",
    "aws_answer": "worker/aws/answers.py: what its parser cannot read is none of the errors that the worker knows",
}
NAMES = [pytest.param(name, marks=pytest.mark.xfail(reason=KNOWN[name])) if name in KNOWN else name for name in TARGETS]


# A warning is no crash: numpy's say that a number of an answer was absurd, before it is refused.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
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
