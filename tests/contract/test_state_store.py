"""The StateStore contract: conditional on versions, all or nothing a product, and nothing of a lost change is seen."""

from __future__ import annotations

import pytest
from contract_records import only
from fakes.clock import NOW
from fakes.examples import ODD_KEYS, A, B, C, entry, first_change, order_of, rich_state, sale, segment, state_after
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events import ProductKey
from domain.folding import fold
from domain.ledger import TAIL_ENTRIES, Ledger
from domain.product import Outcome, ProductState, StockLevel
from handlers.ports import Change, Committed

pytestmark = pytest.mark.asyncio(loop_scope="session")
PORT = "StateStore"
YES, NO = Committed.YES, Committed.NO


async def test_a_product_never_seen_is_fresh(store):
    assert await store.load([A, C]) == {A: ProductState(A), C: ProductState(C)}


async def test_nothing_asked_is_nothing_answered(store):
    assert await store.load([]) == {}
    assert await store.commit([]) == []
    await store.forget([])


async def test_what_is_committed_is_loaded_equal_in_every_field(store):
    state = rich_state(A)
    assert await store.commit([Change(state)]) == [YES]
    assert await only(store, A) == state


async def test_the_smallest_state_is_loaded_equal(store):
    state = ProductState(A, version=1)
    assert await store.commit([Change(state)]) == [YES]
    assert await only(store, A) == state


async def test_when_nothing_is_undecided_no_time_is_kept_for_it(store):
    state = rich_state(A)._replace(dirty=0, dirty_since=NOW)
    await store.commit([Change(state)])
    assert await only(store, A) == state._replace(dirty_since=0)


async def test_ids_are_kept_verbatim_and_apart(store):
    states = [rich_state(key)._replace(units=n) for n, key in enumerate(ODD_KEYS)]
    assert await store.commit([Change(state) for state in states]) == [YES] * len(states)
    assert await store.load(ODD_KEYS) == {state.key: state for state in states}


async def test_a_wrong_version_writes_nothing_and_leaves_the_others(store):
    old = first_change(A)
    assert await store.commit([old]) == [YES]
    stale = Change(
        rich_state(A)._replace(version=1), (segment(0),), order=order_of(A), outbox=(entry("stale", NOW - 9),)
    )
    ahead = Change(rich_state(B)._replace(version=3), outbox=(entry("ahead", NOW - 9),))
    good = Change(rich_state(C), outbox=(entry("good", NOW - 9),))
    assert await store.commit([stale, ahead, good]) == [NO, NO, YES]
    assert await store.load([A, B, C]) == {A: old.state, B: ProductState(B), C: good.state}
    assert await store.outbox(NOW, 10) == list(good.outbox)
    # The stale change's order was not written either: the same cycle can still be ordered.
    again = Change(old.state._replace(version=2), order=order_of(A))
    assert await store.commit([again]) == [YES]


async def test_250_products_in_one_call_are_each_committed(store):
    keys = [ProductKey(f"p{n}", "north" if n % 3 == 0 else None) for n in range(250)]
    lost = {keys[7], keys[100], keys[249]}
    assert await store.commit([first_change(key) for key in lost]) == [YES] * 3
    changes = [first_change(key, "e2", 2) for key in keys]
    assert await store.commit(changes) == [NO if key in lost else YES for key in keys]
    loaded = await store.load(keys)
    assert loaded == {c.state.key: first_change(c.state.key).state if c.state.key in lost else c.state for c in changes}


async def test_segments_are_written_kept_and_dropped_with_their_header(store):
    segments = (segment(0), segment(1, 8_192), segment(2, 1))
    first = rich_state(A, segments=segments)
    assert await store.commit([Change(first, segments)]) == [YES]
    assert await only(store, A) == first
    newer = segment(3, 5)
    ledger = Ledger(first.ledger.tail, first.ledger.tail_newest_day, 2, 4, (segments[2], newer))
    second = first._replace(version=2, ledger=ledger)
    assert await store.commit([Change(second, (newer,), dropped=(0, 1))]) == [YES]
    assert await only(store, A) == second


