"""Does a model learn from the past alone, and from the very numbers that the worker streams?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import MS_PER_DAY, ProductKey, SaleRecorded
from domain.features import series_of
from domain.folding import fold
from domain.product import ProductState
from forecaster.dataset import COVER_DAYS, SALES_COLUMNS, Panel, lessons_of, origins_between, panel_of
from forecaster.formats import feature_matrix

FIRST_DAY = 14_000
DAYS = 90
KEYS = (ProductKey("0012"), ProductKey("0012", "north"), ProductKey("NA"), ProductKey("a#b %", "é"))

sale_rows = st.tuples(
    st.sampled_from(KEYS),
    st.integers(FIRST_DAY, FIRST_DAY + DAYS - 1),
    st.integers(-3, 40),
    st.integers(0, 500),
    st.booleans(),
)
shops = st.lists(sale_rows, min_size=1, max_size=60)


def frame_of(rows) -> pd.DataFrame:
    lines = [(*key, day, quantity, quantity * price, promotion) for key, day, quantity, price, promotion in rows]
    frame = pd.DataFrame(lines, columns=list(SALES_COLUMNS))
    return frame.astype({"product_id": "str", "location_id": "str"})


def everything(panel: Panel) -> list:
    origins = range(panel.first_day, panel.until)
    return list(lessons_of(panel, origins, rows_max=10**6, seed=7))


@settings(max_examples=60, deadline=None)
@given(rows=shops, as_of=st.integers(FIRST_DAY + 1, FIRST_DAY + DAYS))
def test_features_in_training_are_those_of_the_stream(rows, as_of):
    """A product's state, fed sale by sale, gives to the bit the row that the panel gives."""
    panel = panel_of(frame_of(rows))
    states = []
    for key in panel.products:
        sales = [
            SaleRecorded(key, str(n), day * MS_PER_DAY, quantity, quantity * price, promotion)
            for n, (product, day, quantity, price, promotion) in enumerate(rows)
            # What a state no longer keeps at the end must not have reached it: it is fed up to as_of.
            if product == key and day < as_of
        ]
        state = ProductState(key)
        for sale in sorted(sales, key=lambda sale: sale.day):
            state = fold(state, [sale], now=as_of * MS_PER_DAY).state
        states.append(state)
    streamed = series_of(states, as_of)
    stored = panel.series(as_of, np.arange(len(panel.products)))
    np.testing.assert_array_equal(streamed.net, stored.net)
    np.testing.assert_array_equal(feature_matrix(streamed), feature_matrix(stored))


@settings(max_examples=60, deadline=None)
@given(rows=shops, later=shops, as_of=st.integers(FIRST_DAY, FIRST_DAY + DAYS))
def test_no_feature_sees_the_day_it_predicts_or_any_after(rows, later, as_of):
    """Whatever is sold from as_of on changes no feature of that origin."""
    past = [row for row in rows if row[1] < as_of]
    anchor = [(KEYS[0], FIRST_DAY, 1, 100, False)]
    one = panel_of(frame_of(anchor + past + [row for row in rows if row[1] >= as_of]))
    other = panel_of(frame_of(anchor + past + [row for row in later if row[1] >= as_of]))
    for key in {row[0] for row in past}:
        rows_of = [np.array([panel.products.index(key)]) for panel in (one, other)]
        here, there = one.series(as_of, rows_of[0]), other.series(as_of, rows_of[1])
        np.testing.assert_array_equal(feature_matrix(here), feature_matrix(there))


@settings(max_examples=40, deadline=None)
@given(rows=shops)
def test_labels_are_the_days_demand_and_end_with_the_data(rows):
    """Each total equals a plain sum over the days in question, days of net returns being none."""
    sales = frame_of(rows)
    panel = panel_of(sales)
    daily: dict = {}
    for key, day, quantity, _, _ in rows:
        daily[key, day] = daily.get((key, day), 0) + quantity
    for lesson in everything(panel):
        as_of = lesson.request.as_of
        for row, (product, lengths) in enumerate(zip(lesson.rows, lesson.request.cover_days, strict=True)):
            key = panel.products[product]
            assert min(day for sold, day, quantity, _, _ in rows if sold == key and quantity > 0) < as_of
            assert as_of + max(lengths) <= panel.until
            expected = [sum(max(0, daily.get((key, as_of + d), 0)) for d in range(k)) for k in lengths]
            assert expected == lesson.totals[row].tolist()


@given(rows=shops, later=shops)
@settings(max_examples=40, deadline=None)
def test_sales_from_the_cutoff_on_change_nothing(rows, later):
    until = FIRST_DAY + DAYS // 2
    past = [row for row in rows if row[1] < until]
    one = panel_of(frame_of(rows), until)
    other = panel_of(frame_of(past + [row for row in later if row[1] >= until]), until)
    assert one.products == other.products
    assert one.until == other.until
    np.testing.assert_array_equal(one.net, other.net)
    np.testing.assert_array_equal(one.revenue, other.revenue)


def test_ids_that_differ_only_in_location_or_look_like_nothing_are_products_of_their_own():
    panel = panel_of(frame_of([(key, FIRST_DAY, 1, 100, False) for key in KEYS]))
    assert set(panel.products) == set(KEYS)


def test_the_order_of_rows_does_not_matter():
    rows = [(KEYS[n % 4], FIRST_DAY + n % 30, n % 5, 100, False) for n in range(200)]
    one, other = panel_of(frame_of(rows)), panel_of(frame_of(rows[::-1]))
    assert one.products == other.products
    np.testing.assert_array_equal(one.net, other.net)


def test_the_number_of_rows_is_bounded_and_the_draw_repeats():
    rows = [(ProductKey(f"p{n}"), FIRST_DAY + day, 1, 100, False) for n in range(50) for day in range(0, 80, 7)]
    panel = panel_of(frame_of(rows))
    origins = origins_between(FIRST_DAY + 14, panel.until)
    one, other = (list(lessons_of(panel, origins, rows_max=1_000, seed=3)) for _ in range(2))
    assert sum(lesson.totals.size for lesson in one) <= 1_000
    assert all(
        a.request.items == b.request.items and (a.totals == b.totals).all() for a, b in zip(one, other, strict=True)
    )


def test_origins_cover_all_weekdays_and_keep_the_newest_day():
    for days in (10, 56, 330, 2_000):
        origins = origins_between(FIRST_DAY, FIRST_DAY + days)
        assert origins[-1] == FIRST_DAY + days - 1
        assert min(origins) >= FIRST_DAY
        assert len(origins) <= 32
        if days >= 56:
            assert {day % 7 for day in origins} == set(range(7))
    assert origins_between(FIRST_DAY, FIRST_DAY) == ()


def test_a_day_without_sales_ahead_is_a_question_without_an_answer():
    panel = panel_of(frame_of([(KEYS[0], FIRST_DAY, 5, 100, False)]))
    assert list(lessons_of(panel, [panel.until], 100, 1)) == []
    assert max(COVER_DAYS) == 56
