"""A supplier's lead time is what its receipts show, whoever saw them; a drift is told of when it begins."""

from __future__ import annotations

from fakes.order_books import InMemoryLeadTimes

from domain.buying import Rule, RuleSet
from domain.lead_times import DAYS_MAX, ENOUGH, LeadTimes, merged
from domain.ordering import Arrival
from domain.policy import SupplyTerms
from handlers.current_rules import CurrentRules
from handlers.learn_lead_times import LearnLeadTimes
from handlers.metrics import Metric

RULES = RuleSet("d", suppliers={"acme": Rule(lead_time_days=7), "other": Rule()})


def learning(metrics, book=None):
    current = CurrentRules(RULES)
    return LearnLeadTimes(book or InMemoryLeadTimes(), current, SupplyTerms(), metrics), current


def arrivals(supplier, *days):
    return [Arrival(supplier, each, 7) for each in days]


async def test_what_two_workers_saw_is_one_distribution(metrics):
    book = InMemoryLeadTimes()
    (one, current), (other, _) = learning(metrics, book), learning(metrics, book)
    one.note(arrivals("acme", *[6] * 12))
    other.note(arrivals("acme", *[8] * 8))
    await other()
    assert current.learned == {}
    await one()
    assert await book.read(["acme"]) == {"acme": LeadTimes({6: 12, 8: 8})}
    assert current.learned == {"acme": 8}
    await one()
    assert (await book.read(["acme"]))["acme"].total == 20, "nothing is added twice"


async def test_a_supplier_that_takes_longer_than_agreed_is_told_of(metrics):
    learn, current = learning(metrics)
    learn.note(arrivals("acme", *[14] * ENOUGH) + arrivals("other", *[7] * ENOUGH) + arrivals("", 99))
    await learn()
    assert metrics.observed[Metric.LEAD_TIME_DRIFT] == [100.0]
    assert current.learned == {"acme": 14, "other": 7}


def test_too_few_receipts_show_nothing():
    few = LeadTimes({30: ENOUGH - 1})
    assert (few.planned_days(), few.drift_days(7)) == (None, None)


def test_a_distribution_by_hand():
    times = LeadTimes({5: 10, 7: 6, 20: 4})
    assert times.mean_days == (50 + 42 + 80) / 20
    assert [times.quantile_days(share) for share in (0.5, 0.8, 0.81)] == [5, 7, 20]
    assert (times.planned_days(), times.drift_days(8), times.drift_days(6)) == (7, None, 8.6 - 6)
    assert merged(times, LeadTimes({DAYS_MAX: 1, 5: 1})) == LeadTimes({5: 11, 7: 6, 20: 4, DAYS_MAX: 1})
