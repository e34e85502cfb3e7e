"""Does whoever listens to a topic hear what is said?

A policy of a topic's own replaces the one by which the whole account may publish: with a misspelt service in it every
alarm goes off unheard."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from deploy.checks.deployed import PLACE, Deployed
from deploy.checks.measures import unknown_to_the_runbook
from deploy.checks.rights import listed
from deploy.template import ACCOUNT


class Speaker(NamedTuple):
    """What a service publishes for: an alarm or a rule, by its ARN."""

    where: str
    service: str
    arn: str


def topics_take_what_they_are_sent(deployed: Deployed) -> Iterator[str]:
    policies = [policy for _, policy in deployed.of("AWS::SNS::TopicPolicy")]
    for topic, (where, _) in deployed.by_reference("AWS::SNS::Topic", "Ref").items():
        mine = [policy["PolicyDocument"]["Statement"] for policy in policies if topic in policy["Topics"]]
        said = [statement for statements in mine for statement in listed(statements)]
        for speaker in _speakers(deployed, topic):
            if not said and speaker.service == "cloudwatch.amazonaws.com":
                continue  # the policy that a topic has by itself lets the account's alarms through
            if not any(_lets(statement, topic, speaker) for statement in said):
                yield f"{speaker.where}: no policy of {where} lets {speaker.service} publish for it"


def failures_are_known(deployed: Deployed) -> Iterator[str]:
    """A rule that tells people stands in the runbook."""
    topics = deployed.by_reference("AWS::SNS::Topic", "Ref")
    for where, rule in deployed.of("AWS::Events::Rule"):
        if any(target["Arn"] in topics for target in rule["Targets"]):
            yield from unknown_to_the_runbook(where, rule["Name"])


def _speakers(deployed: Deployed, topic: str) -> Iterator[Speaker]:
    for where, alarm in deployed.of("AWS::CloudWatch::Alarm"):
        if topic in (*alarm.get("AlarmActions", ()), *alarm.get("OKActions", ())):
            arn = f"arn:aws:cloudwatch:{PLACE}:alarm:{alarm['AlarmName']}"
            yield Speaker(where, "cloudwatch.amazonaws.com", arn)
    for arn, (where, rule) in deployed.by_reference("AWS::Events::Rule").items():
        if topic in [target["Arn"] for target in rule["Targets"]]:
            yield Speaker(where, "events.amazonaws.com", arn)


def _lets(statement: dict[str, Any], topic: str, speaker: Speaker) -> bool:
    """Whether the statement allows it. Of conditions it knows the source's account and ARN; any other is a no."""
    asked = statement.get("Condition", {})
    conditions = {(how, key): listed(said) for how, keys in asked.items() for key, said in keys.items()}
    account = ACCOUNT["AWS::AccountId"]
    accounts = conditions.pop(("StringEquals", "aws:SourceAccount"), [account])
    like = conditions.pop(("ArnLike", "aws:SourceArn"), ["*"])
    equal = conditions.pop(("ArnEquals", "aws:SourceArn"), ["*"])
    return (
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": speaker.service}
        and "sns:Publish" in listed(statement["Action"])
        and topic in listed(statement["Resource"])
        and not conditions
        and account in accounts
        and all(any(fnmatchcase(speaker.arn, arn) for arn in arns) for arns in (like, equal))
    )