@pytest.mark.no_fake
async def test_a_dropped_segment_takes_no_room_any_more(store, world):
    segments = (segment(0), segment(1))
    first = rich_state(A, segments=segments)
    await store.commit([Change(first, segments)])
    ledger = first.ledger._replace(first=1, segments=segments[1:])
    await store.commit([Change(first._replace(version=2, ledger=ledger), dropped=(0,))])
    kept = [item["sk"]["S"] for item in await world.items(world.settings.state_table)]
    assert [sk for sk in kept if sk.startswith("E#")] == ["E#000000000001"]


async def test_a_lost_change_writes_and_drops_no_segment(store):
    first = rich_state(A, segments=(segment(0),))
    await store.commit([Change(first, (segment(0),))])
    ledger = Ledger(b"", -1, 1, 2, (segment(1),))
    assert await store.commit([Change(first._replace(ledger=ledger), (segment(1),), dropped=(0,))]) == [NO]
    assert await only(store, A) == first


async def test_many_sales_of_one_product_are_remembered_over_commits(store):
    state, now = ProductState(A), NOW
    events = [sale(A, f"e{n}") for n in range(3 * TAIL_ENTRIES)]
    for at in range(0, len(events), TAIL_ENTRIES // 2 + 3):
        folded = fold(await only(store, A), events[at : at + TAIL_ENTRIES // 2 + 3], now)
        assert await store.commit([Change(folded.state, folded.written, folded.dropped)]) == [YES]
    state = await only(store, A)
    assert state.ledger.segments
    assert set(fold(state, events, now).outcomes) == {Outcome.DUPLICATE}


async def test_an_order_and_its_outbox_entry_stand_or_fall_with_the_header(store):
    base = first_change(A).state
    await store.commit([Change(base)])
    order, said = order_of(A), entry("A:1", NOW - 5)
    opened = base._replace(version=2, cycle=1)
    assert await store.commit([Change(opened, order=order, outbox=(said,))]) == [YES]
    assert await store.outbox(NOW, 10) == [said]
    # Another writer that decided the same cycle from the same version gets nothing in.
    other = entry("A:1-again", NOW - 5)
    assert await store.commit([Change(opened, order=order, outbox=(other,))]) == [NO]
    # And even at the right version a cycle is ordered once only.
    third = opened._replace(version=3)
    assert await store.commit([Change(third, order=order, outbox=(other,))]) == [NO]
    assert await store.outbox(NOW, 10) == [said]
    assert await only(store, A) == opened


async def test_the_outbox_tells_entries_of_some_age_until_they_are_forgotten(store):
    entries = [entry(f"p{n}#ü:{n}", NOW + n) for n in range(40)]
    changes = [Change(first_change(ProductKey(f"p{n}")).state, outbox=(said,)) for n, said in enumerate(entries)]
    assert await store.commit(changes) == [YES] * 40
    assert sorted(await store.outbox(NOW + 30, 100)) == sorted(entries[:30])
    assert len(await store.outbox(NOW + 99, 7)) == 7
    await store.forget([said.entry_id for said in entries[:35]])
    await store.forget([entries[0].entry_id, "never there"])
    assert sorted(await store.outbox(NOW + 99, 100)) == sorted(entries[35:])


async def test_a_state_loaded_is_one_that_can_be_committed_on(store):
    await store.commit([Change(state_after(A, 1, 2, 3))])
    folded = fold(await only(store, A), [sale(A, "later", 5)], NOW)
    assert await store.commit([Change(folded.state)]) == [YES]
    assert (await only(store, A)).units == 11


states = st.builds(
    lambda key, units, stock, category, band: rich_state(key)._replace(
        units=units, stock=StockLevel(stock, NOW), category=category, band=band
    ),
    key=st.builds(
        ProductKey,
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    ),
    units=st.integers(-(10**18), 10**18),
    stock=st.integers(-(10**12), 10**12),
    category=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    band=st.none() | st.sampled_from(["out", "low"]),
)


@given(state=states)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_id_and_number_is_loaded_equal(store, state):
    known = await only(store, state.key)
    state = state._replace(version=known.version + 1)
    assert await store.commit([Change(state)]) == [YES]
    assert await only(store, state.key) == state
