"""Mistakes in who may do what, and who may be whom, that cfn-lint lets pass."""

from __future__ import annotations

from planting import Planted, gone, to

PLANTED_GRANTS = (
    Planted(
        "everything on a table",
        "grants_are_narrow",
        "permissions",
        ("Resources", "WorkerPolicy", "Properties", "PolicyDocument", "Statement", 1, "Action"),
        to("dynamodb:*"),
    ),
    Planted(
        "any table",
        "grants_are_narrow",
        "permissions",
        ("Resources", "WorkerPolicy", "Properties", "PolicyDocument", "Statement", 1, "Resource"),
        to("*"),
    ),
    Planted(
        "any namespace",
        "grants_are_narrow",
        "forecasting",
        ("Resources", "ModelRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 5, "Condition"),
        gone,
    ),
    Planted(
        "a role for any service",
        "grants_are_narrow",
        "delivery",
        ("Resources", "DeployRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 1, "Condition"),
        gone,
    ),
    Planted(
        "a role for other accounts' tasks",
        "roles_are_for_ours_alone",
        "permissions",
        ("Resources", "TaskRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
        gone,
    ),
    Planted(
        "any branch builds",
        "roles_are_for_ours_alone",
        "delivery",
        (
            *("Resources", "BuildRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
            *("StringEquals", "token.actions.githubusercontent.com:sub"),
        ),
        to({"Fn::Sub": "repo:${Repository}:*"}),
    ),
    Planted(
        "any repository deploys",
        "roles_are_for_ours_alone",
        "delivery",
        (
            *("Resources", "DeployRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"),
            *("StringEquals", "token.actions.githubusercontent.com:sub"),
        ),
        gone,
    ),
    Planted(
        "anybody's rule sends",
        "policies_name_who_sends",
        "data",
        ("Resources", "ReordersFromTheRule", "Properties", "PolicyDocument", "Statement", 0, "Condition"),
        gone,
    ),
    Planted(
        "anybody tells people",
        "policies_name_who_sends",
        "observability",
        ("Resources", "WhoTells", "Properties", "PolicyDocument", "Statement", 0, "Condition", "ArnLike"),
        gone,
    ),
)
