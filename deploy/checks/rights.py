"""Does anybody get more than he needs, or more hands than ours a role?

What the worker itself calls is held against its policy by tests/deploy; here is what can be read off any policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.checks.deployed import Deployed

# These know no resources: Service Authorization Reference.
WITHOUT_RESOURCES = {
    *(
        "cloudwatch:PutMetricData",
        "cloudwatch:GetMetricStatistics",
        "dynamodb:ListStreams",
        "ecr:GetAuthorizationToken",
    ),
    *("application-autoscaling:*", "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition"),
    *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "logs:DescribeLogGroups"),
}
MAKES_STACKS = "StackRole"


def listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def statements(deployed: Deployed) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that allows something to a role, with where it stands."""
    for where, policy in deployed.of("AWS::IAM::ManagedPolicy"):
        yield from ((where, each) for each in policy["PolicyDocument"]["Statement"])
    for where, role in deployed.of("AWS::IAM::Role"):
        for policy in role.get("Policies", ()):
            yield from ((where, each) for each in policy["PolicyDocument"]["Statement"])


def grants_are_narrow(deployed: Deployed) -> Iterator[str]:
    for where, statement in statements(deployed):
        actions, resources = listed(statement["Action"]), listed(statement["Resource"])
        makes_stacks = where.endswith(MAKES_STACKS)
        for action in actions:
            if action == "*" or (action.endswith("*") and not makes_stacks):
                yield f"{where}: {action} is more than anybody needs"
        if "*" in resources:
            for action in sorted(set(actions) - WITHOUT_RESOURCES):
                yield f"{where}: {action} on everything"
        if "cloudwatch:PutMetricData" in actions and "Condition" not in statement:
            yield f"{where}: PutMetricData into any namespace"
        if "iam:PassRole" in actions and "iam:PassedToService" not in str(statement.get("Condition")):
            yield f"{where}: a role may be passed to any service"


def roles_are_for_ours_alone(deployed: Deployed) -> Iterator[str]:
    for where, role in deployed.of("AWS::IAM::Role"):
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            principal, condition = statement["Principal"], statement.get("Condition", {})
            if "*" in (principal, *(listed(each) for each in principal.values() if isinstance(principal, dict))):
                yield f"{where}: anybody may take it"
            if "Service" in principal and "aws:SourceAccount" not in str(condition):
                yield f"{where}: another account's {principal['Service']} may take it: no aws:SourceAccount"
            if "Federated" in principal:
                yield from (f"{where}: {said}" for said in _loose_subjects(condition))


def _loose_subjects(condition: dict[str, Any]) -> Iterator[str]:
    exact = condition.get("StringEquals", {})
    subjects = listed(exact.get("token.actions.githubusercontent.com:sub", []))
    if "token.actions.githubusercontent.com:aud" not in exact:
        yield "any audience's token will do"
    if not subjects:
        yield "any repository's token will do: no StringEquals on sub"
    for subject in subjects:
        if "*" in subject or subject.endswith(":pull_request"):
            yield f"{subject} lets in what nobody has looked at"


def policies_name_who_sends(deployed: Deployed) -> Iterator[str]:
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for where, policy in deployed.of(kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow" and "aws:SourceArn" not in str(statement.get("Condition")):
                    yield f"{where}: any {statement['Principal']} may send: no aws:SourceArn"
