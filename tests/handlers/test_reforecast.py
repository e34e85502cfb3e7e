"""A forecast is asked for when what it is computed from has changed, and somebody always answers."""

from __future__ import annotations

import pytest
from fakes.clock import NOW, TODAY
from fakes.examples import A, B, C, sale
from fakes.faults import Fault

from domain.events import StockChanged
from domain.product import StockLevel
from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.reforecast import FALLBACK, MODEL


def sold(*keys, quantity=3, name="e"):
    return [sale(key, f"{name}-{key}-{age}", quantity, TODAY - age) for key in keys for age in range(1, 20)]


async def test_the_dirty_are_assessed_with_the_shops_stock_and_the_models_forecast(deciding):
    dirty = await deciding.sold(*sold(A, B))
    deciding.inventory.put(A, 40, NOW, lead_time_days=3)
    a, b = sorted(await deciding.assessed(*dirty), key=lambda a: a.snapshot.key.product_id)
    assert (a.stock, a.terms.lead_time_days, a.forecast.source) == (StockLevel(40, NOW), 3, MODEL)
    assert (b.stock, b.terms.lead_time_days) == (None, 7)
    assert a.forecast.as_of == TODAY
    assert [t.cover_days for t in a.forecast.totals] == [1, 4, 28]
    assert [t.cover_days for t in b.forecast.totals] == [1, 8, 28]
    assert 0 < a.reorder_point < b.reorder_point


async def test_what_is_not_dirty_is_not_assessed(deciding):
    await deciding.sold(*sold(A))
    await deciding.decided(A)
    said, _ = await deciding.reforecast([A, B])
    assert said == []
    assert len(deciding.forecaster.asked) == 1


async def test_a_forecast_is_kept_while_nothing_it_is_computed_from_has_changed(deciding, metrics):
    await deciding.sold(*sold(A, B))
    first, _ = await deciding.assessed(A, B)
    await deciding.decided(A, B)
    # Today's sales lie after the windows: dirty again, but the same forecast.
    await deciding.sold(sale(A, "today", 5, TODAY), sale(B, "more", 1, TODAY - 1))
    again = {a.snapshot.key: a for a in await deciding.assessed(A, B)}
    assert deciding.forecaster.asked[2:] == [[B]]
    assert again[A].forecast == first.forecast


@pytest.mark.parametrize("change", ["day", "terms", "sale"])
async def test_a_forecast_is_asked_for_anew_when_its_inputs_change(deciding, change):
    await deciding.sold(*sold(A))
    await deciding.decided(A)
    await deciding.sold(sale(A, "again", 1, TODAY - 3 if change == "sale" else TODAY))
    if change == "day":
        deciding.today += 1
    if change == "terms":
        deciding.inventory.put(A, 4, NOW, lead_time_days=9)
    await deciding.assessed(A)
    assert deciding.forecaster.asked == [[A], [A]]


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.OVERLOADED, Fault.MISCONFIGURED])
async def test_when_the_model_is_away_the_baseline_answers_and_says_so(deciding, faults, metrics, fault):
    await deciding.sold(*sold(A, B))
    faults.plan("forecast", fault)
    placed = await deciding.decided(A, B)
    assert {record.forecast.source for record in placed.forecasts} == {FALLBACK}
    assert (metrics[Metric.FORECASTS_FALLBACK], metrics[Metric.FORECASTS_MODEL]) == (2, 0)
    # At the next chance the model is asked again, though nothing has changed.
    await deciding.sold(sale(A, "today", 5, TODAY))
    [again] = await deciding.assessed(A)
    assert again.forecast.source == MODEL


async def test_the_baseline_answers_for_those_the_model_left_out(deciding, metrics):
    await deciding.sold(*sold(A, B, C))
    deciding.forecaster.absent = {B}
    said = {a.snapshot.key: a.forecast.source for a in await deciding.assessed(A, B, C)}
    assert said == {A: MODEL, B: FALLBACK, C: MODEL}
    assert (metrics[Metric.FORECASTS_FALLBACK], metrics[Metric.FORECASTS_MODEL]) == (1, 2)
    assert metrics[Metric.FORECAST_CALLS] == 1


async def test_a_batch_goes_to_the_model_in_one_call(deciding):
    keys = [replace_id(A, n) for n in range(50)]
    await deciding.sold(*(sale(key, "e", 1, TODAY - 1) for key in keys))
    await deciding.assessed(*keys)
    assert [len(asked) for asked in deciding.forecaster.asked] == [50]


def replace_id(key, n):
    return key._replace(product_id=f"p{n}")


@pytest.mark.parametrize(("fault", "error"), [(Fault.BEFORE, TransientFailure), (Fault.MISCONFIGURED, Misconfigured)])
async def test_without_the_shops_stock_nothing_is_assessed(deciding, faults, fault, error):
    await deciding.sold(*sold(A))
    faults.plan("read", fault)
    with pytest.raises(error):
        await deciding.assessed(A)
    assert deciding.store.at(A).dirty


@pytest.mark.parametrize(("read_at", "told_at", "level"), [(5, 4, 10), (5, 6, 99), (5, 5, 10)])
async def test_the_newer_of_the_table_and_the_event_is_the_stock(deciding, read_at, told_at, level):
    deciding.inventory.put(A, 10, read_at)
    await deciding.sold(*sold(A), StockChanged(A, "count", told_at, 99))
    [assessment] = await deciding.assessed(A)
    assert assessment.stock.level == level


async def test_a_record_without_a_level_is_unknown_stock(deciding):
    deciding.inventory.put(A, None, NOW, pack_size=12)
    await deciding.sold(*sold(A))
    [assessment] = await deciding.assessed(A)
    assert (assessment.stock, assessment.terms.pack_size) == (None, 12)


async def test_assessing_changes_nothing(deciding):
    await deciding.sold(*sold(A))
    before = deciding.store.at(A)._replace()
    await deciding.assessed(A)
    assert deciding.store.at(A) == before
    assert len(deciding.store.commits) == 1
