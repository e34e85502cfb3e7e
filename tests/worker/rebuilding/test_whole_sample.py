"""The whole bundled sample of invoices (Online Retail, UCI): what a rebuild makes of its history is bit for bit what
the worker's own fold made of it, also of a state that was spoiled, and while sales go on."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random

import pytest

from domain.folding import OpenProduct
from domain.ledger import id_digest
from domain.product import Outcome, ProductState, product_label
from worker.local.sample import SAMPLE_PATH
from worker.rebuilding.before import NOTHING_BEFORE, before_of
from worker.rebuilding.rows import rows_of
from worker.rebuilding.shadow import shadow_of
from worker.rebuilding.verdict import Verdict, is_swapped, judged, swapped
from worker.schema import read_event
from worker.sources.files import open_sales

NOW = 1_400_000_000_000
SPOILED_SHARE = 0.03


@pytest.fixture(scope="module")
def products():
    """The sales of each product in the order of the file, which is not quite that of their time."""
    sold = defaultdict(list)
    for row in open_sales(SAMPLE_PATH).rows:
        event = read_event(dict(row), None, "row", NOW)
        sold[event.product].append(event)
    return dict(sold)


def folded(state, events, late):
    """The worker's fold of a batch; the ids of what is late are noted."""
    product = OpenProduct(state)
    outcomes = product.take(events)
    late |= {id_digest(e.event_id) for e, o in zip(events, outcomes, strict=True) if o is Outcome.LATE}
    return product.closed(NOW).state if product.fresh else state


def history_of(sales):
    [sold] = shadow_of(rows_of(sales)).products()
    return sold


def figures(state):
    return dict(state.buckets), state.newest_day, state.sales, state.units


def cut(events, chance, parts):
    ends = sorted(chance.randrange(len(events) + 1) for _ in range(parts - 1))
    return [events[a:b] for a, b in pairwise((0, *ends, len(events)))]


def test_the_live_state_is_what_history_says_and_late_sales_are_listed_apart(products):
    chance, late_of_all, sales = Random(1), 0, 0
    for key, events in products.items():
        some = list(events)
        if chance.random() < 0.3:
            chance.shuffle(some)  # many of them are late now
        state, late = ProductState(key), set()
        for batch in cut(some, chance, 4):
            state = folded(state, batch, late)
        found = judged(state, before_of(state, late), history_of(events))
        assert (found.verdict, found.late) == (Verdict.EQUAL, len(late)), product_label(key)
        late_of_all += len(late)
        sales += state.sales
    assert late_of_all > 100
    assert sales + late_of_all == sum(map(len, products.values()))


def test_a_spoiled_state_becomes_that_of_a_worker_who_never_erred_while_sales_go_on(products):
    chance, replaced = Random(2), 0
    for key, events in products.items():
        before_it, meanwhile, behind, after = cut(events, chance, 4)
        wrong = [e._replace(quantity=e.quantity * 10) if chance.random() < SPOILED_SHARE else e for e in before_it]
        lost = [e for e in wrong if chance.random() > SPOILED_SHARE]
        true, live, nothing = ProductState(key), ProductState(key), set()
        live = folded(live, lost, nothing)
        noted = before_of(live) if live.version else NOTHING_BEFORE
        live = folded(live, [*meanwhile, *behind], nothing)  # history has the first of these, and not the second
        known = [*before_it, *meanwhile]
        if known:
            found = judged(live, noted, history_of(known))
            if found.verdict is Verdict.SWAP:
                change = swapped(live, found, NOW)
                assert is_swapped(change.state, live.ledger.next_number + 1)
                assert not is_swapped(live, live.ledger.next_number + 1)
                live, replaced = change.state, replaced + 1
            else:
                assert found.verdict is Verdict.EQUAL
        live = folded(live, [*events, *after], nothing)  # all of it once more: duplicates
        for batch in ([*before_it, *meanwhile, *behind], after):
            true = folded(true, batch, nothing)
        assert figures(live) == figures(true), product_label(key)
    assert replaced > 500


def test_late_sales_are_merged_when_that_is_asked_for(products):
    key, events = max(products.items(), key=lambda each: len(each[1]))
    late = set()
    state = folded(ProductState(key), events[len(events) // 2 :], late)
    state = folded(state, events[: len(events) // 2], late)
    assert late
    found = judged(state, before_of(state, late), history_of(events), include_late=True)
    assert found.verdict is Verdict.SWAP
    assert figures(swapped(state, found, NOW).state) == figures(folded(ProductState(key), events, set()))
