"""How long do suppliers take, and does it still agree with what is planned?

Receipts are collected and added to a histogram of each supplier now and then. It serves a statistic: what a crash
loses before it was added is not missed, and nothing that is counted depends on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import structlog

from domain.lead_times import LeadTimes, bucket_days
from domain.ordering import Arrival
from domain.policy import SupplyTerms
from handlers.current_rules import CurrentRules
from handlers.metrics import Metric
from handlers.order_ports import LeadTimeBook
from handlers.ports import Metrics

log = structlog.get_logger()

SUPPLIERS_MAX = 1_000  # of which receipts wait to be added


class LearnLeadTimes:
    def __init__(self, book: LeadTimeBook, current: CurrentRules, terms: SupplyTerms, metrics: Metrics) -> None:
        self._book = book
        self._current = current
        self._terms = terms
        self._metrics = metrics
        self._seen: dict[str, Counter[int]] = {}
        self._drifting: set[str] = set()

    def note(self, arrivals: Sequence[Arrival]) -> None:
        """Remembers receipts of named suppliers until they are added."""
        for arrival in arrivals:
            known = arrival.supplier in self._seen
            if arrival.supplier and (known or len(self._seen) < SUPPLIERS_MAX):
                self._seen.setdefault(arrival.supplier, Counter())[bucket_days(arrival.days)] += 1

    async def __call__(self) -> None:
        """Adds what was noted, and learns what all workers have seen of the suppliers that the rules name."""
        seen, self._seen = self._seen, {}
        if seen:
            await self._book.add({supplier: LeadTimes(days) for supplier, days in seen.items()})
        suppliers = list(self._current.rules.suppliers)
        if suppliers:
            self._learn(await self._book.read(suppliers))

    def _learn(self, known: dict[str, LeadTimes]) -> None:
        planned = {supplier: times.planned_days() for supplier, times in known.items()}
        self._current.learned = {supplier: days for supplier, days in planned.items() if days is not None}
        drifting = set()
        for supplier, times in known.items():
            expected = self._expected_days(supplier)
            drift = times.drift_days(expected)
            if drift is None:
                continue
            drifting.add(supplier)
            self._metrics.observe(Metric.LEAD_TIME_DRIFT, 100 * drift / max(1, expected))
            if supplier not in self._drifting:
                mean = round(times.mean_days, 1)
                log.warning("lead_time.drifted", supplier=supplier, expected_days=expected, mean_days=mean)
        self._drifting = drifting

    def _expected_days(self, supplier: str) -> int:
        """What was agreed with a supplier."""
        rules = self._current.rules
        said = rules.suppliers[supplier].lead_time_days
        said = said if said is not None else rules.defaults.lead_time_days
        return said if said is not None else self._terms.lead_time_days
