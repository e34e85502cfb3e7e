"""Do the records of an item come to its last image, however they are wrapped?"""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal

import pytest
from fakes.clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_records import (
    EXPIRED,
    GOLDEN,
    A,
    B,
    attribute,
    corrected,
    decoded,
    events_of,
    insert,
    line,
    modify,
    order,
    reasons_of,
    remove,
    sold,
    worth,
)

from domain.buckets import Bucket
from domain.events import ProductKey, SaleCorrected, SaleRecorded
from domain.folding import fold
from domain.product import ProductState
from worker.decode import as_text, decode

# Together

steps = st.lists(st.sampled_from([None, *range(-3, 9)]), min_size=1, max_size=8)


@given(quantities=steps, data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_becomes_of_an_item_only_its_last_image_counts(quantities, data):
    """None is removal; put again, an item needs an id of its own. Records come twice and in any order."""
    records, now = [], None
    for step, quantity in enumerate(quantities):
        price, promotion = data.draw(st.sampled_from(["1.50", "0.99"])), data.draw(st.booleans())
        said = {"price": Decimal(price), "promotion": promotion}
        if quantity is None:
            records += [remove(now, event_id=f"x{step}")] if now is not None else []
            now = None
        elif now is None:
            now = sold(quantity, sale_date=f"2024-10-01#e{step}", **said)
            records.append(insert(now, event_id=f"x{step}"))
        else:
            new = sold(quantity, sale_date=now["sale_date"]["S"], **said)
            records.append(modify(now, new, event_id=f"x{step}"))
            now = new
    state = ProductState(A)
    for said in data.draw(st.permutations([*records, *records[:3]])):
        state = fold(state, events_of(said), NOW).state
    alone = fold(ProductState(A), events_of(insert(now)) if now is not None else [], NOW).state
    assert worth(state) == worth(alone)


images = st.dictionaries(
    st.sampled_from(["product_id", "sale_date", "quantity", "price", "lines", "type", "event_id", "promotion"]),
    st.sampled_from([attribute(v) for v in ("A", "2024-10-01#e", 1, 10**30, True, None, [], [line("A", 1)], {}, "")])
    | st.dictionaries(st.sampled_from(["S", "N", "M", "L", "B", "NULL", "?"]), st.integers() | st.text(), max_size=2),
)
records = st.fixed_dictionaries(
    {
        "dynamodb": st.dictionaries(
            st.sampled_from(["NewImage", "OldImage", "Keys", "ApproximateCreationDateTime"]),
            images | st.none() | st.just(5),
        )
    },
    optional={
        "eventName": st.sampled_from(["INSERT", "MODIFY", "REMOVE", None, "ELSE"]),
        "eventID": st.text(max_size=4) | st.none(),
        "userIdentity": st.sampled_from([EXPIRED, None, 5]),
    },
)


@given(said=records, bodies=st.sampled_from(["bare", "array", "Records", "sns", "bus"]))
@settings(max_examples=300, deadline=None)
def test_no_record_raises_and_no_line_has_anothers_id(said, bodies):
    wrapped = {
        "bare": said,
        "array": [said, said],
        "Records": {"Records": [said, 5]},
        "sns": {"Type": "Notification", "Message": json.dumps(said)},
        "bus": {"detail-type": "Changed", "id": "eb", "detail": said},
    }
    events, rejected = decoded(wrapped[bodies], {"quantity": "price", "lines": "items"})
    ids = [told.line_id for told in (*events, *rejected)]
    assert len(set(ids)) == len(ids)
    for told in (*events, *rejected):
        as_text(told.line)
    assert all(told.reason for told in rejected)


# Wrappings


@pytest.mark.parametrize(
    "wrap",
    [
        lambda said: said,
        lambda said: [said],
        lambda said: {"Records": [said]},
        lambda said: [{"Records": [said]}],
        lambda said: {"Type": "Notification", "Message": json.dumps(said)},
        lambda said: {"Type": "Notification", "Message": json.dumps({"Records": [said]})},
        lambda said: {"id": "eb", "detail-type": "Table Changed", "detail": said},
    ],
    ids=["bare", "array", "Records", "array of Records", "SNS", "SNS of Records", "EventBridge"],
)
def test_a_record_is_the_same_in_every_wrapping(wrap):
    assert events_of(wrap(modify(sold(6), sold(4)))) == [corrected(sold=-2, revenue=-300)]
    assert [e.event_id for e in events_of(wrap(insert(sold())))] == ["e1"]
    assert decoded(wrap(remove(sold(), userIdentity=EXPIRED))) == ([], [])


def test_a_batch_of_records_is_read_record_by_record():
    said = [insert(sold(6)), modify(sold(6), sold(6)), modify(sold(6), sold(4), event_id="x2"), modify(sold(), None), 5]
    events, rejected = decoded({"Records": said})
    assert [(d.event.event_id, d.line_id) for d in events] == [("e1", "m-0"), ("x2", "m-1")]
    assert [(r.line_id, r.line) for r in rejected] == [("m-2", modify(sold(), None)), ("m-3", 5)]


def test_records_of_something_else_are_no_batch():
    assert reasons_of({"Records": [{"eventSource": "aws:s3"}]}) == ["product_id: Field required"]


def test_a_line_is_shown_as_the_record_where_that_is_short_enough():
    single = json.dumps(modify(sold(6), sold(4)))
    [line_of_one], _ = decode(single, "m", NOW)
    assert line_of_one.line == single
    among_others, _ = decoded([modify(sold(6), sold(4)), insert(sold())])
    assert among_others[0].line == modify(sold(6), sold(4))
    several, _ = decoded(remove(order(line("A", 1), line("B", 2))))
    assert json.loads(as_text(several[1].line)) == {
        "eventName": "REMOVE",
        **corrected("x1-1", B, sales=-1, sold=-2, revenue=-200)._asdict(),
        "product": ["B", None],
    }


def test_a_small_record_does_not_become_large_in_memory():
    old = order(*[line(f"P{n}", 1) for n in range(4_000)], note="n" * 100_000)
    body = json.dumps(remove(old))
    tracemalloc.start()
    events, _ = decode(body, "m", NOW)
    shown = sum(len(as_text(told.line)) for told in events)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(events) == 4_000
    assert shown < 4_000 * 300
    assert peak < 60_000_000
    wide = {f"field{n}": attribute(n) for n in range(200)}
    [reason] = reasons_of(modify(sold(), {**order(*[{}] * 15_000), **wide}))
    assert "too large" in reason


# As Pipes writes it

SALE = SaleRecorded(ProductKey("85123A", "LEEDS"), "536365-1", 1_727_771_160_000, 6, 1_530, False, "Lights")


def golden(name):
    return (GOLDEN / f"pipes_{name}.json").read_text()


def recorded(name):
    events, rejected = decode(golden(name), "m", NOW)
    assert rejected == []
    return [told.event for told in events]


def test_what_a_pipe_writes_of_a_new_item():
    assert recorded("insert") == [SALE]


def test_what_a_pipe_writes_of_a_changed_item():
    parts = Bucket(sold=-2, revenue=-510)
    assert recorded("modify") == [
        SaleCorrected(SALE.product, "b8e1f3a7c2d94f60a5e7c1d0934b6a12", SALE.occurred_at, 0, *parts)
    ]


def test_what_a_pipe_writes_of_a_removed_item():
    parts = Bucket(sold=-4, revenue=-1_020)
    assert recorded("remove") == [
        SaleCorrected(SALE.product, "0c6f4f1f3b7a4d2e9a58e6b7d1c2f394", SALE.occurred_at, -1, *parts)
    ]


def test_what_a_pipe_writes_of_an_expired_item():
    assert recorded("remove_ttl") == []


def test_the_records_of_a_pipe_come_to_what_the_table_holds():
    state = fold(ProductState(SALE.product), [*recorded("insert"), *recorded("modify")], NOW).state
    four = fold(ProductState(SALE.product), [SALE._replace(quantity=4, revenue_minor=1_020)], NOW).state
    assert (state.buckets, state.sales, state.units) == (four.buckets, four.sales, four.units)
    gone = fold(state, recorded("remove"), NOW).state
    assert (gone.buckets, gone.sales, gone.units) == ({}, 0, 0)


def test_an_order_with_an_empty_list_beside_its_lines_is_not_empty():
    (sale,) = events_of(insert({**order(line("A", 2)), "items": {"L": []}}))
    assert (sale.product, sale.quantity) == (A, 2)
