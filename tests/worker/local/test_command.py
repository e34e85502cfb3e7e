"""Does `restock local` understand what it is asked for, and say so if not?"""

import pytest

from worker.cli import main
from worker.local.mood_names import MOOD_NAMES
from worker.local.moods import MOODS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workers", "0"), "must lie between 1 and 8"),
        (("--workers", "9"), "must lie between 1 and 8"),
        (("--workers", "two"), "--workers"),
        (("--source", "kinesis"), "--source"),
        (("--limit", "0"), "must be at least 1"),
        (("--bedrock", "cross"), "--bedrock"),
        (("--duplicate-rate", "2"), "must lie between 0 and 1"),
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_code_2_and_the_reason(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["local", *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_help_teaches_each_source(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["local", "--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n  {source} " in said for source in ("sqs", "sqs-fifo", "stream", "pipes"))
    assert "--workers" in said
    assert all(name in said.split("\nBedrock:")[1] for name in MOOD_NAMES)


def test_each_mood_that_may_be_asked_for_is_one():
    assert set(MOOD_NAMES) == set(MOODS)
