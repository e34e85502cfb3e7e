"""Does a calendar say of each product's day what its file says, the narrower before the wider?"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from domain.events import ProductKey
from forecaster.days_ahead import known_of_windows
from forecaster.known_ahead import (
    NO_CALENDAR,
    UnreadableCalendar,
    calendar_of,
    load_calendar,
    read_calendar,
    save_calendar,
)
from forecaster.periods import Periods

FIRST = 14_000  # 2008-05-01
MUG, NORTH = ProductKey("mug"), ProductKey("mug", "north")


def day(number: int) -> str:
    return str(np.datetime64(FIRST + number, "D"))


def test_the_narrower_scope_speaks_before_the_wider():
    rows = [
        {"date": day(0), "price": 5, "promotion": 0},
        {"date": day(0), "location_id": "north", "price": 4, "promotion": 1},
        {"date": day(0), "product_id": "mug", "location_id": "north", "price": 3},
        {"date": day(1), "price": 6, "promotion": 0},
    ]
    calendar = calendar_of(pd.DataFrame(rows))
    keys = [ProductKey("jug"), ProductKey("jug", "north"), MUG, NORTH]
    np.testing.assert_array_equal(calendar.numbers("price", keys, FIRST, 2), [[5, 6], [4, 6], [5, 6], [3, 6]])
    np.testing.assert_array_equal(calendar.numbers("promotion", keys, FIRST, 2)[:, 0], [0, 1, 0, 1])
    assert np.isnan(calendar.numbers("price", keys, FIRST - 5, 5)).all(), "what is not said is not known"


def test_text_names_events_and_what_is_said_of_every_day_is_none(tmp_path):
    path = tmp_path / "calendar.csv"
    lines = [f"{day(n)},{'Easter' if n == 3 else ''},day {n % 7},{n + 100}" for n in range(10)]
    path.write_text("date,event,weekday,week\n" + "\n".join(lines) + "\n")
    calendar = read_calendar(path)
    assert (calendar.events, calendar.columns) == (("Easter",), ()), "a number that only rises is a clock"
    assert calendar.event_codes([MUG], FIRST, 6).tolist() == [[0, 0, 0, 1, 0, 0]]


def test_columns_of_regions_speak_for_the_locations_that_bear_their_name():
    table = pd.DataFrame({"date": [day(n) for n in range(4)], "snap_CA": [0, 1, 1, 0], "snap_TX": [1, 0, 0, 1]})
    calendar = calendar_of(table)
    keys = [ProductKey("food", "CA_1"), ProductKey("food", "TX_2"), ProductKey("food", "CAB"), ProductKey("TX|food")]
    said = calendar.numbers("snap", keys, FIRST, 4)
    assert calendar.columns == ("snap",)
    assert said[[0, 1, 3]].tolist() == [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]]
    assert np.isnan(said[2]).all()


def test_a_calendar_is_read_again_as_it_was_saved(tmp_path):
    rows = {
        "date": [day(0), day(2), day(1), day(3)],
        "location_id": ["north", None, None, None],
        "event": ["Fair", None, "Easter", None],
        "price": [1.5, None, 2.0, 2.0],
        "flag_A": [0, 1, 0, 0],
        "flag_B": [1, 0, 0, 0],
    }
    calendar = calendar_of(pd.DataFrame(rows))
    save_calendar(calendar, tmp_path / "calendar.json")
    again = load_calendar(tmp_path / "calendar.json")
    assert (again.columns, again.events, again.regions) == (calendar.columns, calendar.events, calendar.regions)
    for name in ("price", "flag"):
        one, other = (each.numbers(name, [MUG, NORTH], FIRST, 4) for each in (calendar, again))
        np.testing.assert_array_equal(one, other)
    one, other = (each.event_codes([MUG, NORTH], FIRST, 4) for each in (calendar, again))
    assert one.tolist() == other.tolist() == [[0, 1, 0, 0], [2, 1, 0, 0]]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("c.csv", "event\nEaster\n", "lacks a column date"),
        ("c.csv", "date,event\nsoon,Easter\n", "1 rows have no date"),
        ("c.parquet", "not parquet", "c.parquet"),
        ("missing.csv", None, "missing.csv"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused_by_name(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnreadableCalendar, match=reason):
        read_calendar(path)


def test_formats_of_a_calendar_say_the_same(tmp_path):
    table = pd.DataFrame({"date": [day(n) for n in range(3)], "event": [None, "Fair", None], "price": [3.0, 2.5, 3.0]})
    table.to_csv(tmp_path / "c.csv", index=False)
    table.to_parquet(tmp_path / "c.parquet")
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps(row) for row in table.to_dict("records")))
    read = [read_calendar(tmp_path / f"c.{kind}") for kind in ("csv", "parquet", "jsonl")]
    assert {(each.columns, each.events) for each in read} == {(("price",), ("Fair",))}
    for each in read:
        assert each.numbers("price", [MUG], FIRST, 3).tolist() == [[3.0, 2.5, 3.0]]


def test_a_window_has_the_mean_of_its_days_and_a_day_its_event_and_the_nearest_ones():
    dates = [day(n) for n in range(-28, 40)]
    events = ["Fair" if n in (2, 9) else None for n in range(-28, 40)]
    calendar = calendar_of(pd.DataFrame({"date": dates, "price": [2.0] * 28 + [4.0] * 40, "event": events}))
    begins, lengths = np.array([[0, 2, 4, 0]]), np.array([[1, 1, 1, 10]])
    found = known_of_windows(calendar, [MUG], Periods(), FIRST, begins, lengths)
    assert found["ahead_price"].tolist() == [[4, 4, 4, 4]]
    assert found["past_price"].tolist() == [[2, 2, 2, 2]]
    assert found["event"].tolist() == [[0, 1, 0, 0]]
    assert found["days_to_event"].tolist() == [[2, 7, 5, 15]]
    assert found["days_since_event"].tolist() == [[15, 15, 2, 15]]
    assert found["events"].tolist() == [[0, 1, 0, 0.2]]
    assert known_of_windows(NO_CALENDAR, [MUG], Periods(), FIRST, begins, lengths) == {}


def test_ids_that_a_gap_has_made_floats_are_the_sales_ids(tmp_path):
    """pandas writes whole numbers with a gap as floats."""
    days = pd.to_datetime(["2024-03-01", "2024-03-02"])
    told = pd.DataFrame({"date": days, "location_id": [7.0, None], "promotion": [1, 1]})
    whole = told.assign(location_id=["7", None])
    told.to_parquet(tmp_path / "floats.parquet")
    whole.to_parquet(tmp_path / "text.parquet")
    assert read_calendar(tmp_path / "floats.parquet") == read_calendar(tmp_path / "text.parquet")
