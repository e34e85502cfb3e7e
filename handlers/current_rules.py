"""Which rules hold now?

Those that were read last and were valid. A source that says nonsense, or does not answer, changes nothing but a count
and a log line: decisions go on by the rules they had."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from domain.buying import NO_RULES, Buying, RuleSet, buying_of
from domain.policy import SupplyTerms
from domain.product import ProductState
from handlers.errors import Misconfigured, TransientFailure
from handlers.metrics import Metric
from handlers.order_ports import RulesSource
from handlers.ports import InventoryRecord, Metrics

log = structlog.get_logger()


class CurrentRules:
    """The rules, and the lead times in days that suppliers were seen to keep."""

    def __init__(self, rules: RuleSet = NO_RULES) -> None:
        self.rules = rules
        self.learned: Mapping[str, int] = {}

    def buying(self, state: ProductState, record: InventoryRecord, default: SupplyTerms) -> tuple[Buying, SupplyTerms]:
        """How a product is bought. record: what the shop says of it; default: the terms where it says nothing."""
        category = record.category if record.category is not None else state.category
        return buying_of(self.rules, state.key, category, record.supplier, record.terms, default, self.learned)


class ReloadRules:
    def __init__(self, source: RulesSource, current: CurrentRules, metrics: Metrics) -> None:
        self._source = source
        self._current = current
        self._metrics = metrics

    async def __call__(self) -> bool:
        """Reads the rules once more; whether they could be taken over. Never raises for what the source says."""
        try:
            rules = await self._source.read()
        except (Misconfigured, TransientFailure) as exc:
            self._metrics.count(Metric.RULES_REFUSED)
            log.error("rules.refused", reason=str(exc), kept=self._current.rules.digest)
            return False
        if rules.digest != self._current.rules.digest:
            log.info("rules.changed", digest=rules.digest, before=self._current.rules.digest)
        self._current.rules = rules
        return True
