"""A header says all of a state: whatever the state, what is read is what was written, day for day and slot for slot."""

from __future__ import annotations

import json
from zlib import compress, decompress

from fakes.clock import NOW, TODAY
from fakes.examples import ODD_KEYS, A, rich_state, sale, segment
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.buckets import KEPT_DAYS, NO_DAY, NO_DAYS, NOTHING_RARE, SLOTS, Bucket, Days
from domain.folding import fold
from domain.ledger import ENTRY_BYTES, TAIL_ENTRIES, Ledger
from domain.orders import Approval, OpenOrder, Word
from domain.product import ForecastNote, Freeze, Interval, Override, ProductState, StockLevel
from domain.signals import Held, Watch
from worker.aws.state_codec import decode_header, decode_segment, encode_header, encode_segment

TOKEN = "0" * 32
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
counts = st.integers(0, 10**12)
times = st.integers(0, 2**52)
dates = st.integers(0, 40_000)
sums = st.one_of(st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63)]), st.integers(-(2**62), 2**62))
buckets = st.one_of(st.tuples(sums), st.tuples(sums, sums), st.tuples(*[sums] * 5)).map(lambda parts: Bucket(*parts))
# In the ring, at both of its ends, just beyond it, and all over the years.
ages = st.one_of(st.integers(0, KEPT_DAYS), st.sampled_from([0, 1, KEPT_DAYS, SLOTS, 2 * SLOTS]), st.integers(0, 3_000))
keys = st.sampled_from(ODD_KEYS)


@st.composite
def days(draw) -> Days:
    """None at all, or a newest day, which need not have sold anything itself, and some before it."""
    newest = draw(st.one_of(st.just(NO_DAY), st.integers(5_000, 40_000)))
    if newest == NO_DAY:
        return NO_DAYS
    sold = draw(st.dictionaries(ages, buckets, max_size=draw(st.sampled_from([0, 3, 12, SLOTS]))))
    made = Days.of({newest - age: bucket for age, bucket in sold.items()}, newest)
    # Rare parts that have cancelled each other leave a column of zeros.
    zeros = made.rare is None and draw(st.booleans())
    return Days(newest, made.main, NOTHING_RARE[:] if zeros else made.rare)


