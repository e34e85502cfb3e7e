"""A configuration that cannot work is refused with the relation it breaks."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from domain.policy import SupplyTerms
from worker.process import read_settings
from worker.settings import Settings


def test_the_defaults_work():
    assert Settings().terms == SupplyTerms()


def test_settings_are_read_from_restock_variables_and_frozen(monkeypatch):
    monkeypatch.setenv("RESTOCK_QUEUE_NAME", "mine.fifo")
    monkeypatch.setenv("RESTOCK_METRICS_PRODUCTS", '["A","B#1"]')
    monkeypatch.setenv("RESTOCK_UNKNOWN", "x")
    settings = read_settings()
    assert (settings.queue_name, settings.metrics_products) == ("mine.fifo", ("A", "B#1"))
    with pytest.raises(ValidationError):
        settings.queue_name = "other"


@pytest.mark.parametrize(
    ("said", "relation"),
    [
        ({"visibility_timeout_s": 90}, "visibility_timeout_s must exceed commit_deadline_s"),
        ({"visibility_timeout_s": 120, "commit_deadline_s": 60}, "visibility_timeout_s must exceed"),
        ({"pollers": 21, "messages_in_flight": 200}, "messages_in_flight must be at least 10 x pollers"),
        ({"pollers": 2, "messages_in_flight": 10}, "messages_in_flight must be at least 10 x pollers"),
        (
            {"pollers": 2, "queue_partitions": 20, "messages_in_flight": 200},
            r"at least 10 x \(pollers \+ queue_partitions - 1\).*200 < 10 x 21",
        ),
        ({"drain_timeout_s": 20, "long_poll_s": 20}, "drain_timeout_s must exceed long_poll_s"),
    ],
)
def test_a_relation_that_cannot_hold_is_refused(said, relation):
    with pytest.raises(ValidationError, match=relation):
        Settings(**said)


def test_the_edges_of_the_relations_are_accepted():
    Settings(visibility_timeout_s=91)
    Settings(pollers=20, messages_in_flight=200)
    Settings(pollers=2, queue_partitions=19, messages_in_flight=200)
    Settings(pollers=2, queue_partitions=64, messages_in_flight=480)


@pytest.mark.parametrize(
    ("name", "partitions", "queues"),
    [
        ("sales", 1, ("sales",)),
        ("sales.fifo", 1, ("sales.fifo",)),
        ("sales", 3, ("sales-0", "sales-1", "sales-2")),
        ("sales.fifo", 2, ("sales-0.fifo", "sales-1.fifo")),
    ],
)
def test_the_partitions_of_a_queue_are_queues_with_a_number(name, partitions, queues):
    assert Settings(queue_name=name, queue_partitions=partitions).queue_names == queues


@pytest.mark.parametrize(("pollers", "partitions", "polls"), [(2, 1, 2), (48, 1, 48), (2, 8, 9), (4, 64, 48)])
def test_each_idle_partition_may_have_a_poll_and_connections_are_left_for_deletions(pollers, partitions, polls):
    assert Settings(pollers=pollers, queue_partitions=partitions, messages_in_flight=1_000).polls == polls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PACK_SIZE", "0"),
        ("QUEUE_PARTITIONS", "0"),
        ("QUEUE_PARTITIONS", "65"),
        ("SERVICE_LEVEL", "1"),
        ("SERVICE_LEVEL", "nan"),
        ("LONG_POLL_S", "21"),
        ("DRAIN_TIMEOUT_S", "111"),
        ("CALENDAR", "lunar"),
        ("METRICS_PRODUCTS", "A,B"),
        ("LEAD_TIME_DAYS", "soon"),
        ("CACHED_PRODUCTS", "0"),
    ],
)
def test_a_value_out_of_bounds_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"RESTOCK_{name}", value)
    with pytest.raises(ValueError, match=f"RESTOCK_{name}|{name.lower()}"):
        read_settings()


def test_every_setting_is_explained():
    assert all(field.description for field in Settings.model_fields.values())
