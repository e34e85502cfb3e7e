"""Are the factors of days found again, from what was known, and is the level freed of them?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY

from domain.events import ProductKey
from domain.features import Floats
from domain.product import product_label
from forecaster.ahead import forecast_windows
from forecaster.dataset import SALES_COLUMNS, Panel, panel_of
from forecaster.day_factors import COLUMNS, factors_of
from forecaster.day_terms import VIEWS_MAX, changes_of, views_of
from forecaster.design import columns_of, design, past_of
from forecaster.fitting import Fitting, train
from forecaster.formats import ForecastRequest, decode_request, encode_request, request_of
from forecaster.importance import weights_of
from forecaster.known_ahead import NO_CALENDAR, Calendar, calendar_of
from forecaster.lessons import lessons_of
from forecaster.likeness import likeness_of
from forecaster.memory import memory_of
from forecaster.model import DemandModel

DAYS = 1_000
NEWEST = 990  # the fair before it is over, the next one to come
LIFTS = {"Fair": 2.0, "Note": 1.0}
WEEK = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.4, 0.9])


def events() -> list[str | None]:
    """A fair each 97 days that doubles what is sold, and a day after each of them a name that changes nothing."""
    return [{4: "Fair", 5: "Note"}.get(day % 97) for day in range(DAYS + 120)]


def yearly_calendar() -> Calendar:
    dates = pd.date_range("2008-05-01", periods=DAYS + 120).astype(str)
    return calendar_of(pd.DataFrame({"date": dates, "event": events()}))


def expected(days: Floats) -> Floats:
    """Units a day of a product of level 1."""
    lifts = np.array([LIFTS.get(name or "", 1.0) for name in events()])
    return np.asarray(WEEK[(FIRST_DAY + days + 3) % 7] * lifts[days])


def chain(levels: tuple[int, ...] = (60, 90, 150, 40, 70, 200), days: int = DAYS) -> pd.DataFrame:
    draw = np.random.default_rng(11)
    rows = []
    for product, level in enumerate(levels):
        units = draw.poisson(level * expected(np.arange(days)))
        key = (f"food {product % 2}", f"CA_{product // 2}")
        rows += [(*key, FIRST_DAY + day, int(sold), 0, False) for day, sold in enumerate(units)]
    frame = pd.DataFrame(rows, columns=list(SALES_COLUMNS))
    return frame.astype({"product_id": "str", "location_id": "str"})


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(chain())


def request_at(panel: Panel, as_of: int, steps: int = 30) -> ForecastRequest:
    rows = np.arange(len(panel.products))
    items = [product_label(key) for key in panel.products]
    begins = np.tile(np.arange(steps), (len(rows), 1))
    return request_of(items, panel.series(as_of, rows), np.ones_like(begins), begins)


def test_an_event_and_the_weekdays_are_found_again(panel):
    factors = factors_of(memory_of(panel), yearly_calendar())
    as_of = FIRST_DAY + 960
    found = factors.of_windows(request_at(panel, as_of), np.arange(6))["factor"]
    truth = np.log(expected(960 + np.arange(30)))
    assert events()[960:990].count("Fair") == 1
    np.testing.assert_allclose(found - found.mean(), np.tile(truth - truth.mean(), (6, 1)), atol=0.15)


def test_a_level_freed_of_an_event_forecasts_the_days_after_it(panel):
    """The last week held a fair: its plain mean is a seventh too high, the freed one is not."""
    at = 9 * 97 + 8
    request = request_at(panel, FIRST_DAY + at)
    found = factors_of(memory_of(panel), yearly_calendar()).of_windows(request, np.arange(6))
    freed = np.exp(found["freed_4"]) * request.features[:, :1]
    sold = panel.net[:, at : at + 30].mean(axis=1)
    np.testing.assert_allclose(freed.mean(axis=1), sold, rtol=0.1)
    week = panel.net[:, at - 7 : at].mean(axis=1)
    assert (week > 1.1 * sold).all()


def test_the_freed_level_of_a_product_that_sells_no_more_is_its_level():
    """A level is never zero, and freeing it of factors must not raise what is next to nothing."""
    sales = chain()
    panel = panel_of(sales[(sales["product_id"] != "food 0") | (sales["day"] < FIRST_DAY + 900)])
    request = request_at(panel, panel.until)
    found = factors_of(memory_of(panel), yearly_calendar()).of_windows(request, np.arange(6))
    dead = request.features[:, 0] < 0.02
    assert dead.tolist() == [True] * 3 + [False] * 3
    for name in ("freed_4", "freed_7", "freed_14", "freed_28"):
        np.testing.assert_allclose(found[name][dead], found["factor"][dead], atol=1e-9)


def test_a_level_that_drifts_is_not_taken_for_what_days_have_about_them():
    """A flag that lifts demand by .3 comes the more often the higher the level has risen: half of its lift and more
    would be the level's, where days are not compared with the weeks before them."""
    draw = np.random.default_rng(9)
    days = np.arange(600)
    flag = (draw.random(600) < 0.2 + 0.6 * days / 600).astype(float)
    demand = 0.3 * flag + days / 600
    known = slice(120, None)
    centred = flag - flag.mean()
    assert (centred @ demand) / (centred @ centred) > 0.45
    terms, answers = changes_of(np.column_stack([flag, demand]))[known].T
    terms, answers = terms - terms.mean(), answers - answers.mean()
    assert (terms @ answers) / (terms @ terms) == pytest.approx(0.3, abs=0.01)