@st.composite
def ledgers(draw) -> Ledger:
    tail = draw(st.binary(min_size=0, max_size=TAIL_ENTRIES * ENTRY_BYTES).map(lambda b: b[: len(b) // 20 * 20]))
    first, alive = draw(st.integers(0, 10**9)), draw(st.integers(0, 4))
    segments = tuple(segment(first + n, draw(st.integers(1, 3))) for n in range(alive))
    return Ledger(tail, draw(st.one_of(st.just(-1), dates)), first, first + alive, segments)


receipts = st.lists(st.text("0123456789abcdef"), max_size=3).map(tuple)
heard = {
    "requested_on": dates,
    "supplier": words,
    "hold": st.sampled_from(["", "approval", "review"]),
    "word": st.none() | st.builds(Word, times, counts, dates),
    "shipped": counts,
    "approval": st.none() | st.builds(Approval, times, counts),
    "ended": st.sampled_from(["", "closed"]),
    "proposal": words,
    "overdue": st.booleans(),
    "arrivals": st.lists(dates, max_size=3).map(tuple),
}
orders = st.one_of(
    st.builds(OpenOrder, counts, counts, counts, dates, receipts),
    st.builds(OpenOrder, counts, counts, counts, dates, receipts, **heard),
)
finite = st.floats(allow_nan=False, allow_infinity=False)
totals = st.lists(st.tuples(st.integers(1, 90), finite, finite), max_size=3).map(tuple)
helds = st.builds(Held, st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]), dates)
watches = st.builds(
    Watch, dates, finite, finite, finite, helds, helds, helds, st.sampled_from([0, 1]), st.integers(0, 63)
)


@st.composite
def states(draw) -> ProductState:
    held = draw(days())
    dirty = draw(st.one_of(st.just(0), counts))
    return ProductState(
        key=draw(keys),
        version=draw(st.integers(1, 10**12)),
        buckets=held,
        newest_day=held.newest if held is not NO_DAYS else None,
        sales=draw(st.integers(-5, 10**15)),
        units=draw(st.integers(-(10**20), 10**20)),
        dirty=dirty,
        dirty_since=draw(times) if dirty else 0,  # of a product that is not dirty no time is kept
        decisions=draw(counts),
        received_at=draw(times),
        ledger=draw(ledgers()),
        category=draw(st.none() | words),
        stock=draw(st.none() | st.builds(StockLevel, st.integers(-(10**12), 10**12), times)),
        cycle=draw(counts),
        open_orders=tuple(draw(st.lists(orders, max_size=3))),
        promotions=tuple(draw(st.lists(st.tuples(dates, dates), max_size=3))),
        forecast=draw(st.none() | st.builds(ForecastNote, dates, st.integers(0, 2**32 - 1), words, totals)),
        intervals=tuple(draw(st.lists(st.builds(Interval, dates, counts, counts), max_size=3))),
        band=draw(st.none() | words),
        insight_on=draw(st.none() | dates),
        closed_orders=tuple(draw(st.lists(orders, max_size=3))),
        freeze=draw(st.none() | st.builds(Freeze, times, dates, words)),
        override=draw(st.none() | st.builds(Override, times, counts, dates, words)),
        watch=draw(st.none() | watches),
    )


def read_back(state: ProductState) -> ProductState:
    """As another worker reads it: the header and the segments as items."""
    segments = tuple(decode_segment(encode_segment(state.key, each)) for each in state.ledger.segments)
    return decode_header(state.key, encode_header(state, TOKEN), segments)


def slots_of(held: Days):
    """Every slot, those that nobody asks for too. No column of rare parts is one of zeros."""
    return held.newest, held.main, NOTHING_RARE if held.rare is None else held.rare


@settings(max_examples=300, deadline=None)
@given(state=states())
@example(state=ProductState(A, version=1))
@example(state=rich_state(A))
@example(state=rich_state(A)._replace(received_at=0, category="", band="", insight_on=0, stock=StockLevel(0, 0)))
@example(state=rich_state(A)._replace(buckets=Days.of({}, TODAY)))
@example(state=rich_state(A)._replace(buckets=Days.of({TODAY - KEPT_DAYS: Bucket(0, 0, 0, 0, 1)}, TODAY)))
@example(state=rich_state(A)._replace(buckets=Days.of({TODAY - n: Bucket(n, -n, n, -n, n) for n in range(SLOTS)})))
def test_what_is_read_is_what_was_written(state):
    loaded = read_back(state)
    assert loaded == state
    assert slots_of(loaded.buckets) == slots_of(state.buckets)
    # The same state is the same item: nothing is added or lost on the way.
    assert encode_header(loaded, TOKEN) == encode_header(state, TOKEN)


@settings(max_examples=100, deadline=None)
@given(state=states(), steps=st.lists(st.tuples(st.integers(-120, 120), st.integers(-3, 9)), min_size=1, max_size=6))
def test_what_is_read_goes_on_as_what_was_written_would_have(state, steps):
    newest = state.newest_day if state.newest_day is not None else TODAY
    events = [sale(state.key, f"next-{n}", quantity, newest + day) for n, (day, quantity) in enumerate(steps)]
    here, there = fold(state, events, NOW), fold(read_back(state), events, NOW)
    assert there == here
    assert slots_of(there.state.buckets) == slots_of(here.state.buckets)


def test_days_that_nobody_keeps_any_more_are_left_out():
    """As if a worker that keeps more of them had written the header."""
    rows = [[3 * SLOTS, 7], [SLOTS, 5, 500, 1, 1, 1], [KEPT_DAYS, 1], [0, 2, 200]]
    body = json.dumps({"newest_day": TODAY, "days": rows}).encode()
    item = encode_header(ProductState(A, version=1), TOKEN) | {"body": {"B": compress(body)}}
    held = decode_header(A, item).buckets
    assert dict(held) == {TODAY - KEPT_DAYS: Bucket(1), TODAY: Bucket(2, 200)}
    assert held.rare is None


def rewritten(item, **body):
    """The item with other words in its body."""
    said = json.loads(decompress(item["body"]["B"])) | body
    return item | {"body": {"B": compress(json.dumps(said).encode())}}


def test_an_order_as_an_older_version_wrote_it_is_one_of_which_nothing_more_was_heard():
    item = rewritten(encode_header(rich_state(A), TOKEN), orders=[[1, 24, 6, TODAY + 7, ["00" * 16]], [2, 6, 0, TODAY]])
    state = decode_header(A, item | {"schema": {"N": "1"}})
    assert state.open_orders == (OpenOrder(1, 24, 6, TODAY + 7, ("00" * 16,)), OpenOrder(2, 6, 0, TODAY))
    assert (state.on_order, state.closed_orders, state.freeze, state.override) == (24, (), None, None)
    assert [order.status for order in state.open_orders] == ["partly_received", "requested"]


def test_only_what_an_older_version_would_lose_is_kept_from_it():
    plain = rich_state(A)
    order = plain.open_orders[0]
    said = {
        "frozen": plain._replace(freeze=Freeze(NOW, TODAY)),
        "overridden": plain._replace(override=Override(NOW, 5, TODAY)),
        "closed": plain._replace(closed_orders=(order,)),
        "heard of": plain._replace(open_orders=(order._replace(word=Word(NOW, 5)),)),
    }
    schemas = {name: encode_header(state, TOKEN)["schema"]["N"] for name, state in said.items()}
    assert encode_header(plain, TOKEN)["schema"]["N"] == "1"
    assert set(schemas.values()) == {"2"}
