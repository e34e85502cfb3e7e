"""A checkpoint stands before the first record that is not settled, whatever the order in which they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sources.shards.lineage import TRIM_HORIZON
from worker.sources.shards.progress import Progress


def progress(*numbers, settled=()):
    made = Progress("0")
    for number in numbers:
        made.read(number)
    for number in settled:
        made.settle(number)
    return made


def test_before_anything_is_read_the_checkpoint_is_where_it_was():
    assert (Progress(TRIM_HORIZON).safe, len(Progress(TRIM_HORIZON))) == (TRIM_HORIZON, 0)


def test_what_is_read_and_not_settled_moves_nothing():
    assert progress("1", "2").safe == "0"


def test_a_gap_holds_the_checkpoint_back_until_it_is_closed():
    made = progress("1", "2", "3", "4", settled=["3", "1"])
    assert (made.safe, len(made)) == ("1", 3)
    made.settle("2")
    assert (made.safe, len(made)) == ("3", 1)


def test_the_order_is_that_of_the_shard_and_not_that_of_the_texts():
    made = progress("99", "100", "1000", settled=["1000", "99"])
    assert made.safe == "99"
    made.settle("100")
    assert made.safe == "1000"


def test_what_is_settled_twice_or_was_never_read_changes_nothing():
    made = progress("1", "2", settled=["1", "1", "7"])
    made.settle("0")
    assert (made.safe, len(made)) == ("1", 1)


class Naive:
    """Keeps everything, and looks at all of it."""

    def __init__(self) -> None:
        self.numbers, self.settled = [], set()

    @property
    def beyond(self):
        """The records from the first one on that is not settled."""
        open_ones = [at for at, number in enumerate(self.numbers) if number not in self.settled]
        return self.numbers[open_ones[0] :] if open_ones else []

    @property
    def safe(self):
        below = self.numbers[: len(self.numbers) - len(self.beyond)]
        return below[-1] if below else "0"


@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=120))
def test_after_every_step_it_says_what_its_naive_twin_says(steps):
    """None reads one more record, a number settles the record of that number, which may not be there."""
    made, twin = Progress("0"), Naive()
    for step in steps:
        if step is None:
            number = str(len(twin.numbers) + 1)
            twin.numbers.append(number)
            made.read(number)
        else:
            twin.settled |= {str(step)} & set(twin.numbers)
            made.settle(str(step))
        assert (made.safe, len(made)) == (twin.safe, len(twin.beyond))