def test_what_never_changes_has_no_changes_and_a_change_is_forgotten():
    step = np.repeat([[2.0], [5.0]], [10, 400], axis=0)
    changes = changes_of(step)[:, 0]
    assert (changes[:10] == 0).all()
    assert changes[10] == pytest.approx(3)
    assert changes[10 + 28] == pytest.approx(1.5)
    assert abs(changes[-1]) < 0.001


def test_what_is_sold_from_an_origin_on_changes_none_of_its_columns():
    as_of = FIRST_DAY + 850
    sales = chain()
    later = sales.assign(quantity=sales["quantity"].where(sales["day"] < as_of, sales["quantity"] * 5 + 3))
    rows = []
    for each in (sales, later):
        panel = panel_of(each)
        past = past_of(memory_of(panel), yearly_calendar())
        columns = columns_of(past)
        assert set(COLUMNS) | {"alike_series"} <= set(columns)
        rows.append(design(request_at(panel, as_of), past, columns).rows)
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.isfinite(rows[0][:, [columns.index(name) for name in COLUMNS]]).all()


def test_a_series_that_is_not_known_and_a_day_too_far_ahead_have_no_factor(panel):
    factors = factors_of(memory_of(panel), yearly_calendar())
    request = request_at(panel, panel.until)
    known = factors.of_windows(request, np.arange(6))["factor"]
    found = factors.of_windows(request, np.array([0, -1, 2, -1, 4, 5]))["factor"]
    assert np.isnan(found[[1, 3]]).all()
    np.testing.assert_allclose(found[[0, 2, 4, 5]], known[[0, 2, 4, 5]])
    far = factors.of_windows(request_at(panel, panel.until + 420), np.arange(6))["factor"]
    assert np.isfinite(far[:, 0]).all()
    assert np.isnan(far[:, -1]).all()


