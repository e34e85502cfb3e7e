"""How does a stack become what its template says?

By a change set, which is looked at before it is carried out: one that changes nothing is thrown away, and what it would
replace is told. Whatever fails is raised with CloudFormation's own first reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
LOOK_EVERY_S = 5.0
GIVE_UP_AFTER_S = 3_600.0
KEPT = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::Events::EventBus")
UNCHANGED = ("didn't contain changes", "No updates are to be performed", "no changes")

Say = Callable[[str], None]


class DeploymentFailed(Exception):
    """The message is what CloudFormation said first."""


class Stacks:
    """cloudformation: botocore's client. role_arn: what CloudFormation is to work as; None: as the caller."""

    def __init__(
        self, cloudformation: Any, say: Say, role_arn: str | None = None, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._client = cloudformation
        self._say = say
        self._role = {"RoleARN": role_arn} if role_arn else {}
        self._look_every_s = look_every_s

    def deploy(self, name: str, body: str, parameters: Mapping[str, str], *, may_replace: bool = False) -> bool:
        """Whether anything changed. DeploymentFailed if something that holds data would be replaced and may not be."""
        exists = self._status(name) not in (None, "REVIEW_IN_PROGRESS")
        change_set = f"restock-{int(time.time() * 1000)}"
        self._client.create_change_set(
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateBody=body,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=CAPABILITIES,
            **self._role,
        )
        said = self._until_described(name, change_set)
        if said["Status"] == "FAILED":
            self._client.delete_change_set(StackName=name, ChangeSetName=change_set)
            reason = said.get("StatusReason", "")
            if any(words in reason for words in UNCHANGED):
                self._say(f"{name}: nothing to change")
                return False
            raise DeploymentFailed(f"{name}: {reason}")
        lost = [] if may_replace else list(_lost(said.get("Changes", [])))
        if lost:
            self._client.delete_change_set(StackName=name, ChangeSetName=change_set)
            raise DeploymentFailed(
                f"{name}: would replace or remove {', '.join(lost)}; say --may-replace if that is meant"
            )
        self._say(f"{name}: {len(said.get('Changes', []))} changes")
        self._client.execute_change_set(StackName=name, ChangeSetName=change_set)
        self._until_done(name)
        return True

    def outputs(self, name: str) -> dict[str, str]:
        described = self._client.describe_stacks(StackName=name)["Stacks"][0]
        return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())}

    def _status(self, name: str) -> str | None:
        try:
            return str(self._client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        except ClientError as exc:
            if "does not exist" in str(exc):
                return None
            raise

    def _until_described(self, name: str, change_set: str) -> dict[str, Any]:
        for _ in self._looks():
            said: dict[str, Any] = self._client.describe_change_set(StackName=name, ChangeSetName=change_set)
            if said["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return said
        raise DeploymentFailed(f"{name}: no change set after {GIVE_UP_AFTER_S:.0f} s")

    def _until_done(self, name: str) -> None:
        for _ in self._looks():
            status = self._status(name) or "gone"
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                self._say(f"{name}: {status}")
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeploymentFailed(f"{name}: {status}: {self._first_reason(name)}")
        raise DeploymentFailed(f"{name}: not done after {GIVE_UP_AFTER_S:.0f} s")

    def _looks(self) -> Any:
        started = time.monotonic()
        while time.monotonic() < started + GIVE_UP_AFTER_S:
            yield
            time.sleep(self._look_every_s)

    def _first_reason(self, name: str) -> str:
        """Events come newest first; the first failure since the last beginning is the cause of the others."""
        reason = "no reason given"
        for event in self._client.describe_stack_events(StackName=name)["StackEvents"]:
            if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event:
                reason = f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            if event.get("ResourceStatusReason") == "User Initiated":
                break
        return reason


def _lost(changes: list[dict[str, Any]]) -> Any:
    """The logical ids of what holds data and would not outlive the change."""
    for change in changes:
        said = change.get("ResourceChange", {})
        if said.get("ResourceType") in KEPT and (said.get("Action") == "Remove" or said.get("Replacement") == "True"):
            yield said["LogicalResourceId"]
