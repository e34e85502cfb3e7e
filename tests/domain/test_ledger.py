"""Does the ledger remember exactly what a dict would?"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.events import ProductKey, SaleRecorded
from domain.ledger import (
    DROPPED_PER_COMMIT_MAX,
    ENTRY_BYTES,
    ID_BYTES,
    PAYLOAD_BYTES,
    SEGMENT_ENTRIES_MAX,
    TAIL_ENTRIES,
    Ledger,
    Segment,
    id_digest,
    payload_digest,
)


def entry(event_id: str, payload: str = "sold") -> bytes:
    return id_digest(event_id) + payload_of(payload)


def payload_of(category: str) -> bytes:
    return payload_digest(SaleRecorded(ProductKey("p"), "e", 0, 1, 1, category=category))


def entries(*event_ids: str) -> bytes:
    return b"".join(entry(event_id) for event_id in event_ids)


def many(name: str, count: int) -> list[str]:
    return [f"{name}{n}" for n in range(count)]


@dataclass
class Shelf:
    """A segment as a dict would keep it."""

    number: int
    payloads: dict[str, str]
    newest_day: int
    written_on: int


class LedgerIsADict(RuleBasedStateMachine):
    """Appending, forgetting and looking up, against dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.tail: dict[str, str] = {}
        self.tail_newest_day = -1
        self.shelves: list[Shelf] = []
        self.gone: list[str] = []
        self.made = 0
        self.today = 20_000

    @rule(
        count=st.one_of(st.integers(1, 8), st.sampled_from([TAIL_ENTRIES - 1, TAIL_ENTRIES, TAIL_ENTRIES + 1, 100])),
        day=st.integers(0, 300),
        waited=st.integers(0, 20),
        payload=st.sampled_from(["sold", "returned"]),
    )
    def append(self, count: int, day: int, waited: int, payload: str) -> None:
        self.today += waited
        new = many(f"{len(self.shelves)}-{self.made}-", count)
        self.made += 1
        self.ledger, written = self.ledger.append(b"".join(entry(i, payload) for i in new), day, self.today)
        self.tail |= dict.fromkeys(new, payload)
        self.tail_newest_day = max(self.tail_newest_day, day)
        assert (len(self.tail) > TAIL_ENTRIES) == bool(written)
        if written:
            (segment,) = written
            assert segment == self.ledger.segments[-1]
            assert len(self.tail) * ENTRY_BYTES == len(segment.entries)
            self.shelves.append(Shelf(segment.number, self.tail, self.tail_newest_day, self.today))
            self.tail, self.tail_newest_day = {}, -1

    @precondition(lambda self: self.shelves)
    @rule(late_before=st.integers(0, 320), ago=st.integers(0, 60))
    def forget(self, late_before: int, ago: int) -> None:
        self.ledger, dropped = self.ledger.forget(late_before, self.today - ago)
        expected = []
        while self.shelves and len(expected) < DROPPED_PER_COMMIT_MAX:
            oldest = self.shelves[0]
            if oldest.newest_day >= late_before or oldest.written_on >= self.today - ago:
                break
            expected.append(oldest.number)
            self.gone += oldest.payloads
            del self.shelves[0]
        assert tuple(expected) == dropped

    @invariant()
    def every_id_is_found_with_its_payload_until_it_is_forgotten(self) -> None:
        remembered = self.tail.copy()
        for shelf in self.shelves:
            remembered |= shelf.payloads
        for event_id, payload in remembered.items():
            assert payload_of(payload) == self.ledger.payload_of(id_digest(event_id))
        for event_id in [*self.gone[-50:], "never seen"]:
            assert self.ledger.payload_of(id_digest(event_id)) is None

    @invariant()
    def header_and_segments_agree(self) -> None:
        assert [shelf.number for shelf in self.shelves] == [segment.number for segment in self.ledger.segments]
        assert [shelf.newest_day for shelf in self.shelves] == [segment.newest_day for segment in self.ledger.segments]
        alive = range(self.ledger.first, self.ledger.next_number)
        assert list(alive) == [segment.number for segment in self.ledger.segments]
        assert len(self.ledger.tail) == len(self.tail) * ENTRY_BYTES <= TAIL_ENTRIES * ENTRY_BYTES
        assert self.tail_newest_day == self.ledger.tail_newest_day


TestLedgerIsADict = LedgerIsADict.TestCase
TestLedgerIsADict.settings = settings(max_examples=40, stateful_step_count=20)


# From the tail to segments


def test_the_tail_holds_so_many_entries_and_one_more_closes_a_segment_of_all_of_them():
    ids = many("e", TAIL_ENTRIES + 1)
    ledger, written = Ledger().append(entries(*ids[:-1]), 100, 20_000)
    assert (entries(*ids[:-1]), ()) == (ledger.tail, written)
    ledger, written = ledger.append(entry(ids[-1]), 90, 20_001)
    assert (Segment(0, entries(*ids), newest_day=100, written_on=20_001),) == written == ledger.segments
    assert (ledger.tail, ledger.tail_newest_day, ledger.first, ledger.next_number) == (b"", -1, 0, 1)


