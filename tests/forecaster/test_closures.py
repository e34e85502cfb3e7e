"""Is a day on which the shop is shut no demand, and no forecast?"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from conftest import FIRST_DAY, QUICK

from forecaster.ahead import forecast_ahead, forecast_windows
from forecaster.closures import closures_of, with_closures
from forecaster.dataset import SALES_COLUMNS, Panel, panel_of
from forecaster.fitting import Trained, train
from forecaster.known_ahead import Calendar, calendar_of
from forecaster.model import DemandModel

DAYS = 200


def event_of(day: int) -> str | None:
    """A holiday and a fair each forty days."""
    return {7: "Holiday", 20: "Fair"}.get(day % 40)


def shut(day: int) -> bool:
    """On every holiday, on one of the fairs, and on Sundays."""
    sunday = (FIRST_DAY + day + 3) % 7 == 6
    return sunday or event_of(day) == "Holiday" or day == 60


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    dates = [str(np.datetime64(FIRST_DAY + day, "D")) for day in range(DAYS + 60)]
    return calendar_of(pd.DataFrame({"date": dates, "event": [event_of(day) for day in range(DAYS + 60)]}))


@pytest.fixture(scope="module")
def panel() -> Panel:
    draw = np.random.default_rng(3)
    rows = [
        (f"p{n}", None, FIRST_DAY + day, 0 if shut(day) else int(draw.poisson(10 + n)), 0, False)
        for n in range(8)
        for day in range(DAYS)
    ]
    sales = pd.DataFrame(rows, columns=list(SALES_COLUMNS)).astype({"product_id": "str"})
    return panel_of(sales, FIRST_DAY + DAYS)


@pytest.fixture(scope="module")
def model(panel: Panel, calendar: Calendar) -> Trained:
    return train(panel, QUICK, calendar)


def test_an_event_without_sales_each_time_is_a_closure_and_a_weekday_is_none(panel, calendar):
    assert closures_of(panel, calendar) == ("Holiday",)
    closed = with_closures(panel, calendar, ("Holiday",))
    assert np.flatnonzero(closed.censored.all(axis=0)).tolist() == [day for day in range(DAYS) if day % 40 == 7]
    assert not panel.censored.any(), "the panel itself is as it was"


def test_weeks_and_shops_without_a_calendar_have_no_closures(panel, calendar):
    assert closures_of(panel, calendar_of(pd.DataFrame({"date": ["2008-05-01"], "price": [1.0]}))) == ()
    assert with_closures(panel, calendar, ()) is panel


def test_nothing_is_forecast_for_a_closure_and_a_longer_window_has_a_day_less(panel, calendar, model):
    assert model.model.closures == ("Holiday",)
    days = forecast_ahead(model.model, panel, panel.until, 14, calendar)
    holiday = next(h for h in range(14) if event_of(DAYS + h) == "Holiday")
    assert days.quantiles((0.99,))[:, holiday].max() == 0
    weekday = [h for h in range(14) if not shut(DAYS + h)]
    assert days.mean[:, weekday].min() > 5
    (week,) = forecast_windows(model.model, panel, panel.until, np.array([[holiday - 3, 7]])).mean.T
    usual = np.arange(10, 18)
    assert (week < 5.6 * usual).all(), "five days are open in the week with the holiday"
    assert (week > 4.0 * usual).all()


def test_closures_are_stored_with_the_model(model, tmp_path):
    model.model.save(tmp_path)
    assert json.loads((tmp_path / "meta.json").read_text())["closures"] == ["Holiday"]
    assert DemandModel.load(tmp_path).closures == ("Holiday",)
