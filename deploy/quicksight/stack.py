"""Which templates make the data source, the data sets and the dashboard?

Two, since CloudFormation takes 51,200 bytes with a request. They are written from the description beside this, and lie
among the other templates; tests/deploy holds the one against the other, so that nobody changes a line by hand."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped]

from deploy.quicksight.data_sets import DATA_SETS, refresh, resource
from deploy.quicksight.definition import OneLine, definition
from deploy.quicksight.reader import ROLE

SAID_FIRST = "# Written by `python -m deploy.quicksight` from deploy/quicksight: change that, not this.\n"
Said = dict[str, Any]

PARAMETERS: Said = {
    "Suffix": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "(-[a-z0-9]{1,12})?",
        "Description": "Stands behind every name",
    },
    "QuickSightPrincipal": {
        "Type": "String",
        "AllowedPattern": "arn:aws[a-z-]*:quicksight:.+:(user|group)/.+",
        "Description": "ARN of the user or group of QuickSight that is to own and see all of this",
    },
    "ImportMode": {
        "Type": "String",
        "Default": "SPICE",
        "AllowedValues": ["SPICE", "DIRECT_QUERY"],
        "Description": "SPICE: read once a day, however often it is looked at. DIRECT_QUERY: each look asks Athena",
    },
    "RefreshAt": {
        "Type": "String",
        "Default": "04:00",
        "AllowedPattern": "([01][0-9]|2[0-3]):[0-5][0-9]",
        "Description": "UTC; an hour or more after SnapshotSchedule of analytics.yaml",
    },
    "MinorUnits": {
        "Type": "Number",
        "Default": 100,
        "AllowedValues": [1, 100, 1000],
        "Description": "Minor units in a unit of the shop's currency",
    },
}


# QuickSight's developer guide: what an owner of each may.
SOURCE_OWNER = [
    "quicksight:DescribeDataSource",
    "quicksight:DescribeDataSourcePermissions",
    "quicksight:PassDataSource",
    "quicksight:UpdateDataSource",
    "quicksight:DeleteDataSource",
    "quicksight:UpdateDataSourcePermissions",
]
DASHBOARD_OWNER = [
    "quicksight:DescribeDashboard",
    "quicksight:ListDashboardVersions",
    "quicksight:UpdateDashboardPermissions",
    "quicksight:QueryDashboard",
    "quicksight:UpdateDashboard",
    "quicksight:DeleteDashboard",
    "quicksight:DescribeDashboardPermissions",
    "quicksight:UpdateDashboardPublishedVersion",
]


def _owned(actions: list[str]) -> list[Said]:
    return [{"Principal": {"Ref": "QuickSightPrincipal"}, "Actions": actions}]


def _data_source() -> Said:
    return {
        "Type": "AWS::QuickSight::DataSource",
        "Properties": {
            "AwsAccountId": {"Ref": "AWS::AccountId"},
            "DataSourceId": {"Fn::Sub": "restock${Suffix}"},
            "Name": {"Fn::Sub": "Restock${Suffix}"},
            "Type": "ATHENA",
            "DataSourceParameters": {
                "AthenaParameters": {
                    "WorkGroup": {"Fn::Sub": "restock${Suffix}"},
                    "RoleArn": {"Fn::GetAtt": ["ReaderRole", "Arn"]},
                }
            },
            "Permissions": _owned(SOURCE_OWNER),
        },
    }


def _dashboard() -> Said:
    return {
        "Type": "AWS::QuickSight::Dashboard",
        "Properties": {
            "AwsAccountId": {"Ref": "AWS::AccountId"},
            "DashboardId": {"Fn::Sub": "restock${Suffix}"},
            "Name": {"Fn::Sub": "Restock${Suffix}"},
            "Permissions": _owned(DASHBOARD_OWNER),
            "DashboardPublishOptions": {"ExportToCSVOption": {"AvailabilityStatus": "ENABLED"}},
            "ValidationStrategy": {"Mode": "STRICT"},
            "Definition": definition(),
        },
    }


def data_template() -> Said:
    """The data source, who reads by it, the data sets and when SPICE reads them again."""
    sets = list(DATA_SETS.values())
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Restock: QuickSight's data sets, of the tables of analytics.yaml. Not made unless asked for.",
        "Parameters": PARAMETERS,
        "Conditions": {"Spice": {"Fn::Equals": [{"Ref": "ImportMode"}, "SPICE"]}},
        "Resources": {
            "ReaderRole": ROLE,
            "DataSource": _data_source(),
            **{each.logical: resource(each) for each in sets},
            **{f"{each.logical}Refresh": refresh(each) for each in sets},
        },
    }


def dashboard_template() -> Said:
    """The dashboard over those data sets."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Restock: the dashboard over quicksight.yaml's data sets. Not made unless asked for.",
        "Parameters": {name: PARAMETERS[name] for name in ("Suffix", "QuickSightPrincipal")},
        "Resources": {"Dashboard": _dashboard()},
        "Outputs": {"DashboardArn": {"Value": {"Fn::GetAtt": ["Dashboard", "Arn"]}}},
    }


TEMPLATES = {"quicksight": data_template, "dashboard": dashboard_template}


class _Plain(yaml.SafeDumper):  # type: ignore[misc]
    """Without anchors, which CloudFormation does not take everywhere, and a picture a line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _on_one_line(dumper: _Plain, said: OneLine) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", said.items(), flow_style=True)


_Plain.add_representer(OneLine, _on_one_line)


def text(name: str) -> str:
    """The file of a template."""
    body: str = yaml.dump(TEMPLATES[name](), Dumper=_Plain, sort_keys=False, width=100_000, default_flow_style=None)
    return SAID_FIRST + body