@pytest.mark.parametrize("count", [8_191, 8_192, 8_193, 20_000])
def test_a_large_batch_is_cut_into_segments_that_fit_an_item(count):
    ledger, written = Ledger().append(entries(*many("e", count)), 100, 20_000)
    sizes = [len(segment.entries) // ENTRY_BYTES for segment in written]
    assert count == sum(sizes)
    assert max(sizes) <= SEGMENT_ENTRIES_MAX
    assert set(sizes[:-1]) <= {SEGMENT_ENTRIES_MAX}
    assert list(range(len(sizes))) == [segment.number for segment in written]
    assert {100} == {segment.newest_day for segment in written}
    for event_id in ("e0", "e8190", f"e{count - 1}"):
        assert ledger.payload_of(id_digest(event_id)) is not None


def test_a_full_segment_stays_well_under_the_400_kb_of_an_item():
    assert SEGMENT_ENTRIES_MAX * ENTRY_BYTES < 200_000


def test_a_ledger_of_before_is_unchanged_by_what_comes_after():
    before, _ = Ledger().append(entry("a"), 1, 1)
    before.append(entries(*many("e", 40)), 2, 2)
    assert entry("a") == before.tail
    assert before.segments == ()


# Forgetting


def with_segments(*days_and_written: tuple[int, int]) -> Ledger:
    ledger = Ledger()
    for number, (newest_day, written_on) in enumerate(days_and_written):
        ledger, _ = ledger.append(entries(*many(f"{number}-", 40)), newest_day, written_on)
    return ledger


@pytest.mark.parametrize(
    ("newest_day", "written_on", "dropped"),
    [(99, 199, (0,)), (100, 199, ()), (99, 200, ()), (100, 200, ()), (5_000, 1, ()), (1, 5_000, ())],
)
def test_a_segment_goes_only_when_both_clocks_have_passed_it(newest_day, written_on, dropped):
    assert dropped == with_segments((newest_day, written_on)).forget(100, 200)[1]


def test_a_segment_waits_for_the_ones_before_it():
    ledger = with_segments((150, 1), (1, 1), (1, 1))
    assert (ledger, ()) == ledger.forget(100, 200)
    assert ledger.forget(151, 200)[1] == (0, 1, 2)


def test_a_commit_deletes_no_more_than_8_segments_and_the_next_ones_go_on():
    ledger = with_segments(*[(1, 1)] * 11)
    ledger, dropped = ledger.forget(100, 200)
    assert tuple(range(8)) == dropped
    ledger, dropped = ledger.forget(100, 200)
    assert dropped == (8, 9, 10)
    assert (ledger.first, ledger.next_number, ledger.segments) == (11, 11, ())


def test_the_tail_is_never_forgotten():
    ledger, _ = Ledger().append(entry("a"), 1, 1)
    ledger, _ = ledger.forget(10_000, 10_000)
    assert ledger.payload_of(id_digest("a")) is not None


def test_numbers_are_never_used_again():
    ledger, _ = with_segments((1, 1)).forget(100, 200)
    _, written = ledger.append(entries(*many("e", 40)), 300, 300)
    assert [segment.number for segment in written] == [1]


# Looking up bytes among bytes


@given(
    blocks=st.lists(st.binary(min_size=ENTRY_BYTES, max_size=ENTRY_BYTES), min_size=2, max_size=6),
    offset=st.integers(1, ENTRY_BYTES - 1),
)
@example(blocks=[b"a" * 20, b"a" * 20], offset=1)
def test_an_id_that_only_occurs_across_two_entries_is_not_found(blocks, offset):
    run = b"".join(blocks)
    across = run[offset : offset + ID_BYTES]
    starts = {block[:ID_BYTES]: block[ID_BYTES:] for block in reversed(blocks)}
    ledger = Ledger(tail=run)
    assert starts.get(across) == ledger.payload_of(across)
    # Once it was really counted it is found, although an unaligned occurrence comes first.
    ledger, _ = ledger.append(across + b"true", 0, 0)
    assert starts.get(across, b"true") == ledger.payload_of(across)


def test_the_same_alignment_holds_in_segments():
    run = entries(*many("e", 40))
    across = run[30 : 30 + ID_BYTES]
    ledger, (segment,) = Ledger().append(run, 1, 1)
    assert segment.entries.find(across) == 30
    assert ledger.payload_of(across) is None


# Digests


@pytest.mark.parametrize("event_id", ["", "#", "é", "🧦", "a" * 256, "\ud800"])
def test_any_id_has_a_digest_of_16_bytes_that_is_the_same_each_time(event_id):
    assert len(id_digest(event_id)) == ID_BYTES
    assert id_digest(event_id) == id_digest(event_id)


def test_digests_are_the_same_in_every_process_for_ever():
    """They are stored: another hash would count every sale a second time after a deployment."""
    sale = SaleRecorded(ProductKey("85123A"), "e1", occurred_at=86_400_000, quantity=3, revenue_minor=597)
    assert id_digest(sale.event_id).hex() == "afdd4403c41069df839dbe2249f98aee"
    assert payload_digest(sale).hex() == "6bcf454d"
    assert len(payload_digest(sale)) == PAYLOAD_BYTES


payloads = st.tuples(
    st.integers(0, 10**13),
    st.integers(-(10**8), 10**8),
    st.integers(-(10**15), 10**15),
    st.booleans(),
    st.none() | st.sampled_from(["", "a", "grocery"]) | st.text(max_size=3),
)


@given(first=payloads, second=payloads)
def test_a_payload_is_told_from_another(first, second):
    a, b = (SaleRecorded(ProductKey("p"), "e", *payload) for payload in (first, second))
    assert (first == second) == (payload_digest(a) == payload_digest(b))


@given(first=payloads, data=st.data())
def test_a_payload_that_differs_in_one_field_is_another(first, data):
    place = data.draw(st.integers(0, 4))
    other = data.draw(payloads)[place]
    sale = SaleRecorded(ProductKey("p"), "e", *first)
    changed = SaleRecorded(ProductKey("p"), "e", *first[:place], other, *first[place + 1 :])
    assert (sale == changed) == (payload_digest(sale) == payload_digest(changed))