def test_short_pasts_rare_sales_and_weeks_have_no_factors():
    short = panel_of(chain(days=700))
    rare = panel_of(chain(levels=(1, 1, 1)).assign(quantity=lambda sales: sales["quantity"] // 2))
    weeks = panel_of(chain(), freq="W")
    for panel in (short, rare, weeks):
        assert factors_of(memory_of(panel), NO_CALENDAR).columns() == ()
    assert factors_of(memory_of(panel_of(chain())), NO_CALENDAR).columns() == COLUMNS


def test_series_of_which_the_calendar_says_different_things_have_terms_of_their_own():
    dates = pd.date_range("2008-05-01", periods=60).astype(str)
    regional = calendar_of(pd.DataFrame({"date": dates, "snap_CA": [0, 1] * 30, "snap_TX": [1, 0] * 30}))
    keys = [ProductKey("food", location) for location in ("CA_1", "TX_1", "CA_2")]
    views = views_of(keys, regional, FIRST_DAY, 60)
    assert sorted(view.series.tolist() for view in views) == [[0, 2], [1]]
    assert not np.array_equal(views[0].terms, views[1].terms)
    rows = [
        {"date": day, "product_id": f"p{n}", "promotion": int(n == at % 20)}
        for at, day in enumerate(dates)
        for n in range(20)
    ]
    many = [ProductKey(f"p{n}") for n in range(VIEWS_MAX + 3)]
    (one,) = views_of(many, calendar_of(pd.DataFrame(rows)), FIRST_DAY, 60)
    assert one.series.tolist() == list(range(VIEWS_MAX + 3))


def test_of_many_events_only_the_day_itself_has_a_term():
    dates = pd.date_range("2008-05-01", periods=400).astype(str)
    few, many = (
        views_of([ProductKey("p")], calendar_of(pd.DataFrame({"date": dates, "event": names})), FIRST_DAY, 400)[0]
        for names in (
            [f"e{n // 9 % 3}" if n % 9 == 0 else None for n in range(400)],
            [f"e{n}" if n % 4 == 0 else None for n in range(400)],
        )
    )
    everyday = 7 + 31 + 16 + 3 * 14
    assert few.terms.shape[1] == everyday + 3 * 5
    assert many.terms.shape[1] == everyday + 100
    assert few.terms[3:15, everyday:].sum(axis=1).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_only_events_that_move_the_shop_decide_which_days_are_alike(panel):
    """The name that stands a day after each fair changes nothing, and does not hide the fair from the days between."""
    memory = memory_of(panel)
    likeness = likeness_of(memory, yearly_calendar())
    request = request_at(panel, FIRST_DAY + NEWEST - 20, steps=10)
    members = memory.members(request.items)
    found = likeness.of_days(members, request.as_of, request.begins, request.cover_days)
    fair = events()[NEWEST - 20 : NEWEST - 10].index("Fair")
    np.testing.assert_allclose(found["alike_shop"][:, fair], 2.0, rtol=0.2)
    np.testing.assert_allclose(found["alike_shop"][:, fair + 1], 1.0, rtol=0.2)


def test_the_endpoint_says_what_the_panel_says_where_days_have_factors(panel, tmp_path):
    calendar = yearly_calendar()
    model = train(panel, Fitting(rounds=10, rows_max=6_000), calendar).model
    assert set(COLUMNS) <= set(model.columns)
    windows = np.array([[0, 1], [6, 1], [0, 14], [0, 28]])
    direct = forecast_windows(model, panel, panel.until, windows)
    model.save(tmp_path)
    rows = np.arange(6)
    begins, lengths = (np.tile(windows[:, column], (6, 1)) for column in (0, 1))
    items = [product_label(key) for key in panel.products]
    request = decode_request(encode_request(request_of(items, panel.series(panel.until, rows), lengths, begins)))
    mean, dispersion = DemandModel.load(tmp_path).distributions(request)
    np.testing.assert_allclose(mean, direct.mean, rtol=1e-6)
    np.testing.assert_allclose(dispersion, direct.dispersion, rtol=1e-6)


def test_a_window_counts_by_its_products_share_over_how_restless_it_is():
    """Two products sell the same; the one that jumps four times as far from day to day counts a sixteenth."""
    days = np.arange(200)
    jumping, calm = 50 + 40 * (-1) ** days, 50 + 10 * (-1) ** days
    lines = [
        (name, None, FIRST_DAY + day, int(units[day]), 0, False)
        for name, units in (("calm", calm), ("jumping", jumping))
        for day in days
    ]
    panel = panel_of(pd.DataFrame(lines, columns=list(SALES_COLUMNS)).astype({"product_id": "str"}))
    lessons = list(lessons_of(panel, memory_of(panel), (FIRST_DAY + 100,), panel.until, 48, 1))
    weights = weights_of(lessons, panel, 2.0).reshape(2, -1)
    assert weights.mean() == pytest.approx(1)
    assert weights[0].mean() / weights[1].mean() == pytest.approx((80 / 20) ** 2, rel=0.05)
