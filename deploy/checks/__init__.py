"""What do cfn-lint and its like let pass that would go wrong in an account?

Each rule is a function over everything a choice of parameters would deploy; its name says what holds. tests/deploy has
a planted mistake for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.checks import analytics, data_sets, events, measures, pictures, queues, rights, tasks, topics
from deploy.checks.deployed import Deployed
from deploy.profile import EXAMPLE, profile, profile_names
from deploy.template import names, resolve, template

Rule = Callable[[Deployed], Iterator[str]]
RULES: tuple[Rule, ...] = (
    tasks.stop_timeout_fits,
    tasks.health_command_has_its_form,
    tasks.variables_are_settings_that_work,
    tasks.variables_name_what_is_deployed,
    tasks.images_are_named_by_digest,
    tasks.containers_are_locked_in,
    tasks.deployments_roll_and_go_back,
    tasks.scaling_has_queues_to_spread_over,
    queues.pipes_fit_their_targets,
    queues.queues_keep_what_they_give_up,
    queues.tables_can_be_restored_and_forget,
    queues.logs_are_forgotten,
    events.patterns_can_match,
    events.patterns_name_jobs_that_are_there,
    events.rules_reach_a_bus_that_is_there,
    events.schedules_go_off,
    events.pipelines_get_their_parameters,
    measures.alarms_watch_metrics_that_exist,
    measures.metric_math_refers_to_what_is_there,
    measures.alarms_are_told_and_known,
    measures.dashboards_can_be_drawn,
    topics.topics_take_what_they_are_sent,
    topics.failures_are_known,
    rights.grants_are_narrow,
    rights.roles_are_for_ours_alone,
    rights.policies_name_who_sends,
    analytics.tables_are_what_snapshots_write,
    analytics.queries_are_limited,
    analytics.scheduled_tasks_can_start,
    data_sets.requests_are_of_quicksight_s_shape,
    data_sets.data_sets_read_tables_that_are_there,
    data_sets.readers_reach_what_they_read,
    pictures.pictures_show_what_is_there,
)
# What no profile chooses, so that every resource of every template is looked at.
UNUSUAL: dict[str, dict[str, str]] = {
    "sales by a table": {"SalesBy": "table", "MaxTasks": "4"},
    "a stream read by the workers": {"StreamTable": "retail-sales-history"},
    "rules in a table": {"RulesTable": "retail-rules"},
    "a guardrail": {"Guardrail": "abcd1234", "GuardrailVersion": "1"},
    "an inference profile": {"BedrockModel": "eu.anthropic.some-model", "ProfileModel": "anthropic.some-model"},
    "two partitions": {"Partitions": "2"},
    "four partitions": {"Partitions": "4", "MaxTasks": "2"},
    "data sets that ask Athena at each look": {"ImportMode": "DIRECT_QUERY", "MinorUnits": "1"},
    "alarms by mail": {"AlarmEmail": "shop@example.com"},
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """rule: its name. what: where, and what is wrong."""

    rule: str
    what: str
    variant: str

    def __str__(self) -> str:
        return f"{self.what} [{self.rule}; {self.variant}]"


def findings(written: Mapping[str, Any] | None = None) -> list[Finding]:
    """What the rules find in our templates, or in those given by name; each finding once, for the first variant."""
    templates = written or {name: template(name) for name in names()}
    found: dict[tuple[str, str], Finding] = {}
    for variant, parameters in variants().items():
        given = {**EXAMPLE, **parameters}
        deployed = Deployed(variant, {name: resolve(name, said, given) for name, said in templates.items()})
        for rule in RULES:
            for what in rule(deployed):
                found.setdefault((rule.__name__, what), Finding(rule.__name__, what, variant))
    return sorted(found.values())


def variants() -> dict[str, Mapping[str, str]]:
    """Every profile, and what no profile chooses."""
    return {**{name: profile(name).parameters for name in profile_names()}, **UNUSUAL}
