"""A snapshot says what a real worker's state says, and a second one of the day replaces the first."""

from __future__ import annotations

import datetime as dt

import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from fakes.clock import NOW, TODAY
from fakes.examples import ODD_KEYS, sale, state_after
from snapshot_shop import A_DAY, COSTED, OATS, PRICES, SALT, TEA, WEEK, days_of, rows, snapshot, worked

from domain.drift import DAYS_A_WEEK
from domain.folding import fold
from domain.policy import FORECAST_DAYS
from domain.shortfall import expected_shortfall
from handlers.announcements import iso_day
from handlers.ports import Change, Committed
from worker.snapshots.parquet import ARROW
from worker.snapshots.tables import (
    ACCURACY,
    FORECAST_WEEKS,
    INVENTORY,
    INVENTORY_NOW,
    REORDERS,
    STOCKOUTS,
    TABLES,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def settings(aws, tmp_path):
    return await worked(aws, tmp_path)


def by_product(found):
    return {(row["product_id"], row["location_id"]): row for row in found}


def date(day):
    return dt.date.fromisoformat(iso_day(day))


async def test_every_product_stands_in_the_inventory_as_its_state_and_the_shop_say(aws, settings, truth, tmp_path):
    counted = await snapshot(aws, settings, tmp_path)
    states = await truth.load(list(PRICES))
    found = by_product(rows(tmp_path, INVENTORY, TODAY))
    assert counted["inventory"] == len(found) == len(PRICES)
    for key, state in states.items():
        row = found[key]
        assert row["on_day"] == date(TODAY)
        assert (row["sold_28_days"], row["on_order"]) == (28 * A_DAY, state.on_order)
        assert row["position"] == row["on_hand"] + state.on_order
        (period,) = [mean for days, mean, _ in state.forecast.totals if days == FORECAST_DAYS]
        assert row["daily_demand"] == pytest.approx(period / FORECAST_DAYS)
        assert row["cover_days"] == pytest.approx(row["on_hand"] / row["daily_demand"])
        assert (row["forecast_on"], row["forecast_source"]) == (date(state.forecast.as_of), "fallback")
        assert (row["category"], row["supplier"]) == ("hot", "acme")
    assert [found[key]["band"] for key in (TEA, OATS, COSTED)] == ["out", "excess", "low"]
    assert [found[key]["is_out"] for key in (TEA, OATS, COSTED)] == [1, 0, 0]
    assert [found[key]["is_excess"] for key in (TEA, OATS, COSTED)] == [0, 1, 0]
    # What was ordered brings the position to the target, less what an empty shelf loses: nothing is due any more.
    assert found[TEA]["target"] > found[TEA]["position"] > found[TEA]["reorder_point"]
    assert {row["is_due"] for row in found.values()} == {0}


async def test_the_newest_snapshot_stands_apart_as_well(aws, settings, tmp_path):
    await snapshot(aws, settings, tmp_path, today=TODAY - 1)
    await snapshot(aws, settings, tmp_path)
    assert rows(tmp_path, INVENTORY_NOW) == rows(tmp_path, INVENTORY, TODAY)
    assert days_of(tmp_path, INVENTORY) == [iso_day(TODAY - 1), iso_day(TODAY)]


async def test_money_is_told_only_where_prices_and_costs_are_known(aws, settings, tmp_path):
    await snapshot(aws, settings, tmp_path)
    found = by_product(rows(tmp_path, INVENTORY, TODAY))
    assert {key: found[key]["price_minor"] for key in PRICES} == {TEA: 250, SALT: None, OATS: 100, COSTED: 400}
    assert {key: found[key]["unit_cost_minor"] for key in PRICES} == {TEA: None, SALT: None, OATS: None, COSTED: 150}
    assert found[COSTED]["stock_value_minor"] == 150
    assert found[TEA]["stock_value_minor"] is None
    short = by_product(rows(tmp_path, STOCKOUTS, TODAY))
    assert short[SALT]["missing_revenue_minor"] is None
    assert short[TEA]["missing_revenue_minor"] == pytest.approx(short[TEA]["missing_units"] * 250)
    assert short[TEA]["missing_margin_minor"] is None
    assert short[COSTED]["missing_margin_minor"] == pytest.approx(short[COSTED]["missing_units"] * 250)


async def test_a_stock_out_costs_what_a_day_s_demand_is_expected_to_miss(aws, settings, truth, tmp_path):
    await snapshot(aws, settings, tmp_path)
    states = await truth.load(list(PRICES))
    short = by_product(rows(tmp_path, STOCKOUTS, TODAY))
    assert set(short) == {TEA, SALT, COSTED}  # there are oats for years
    ((_, mean, dispersion),) = [total for total in states[COSTED].forecast.totals if total[0] == 1]
    assert short[COSTED]["missing_units"] == pytest.approx(float(expected_shortfall(1, mean, dispersion)))
    ((_, mean, _),) = [total for total in states[TEA].forecast.totals if total[0] == 1]
    assert short[TEA]["missing_units"] == pytest.approx(mean)
    assert short[TEA]["next_arrival_on"] == date(states[TEA].open_orders[0].expected_on)


async def test_every_order_stands_under_the_day_it_was_decided_on(aws, settings, truth, tmp_path):
    await snapshot(aws, settings, tmp_path)
    states = await truth.load(list(PRICES))
    found = by_product(rows(tmp_path, REORDERS, TODAY))
    assert set(found) == {TEA, SALT, COSTED}
    for key, row in found.items():
        (order,) = states[key].open_orders
        assert row["quantity"] == order.quantity == row["outstanding"] > 0
        assert (row["status"], row["why"], row["is_overdue"]) == ("requested", "ordered", 0)
        assert (row["requested_on"], row["expected_on"]) == (date(TODAY), date(order.due_on))
        assert abs(
            row["decided_at"] - dt.datetime.fromtimestamp(NOW / 1000, dt.UTC).replace(tzinfo=None)
        ) < dt.timedelta(minutes=5)
    assert found[COSTED]["value_minor"] == 150 * found[COSTED]["quantity"]
    assert found[TEA]["value_minor"] is None


async def test_what_becomes_of_an_order_is_written_again_under_its_day(aws, settings, truth, tmp_path):
    state = (await truth.load([TEA]))[TEA]
    (order,) = state.open_orders
    received = order.after_receipt("ab" * 16, 5, TODAY + 3)
    assert await truth.commit([change(state._replace(open_orders=(received,)))]) == [Committed.YES]
    late = order.due_on + 1
    await snapshot(aws, settings, tmp_path, today=late)
    row = by_product(rows(tmp_path, REORDERS, TODAY))[TEA]
    assert (row["status"], row["received"], row["is_overdue"]) == ("partly_received", 5, 1)
    assert row["outstanding"] == order.quantity - 5
    state = (await truth.load([TEA]))[TEA]
    await truth.commit([change(state._replace(open_orders=()))])
    await snapshot(aws, settings, tmp_path, today=late)
    row = by_product(rows(tmp_path, REORDERS, TODAY))[TEA]
    assert (row["status"], row["outstanding"], row["received"]) == ("settled", 0, None)


def change(state):
    return Change(state._replace(version=state.version + 1), (), ())


async def test_a_promised_week_stands_beside_what_sold_and_late_sales_change_it(aws, settings, truth, tmp_path):
    await snapshot(aws, settings, tmp_path)
    (row,) = rows(tmp_path, FORECAST_WEEKS, WEEK * DAYS_A_WEEK)
    assert (row["product_id"], row["week_on"], row["days"]) == ("tea", date(WEEK * DAYS_A_WEEK), 7)
    assert (row["sold"], row["forecast"], row["baseline"]) == (21, 20.0, 24.0)
    assert (row["error"], row["baseline_error"], row["covered"]) == (1.0, 3.0, 1.0)
    state = (await truth.load([TEA]))[TEA]
    folded = fold(state, [sale(TEA, "late", 4, WEEK * DAYS_A_WEEK + 2)], NOW)
    await truth.commit([Change(folded.state, folded.written, folded.dropped)])
    await snapshot(aws, settings, tmp_path)
    (row,) = rows(tmp_path, FORECAST_WEEKS, WEEK * DAYS_A_WEEK)
    assert (row["sold"], row["error"], row["covered"]) == (25, 5.0, 0.5)


async def test_the_scores_of_a_week_are_those_that_the_workers_judged_by(aws, settings, tmp_path):
    await snapshot(aws, settings, tmp_path)
    found = {row["category"]: row for row in rows(tmp_path, ACCURACY, WEEK * DAYS_A_WEEK)}
    assert set(found) == {"(all)", "hot"}
    assert (found["hot"]["sold"], found["hot"]["error"], found["hot"]["baseline_error"]) == (21, 1, 3)
    assert (found["hot"]["on_baseline"], found["(all)"]["on_baseline"]) == (1, 0)


async def test_a_day_taken_twice_is_there_once_and_older_days_stay(aws, settings, tmp_path):
    first = await snapshot(aws, settings, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    assert await snapshot(aws, settings, tmp_path) == first
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    assert len(days_of(tmp_path, REORDERS)) == 36  # of the 35 days before too, and empty
    await snapshot(aws, settings, tmp_path, today=TODAY + 40)
    assert len(by_product(rows(tmp_path, REORDERS, TODAY))) == 3
    assert rows(tmp_path, REORDERS, TODAY + 40) == []


async def test_a_product_that_a_newer_version_wrote_is_left_out_and_told(aws, settings, tmp_path):
    item = {"pk": {"S": "P#newer"}, "sk": {"S": "H"}, "schema": {"N": "99"}}
    await aws.clients.dynamodb.put_item(TableName=settings.state_table, Item=item)
    counted = await snapshot(aws, settings, tmp_path)
    assert counted["inventory"] == len(PRICES)


async def test_every_file_has_the_columns_and_types_of_its_table(aws, settings, tmp_path):
    await snapshot(aws, settings, tmp_path)
    for table in TABLES:
        for path in (tmp_path / table.name).rglob("*.parquet"):
            schema = pq.read_schema(path)
            assert [(field.name, field.type) for field in schema] == [(c.name, ARROW[c.kind]) for c in table.columns]


async def test_a_product_never_decided_has_no_forecast_and_no_threshold(aws, settings, truth, tmp_path):
    state = (await truth.load([TEA]))[TEA]
    fresh = state._replace(key=state.key._replace(product_id="fresh"), version=1, forecast=None, open_orders=())
    await truth.commit([Change(fresh, (), ())])
    await snapshot(aws, settings, tmp_path)
    row = by_product(rows(tmp_path, INVENTORY, TODAY))["fresh", None]
    unknown = ("band", "on_hand", "position", "reorder_point", "daily_demand", "cover_days", "forecast_on")
    assert {name: row[name] for name in unknown} == dict.fromkeys(unknown)
    assert ("fresh", None) not in by_product(rows(tmp_path, STOCKOUTS, TODAY))


async def test_products_of_any_name_stand_there_once_and_what_is_no_product_does_not(aws, settings, truth, tmp_path):
    await truth.commit([Change(state_after(key, 1, 2)._replace(version=1), (), ()) for key in ODD_KEYS])
    for pk, sk in (("X#1", "H"), ("Q#1", "O#1")):
        item = {"pk": {"S": pk}, "sk": {"S": sk}, "decided_at": {"N": str(NOW)}}
        await aws.clients.dynamodb.put_item(TableName=settings.state_table, Item=item)
    counted = await snapshot(aws, settings, tmp_path)
    assert counted["inventory"] == len(PRICES) + len(ODD_KEYS)
    assert set(by_product(rows(tmp_path, INVENTORY, TODAY))) == {*PRICES, *ODD_KEYS}
