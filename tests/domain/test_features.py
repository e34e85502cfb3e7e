"""Are the features what pandas computes from the plain list of sales, and blind to the day they are to predict?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from domain_streams import MUG, NEW_YEARS_EVE, NOW, Shopkeeper, deliveries, sales_of
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.buckets import HORIZON_DAYS, WINDOW_DAYS
from domain.events import MS_PER_DAY, SaleRecorded
from domain.features import calendar_of, planned_share, rolling_features, series_of, shape_features
from domain.folding import fold
from domain.product import ProductState

D = NEW_YEARS_EVE
EPOCH = pd.Timestamp("1970-01-01")


def state_of(*events) -> ProductState:
    return fold(ProductState(MUG), events, NOW).state


def sale(day: int, quantity: int, revenue: int = 0, promotion: bool = False) -> SaleRecorded:
    return SaleRecorded(MUG, f"{day} {quantity} {revenue}", day * MS_PER_DAY, quantity, revenue, promotion)


def features_of(state: ProductState, as_of: int) -> dict[str, float]:
    return {name: column[0] for name, column in rolling_features(series_of([state], as_of)).items()}


def sold_daily(*quantities: int, until: int = D) -> ProductState:
    """A product that sold these quantities on the days that end with the day before `until`."""
    first = until - len(quantities)
    return state_of(*(sale(first + n, quantity, 100 * quantity) for n, quantity in enumerate(quantities) if quantity))


def naive_features(twin: Shopkeeper, as_of: int) -> dict[str, float]:
    """The features by pandas: sales resampled to days, missing days zero, every window closed before as_of."""
    moment = EPOCH + pd.Timedelta(days=as_of)
    window = pd.date_range(moment - pd.Timedelta(days=56), moment - pd.Timedelta(days=1), freq="D")
    sales = twin.table()
    sales = sales[sales["date"].isin(window)]
    daily = sales.set_index("date")["quantity"].resample("D").sum()
    known = daily.reindex(window, fill_value=0).astype(float)
    until_as_of = pd.concat([known, pd.Series([np.nan], index=[moment])])  # what as_of sells is not known

    def mean_before(days: int) -> float:
        return float(until_as_of.shift(1).rolling(days).mean().loc[moment])

    sold = sales[sales["quantity"] >= 0]
    units, promoted = sold["quantity"].sum(), sold.loc[sold["promotion"].astype(bool), "quantity"].sum()
    by_day = sold.groupby("date")[["quantity", "revenue"]].sum()
    by_day = by_day[by_day["quantity"] > 0]
    price_ratio = 1.0
    if units and sold["revenue"].sum():
        last = by_day.iloc[-1]
        price_ratio = (last["revenue"] / last["quantity"]) / (sold["revenue"].sum() / units)
    selling = known[known > 0]
    calendar = moment.to_pydatetime()
    return {
        "lag_7": until_as_of.shift(7, freq="D").loc[moment],
        "lag_30": until_as_of.shift(30, freq="D").loc[moment],
        "rolling_7": mean_before(7),
        "rolling_30": mean_before(30),
        "rolling_56": mean_before(56),
        "ewma": known.ewm(alpha=0.1).mean().iloc[-1],
        "std_30": known.iloc[-30:].std(ddof=0),
        "same_weekday_mean": known[known.index.day_of_week == moment.day_of_week].mean(),
        "nonzero_share": (known != 0).mean(),
        "days_since_last_sale": (moment - selling.index[-1]).days if len(selling) else 57,
        "price_ratio": price_ratio,
        "promotion_share": promoted / units if units else 0.0,
        "day_of_week": calendar.weekday(),
        "month": calendar.month,
        "quarter": moment.quarter,
        "is_weekend": int(calendar.weekday() in (5, 6)),
    }


def naive_shape(twin: Shopkeeper, as_of: int) -> dict[str, float]:
    """The other features by pandas, from the same daily sums."""
    moment = EPOCH + pd.Timedelta(days=as_of)
    window = pd.date_range(moment - pd.Timedelta(days=56), moment - pd.Timedelta(days=1), freq="D")
    sales = twin.table()
    known = sales.set_index("date")["quantity"].resample("D").sum().reindex(window, fill_value=0).astype(float)
    selling = known[known > 0]
    weeks = {f"week_{n + 1}": known.iloc[-7 * n - 7 : len(known) - 7 * n].mean() for n in range(4)}
    by_weekday = {
        f"{name}_{weekday}": part[part.index.day_of_week == weekday].mean()
        for name, part in (("last", known.iloc[-7:]), ("month", known.iloc[-28:]), ("window", known))
        for weekday in range(7)
    }
    return {
        "rolling_14": known.iloc[-14:].mean(),
        "rolling_28": known.iloc[-28:].mean(),
        "earlier": known.iloc[:28].mean(),
        "std_56": known.std(ddof=0),
        "nonzero_7": (known.iloc[-7:] > 0).mean(),
        "nonzero_28": (known.iloc[-28:] > 0).mean(),
        "size": selling.mean() if len(selling) else 0.0,
        "size_std": selling.std(ddof=0) if len(selling) else 0.0,
        "largest": max(known.max(), 0.0),
        "middle": known.sort_values().iloc[28],
        "upper_quarter": known.sort_values().iloc[41],
        "upper_tenth": known.sort_values().iloc[50],
        "age": (moment - selling.index[0]).days if len(selling) else 57,
        **weeks,
        **by_weekday,
    }


@settings(max_examples=40)
@given(stream=deliveries(events_max=15), data=st.data())
def test_the_shape_of_the_window_is_what_pandas_computes(stream, data):
    state, twin = ProductState(MUG), Shopkeeper()
    for event in stream:
        twin.deliver(event)
        state = fold(state, [event], NOW).state
    if state.newest_day is None:
        return
    as_of = state.newest_day + data.draw(st.one_of(st.just(1), st.integers(-HORIZON_DAYS, 60)))
    expected = naive_shape(twin, as_of)
    actual = {name: column[0] for name, column in shape_features(series_of([state], as_of)).items()}
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        assert actual[name] == pytest.approx(value, rel=1e-6, abs=1e-5), name


@settings(max_examples=40)
@given(stream=deliveries(events_max=15), data=st.data())
def test_after_every_event_the_features_are_what_pandas_computes(stream, data):
    state, twin = ProductState(MUG), Shopkeeper()
    for event in stream:
        twin.deliver(event)
        state = fold(state, [event], NOW).state
        if state.newest_day is None:
            continue
        as_of = state.newest_day + data.draw(st.one_of(st.just(1), st.integers(-HORIZON_DAYS, 60)))
        expected, actual = naive_features(twin, as_of), features_of(state, as_of)
        assert expected.keys() == actual.keys()
        for name, value in expected.items():
            assert actual[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@settings(max_examples=60)
@given(
    before=st.lists(st.tuples(st.integers(1, 56), st.integers(-3, 9)), max_size=12),
    after=st.lists(sales_of("x", at=st.integers(D * MS_PER_DAY, (D + 30) * MS_PER_DAY)), min_size=1, max_size=6),
)
def test_what_happens_on_or_after_as_of_changes_nothing(before, after):
    past = [sale(D - ago, quantity, 5 * quantity, bool(ago % 2)) for ago, quantity in dict(before).items()]
    future = [event._replace(event_id=f"future {n}") for n, event in enumerate(after)]
    blind, knowing = state_of(*past), state_of(*past, *future)
    assert features_of(blind, D) == features_of(knowing, D)


def test_a_sale_in_the_last_millisecond_before_as_of_is_seen_and_one_at_midnight_is_not():
    midnight = D * MS_PER_DAY
    before, at = (SaleRecorded(MUG, "e", moment, 7, 700) for moment in (midnight - 1, midnight))
    assert features_of(state_of(before), D)["rolling_7"] == 1
    assert features_of(state_of(at), D)["rolling_7"] == 0


def test_the_column_before_as_of_is_the_last_and_each_day_has_its_own():
    state = sold_daily(*range(1, WINDOW_DAYS + 1))
    series = series_of([state], D)
    assert series.net.shape == (1, WINDOW_DAYS)
    assert np.dtype(np.int64) == series.net.dtype
    assert list(range(1, WINDOW_DAYS + 1)) == series.net[0].tolist()
    features = features_of(state, D)
    assert (features["lag_7"], features["lag_30"]) == (50, 27)
    assert (features["rolling_7"], features["rolling_30"], features["rolling_56"]) == (53, 41.5, 28.5)
    assert features["same_weekday_mean"] == (1 + 8 + 15 + 22 + 29 + 36 + 43 + 50) / 8


def test_a_product_that_never_sold_has_plain_numbers():
    features = features_of(ProductState(MUG), D)
    assert all(np.isfinite(value) for value in features.values())
    assert tuple(
        features[name] for name in ("days_since_last_sale", "price_ratio", "promotion_share", "nonzero_share")
    ) == (57, 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("quantities", "days_since"), [([3], 1), ([3, 0, 0], 3), ([3, -1], 2), ([-1], 57), ([1] + [0] * 55, 56)]
)
def test_days_since_the_last_day_that_sold_more_than_came_back(quantities, days_since):
    assert days_since == features_of(sold_daily(*quantities), D)["days_since_last_sale"]


def test_a_steady_product_has_its_level_as_every_mean_and_no_deviation():
    features = features_of(sold_daily(*[4] * WINDOW_DAYS), D)
    for name in ("lag_7", "lag_30", "rolling_7", "rolling_30", "rolling_56", "ewma", "same_weekday_mean"):
        assert features[name] == pytest.approx(4), name
    assert (features["std_30"], features["nonzero_share"]) == (0, 1)


def test_the_newest_day_weighs_most_in_the_ewma_and_each_earlier_one_a_tenth_less():
    newest, earlier = (features_of(sold_daily(1, *[0] * n), D)["ewma"] for n in (0, 1))
    assert earlier == pytest.approx(0.9 * newest)
    assert newest == pytest.approx(0.1 / (1 - 0.9**56))


def test_a_day_whose_returns_equal_its_sales_counts_as_a_day_without_units():
    state = state_of(sale(D - 1, 5, 500), sale(D - 1, -5, -500))
    assert tuple(features_of(state, D)[name] for name in ("nonzero_share", "rolling_7", "days_since_last_sale")) == (
        0,
        0,
        57,
    )


@pytest.mark.parametrize(
    ("sales", "ratio", "share"),
    [
        ([(3, 1, 100, False), (1, 1, 50, True)], 50 / 75, 0.5),
        ([(3, 3, 300, True), (1, 1, 500, False)], 500 / 200, 0.75),
        ([(3, 1, 100, False), (1, -1, -900, False)], 1.0, 0.0),  # a refund is no price
        ([(1, 2, 0, False)], 1.0, 0.0),  # given away: no price is known
        ([(1, 0, 0, True)], 1.0, 0.0),
        ([(60, 1, 900, True), (1, 1, 100, False)], 1.0, 0.0),  # the first lies before the window
    ],
    ids=["cheaper", "dearer", "refund", "free", "nothing sold", "before the window"],
)
def test_price_ratio_and_promotion_share(sales, ratio, share):
    state = state_of(*(sale(D - ago, quantity, revenue, promoted) for ago, quantity, revenue, promoted in sales))
    features = features_of(state, D)
    assert features["price_ratio"] == pytest.approx(ratio)
    assert features["promotion_share"] == pytest.approx(share)


@given(day=st.integers(0, 60_000))
def test_the_calendar_is_that_of_datetime(day):
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    expected = {
        "day_of_week": date.weekday(),
        "month": date.month,
        "quarter": (date.month - 1) // 3 + 1,
        "is_weekend": int(date.isoweekday() > 5),
    }
    assert expected == calendar_of(day)


# Many products at once


def shelf_of_four() -> list[ProductState]:
    states = [sold_daily(1, 2, 3), sold_daily(), sold_daily(9, 0, -1), sold_daily(*[2] * 60)]
    spans = [(), ((D, D + 3),), ((D - 9, D - 1), (D + 5, D + 6)), ()]
    return [
        ProductState(state.key, buckets=state.buckets, promotions=span)
        for state, span in zip(states, spans, strict=True)
    ]


def test_many_products_at_once_are_each_as_if_alone():
    states = shelf_of_four()
    together = rolling_features(series_of(states, D))
    for row, state in enumerate(states):
        alone = features_of(state, D)
        assert alone == {name: column[row] for name, column in together.items()}


@given(rows=st.lists(st.integers(0, 3), max_size=6))
def test_taking_rows_is_choosing_products(rows):
    states = shelf_of_four()
    taken, built = series_of(states, D).take(rows), series_of([states[row] for row in rows], D)
    assert (built.as_of, built.planned_promotions) == (taken.as_of, taken.planned_promotions)
    for name in ("net", "last_price", "mean_price", "promoted_share"):
        np.testing.assert_array_equal(getattr(built, name), getattr(taken, name))


def test_days_that_were_filled_all_alike_do_not_deviate():
    """No whole numbers, but their sum is one: it must not be taken for the exact one."""
    series = series_of(shelf_of_four(), D)
    filled = np.full(series.net.shape, 10 + 11 / 15)
    assert rolling_features(replace(series, net=filled))["std_30"] == pytest.approx(0)


def test_no_product_gives_empty_columns():
    assert {0} == {len(column) for column in rolling_features(series_of([], D)).values()}


@settings(max_examples=60)
@given(spans=st.lists(st.tuples(st.integers(D - 20, D + 40), st.integers(0, 15)), max_size=4), cover=st.integers(1, 40))
def test_planned_share_is_the_share_of_the_coming_days_that_are_promoted(spans, cover):
    promotions = tuple((first, first + more) for first, more in spans)
    promoted = {day for first, last in promotions for day in range(first, last + 1)}
    expected = len(promoted & set(range(D, D + cover))) / cover
    series = series_of([ProductState(MUG, promotions=promotions)], D)
    assert planned_share(series, np.array([cover]))[0] == pytest.approx(expected)


def test_planned_share_counts_both_ends_of_a_promotion_and_each_product_for_its_own_days():
    series = series_of(shelf_of_four(), D)
    assert planned_share(series, np.array([4, 4, 4, 4])).tolist() == [0, 1, 0, 0]
    assert planned_share(series, np.array([1, 8, 10, 3])).tolist() == [0, 0.5, 0.2, 0]


def test_a_promotion_planned_for_later_is_seen_by_the_windows_it_touches():
    series = series_of(shelf_of_four(), D)
    cover, offsets = np.array([2, 2, 2, 2]), np.array([0, 3, 5, 5])
    assert planned_share(series, cover, offsets).tolist() == [0, 0.5, 1, 0]
