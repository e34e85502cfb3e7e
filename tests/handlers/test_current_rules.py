"""The rules that hold are the last valid ones, whatever is said since."""

from __future__ import annotations

import pytest

from domain.buying import Rule, RuleSet
from handlers.current_rules import CurrentRules, ReloadRules
from handlers.errors import TransientFailure
from handlers.metrics import Metric
from handlers.order_ports import InvalidRules

OLD, NEW = RuleSet("old"), RuleSet("new", Rule(lead_time_days=3))


class Source:
    def __init__(self, *said) -> None:
        self.said = list(said)

    async def read(self):
        said = self.said.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


async def test_what_is_read_holds_from_then_on(metrics):
    current = CurrentRules(OLD)
    assert await ReloadRules(Source(NEW), current, metrics)()
    assert current.rules is NEW
    assert metrics[Metric.RULES_REFUSED] == 0


@pytest.mark.parametrize("failure", [InvalidRules("rules.toml: defaults.x: no"), TransientFailure("S3 is away")])
async def test_rules_that_cannot_be_had_change_nothing_and_are_counted(failure, metrics):
    current = CurrentRules(OLD)
    reload = ReloadRules(Source(failure, NEW), current, metrics)
    assert not await reload()
    assert (current.rules, metrics[Metric.RULES_REFUSED]) == (OLD, 1)
    assert await reload()
    assert current.rules is NEW
