"""The settings that a lever names lead to the batches that it is reckoned for."""

import re

import pytest

from worker.cost.levers import LINGER_MAX_S, VISIBILITY_MAX_S, levers, settings_for
from worker.cost.measured import shipped_runs
from worker.cost.rates import Asked, batch_of
from worker.cost.reckoning import reckon
from worker.settings import Settings

RUNS = shipped_runs()


def having(**values):
    return Settings.model_validate({**Settings.model_construct().model_dump(), **values})


def named(text):
    """The settings in a text, as the worker would read them."""
    return having(**{name.lower(): value for name, value in re.findall(r"RESTOCK_(\w+)=(\d+)", text)})


@pytest.mark.parametrize("sales", [700, 3_500, 40_000])
@pytest.mark.parametrize("a_message", [1, 10])
def test_the_settings_for_a_batch_make_batches_of_that_size(sales, a_message):
    asked = Asked(events_per_day=10_000_000, sales_per_message=a_message)
    assert batch_of(asked, named(settings_for(sales, asked))) == pytest.approx(sales, rel=0.05)


def test_where_messages_come_too_rarely_it_says_so():
    rare = Asked(events_per_day=100_000, sales_per_message=10)
    said = settings_for(40_000, rare)
    assert "which may not be set" in said
    assert named(said).batch_linger_s == LINGER_MAX_S
    assert batch_of(rare, named(said)) < 40_000
    assert "which may not be set" not in settings_for(40_000, Asked(events_per_day=10_000_000))


def test_a_lever_that_is_pulled_already_is_not_named():
    asked = Asked(batch_sales=42_000, provisioned=True, arm=True, sales_per_message=100)
    patient = having(insights_per_hour=2, bedrock_model="", visibility_timeout_s=VISIBILITY_MAX_S)
    assert levers(reckon(asked, patient, RUNS, None)) == []


def test_the_dearest_comes_first_and_what_saves_next_to_nothing_is_left_out():
    found = levers(reckon(Asked(), having(), RUNS, None))
    assert [lever.saved for lever in found] == sorted((lever.saved for lever in found), reverse=True)
    names = [lever.name for lever in found]
    assert {"fewer insights", "a small model", "provisioned capacity", "batches of 5 min"} <= set(names)
    assert "a longer visibility timeout" not in names  # nothing waits long enough for a renewal
    hourly = levers(reckon(Asked(batch_sales=42_000), having(), RUNS, None))
    assert "a longer visibility timeout" in [lever.name for lever in hourly]
