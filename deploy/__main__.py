"""python -m deploy: bring a profile into an account, say what it costs, or check the templates."""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from deploy.profile import (
    ASKED_FOR,
    STACKS,
    Profile,
    UnknownProfile,
    beside_the_cost,
    cost_arguments,
    environment,
    profile,
    profile_names,
    resolved,
)
from deploy.stack import DeploymentFailed, Stacks
from deploy.template import FOLDER, template

PIPELINE = FOLDER.parent / "pipelines" / "retrain.json"
EPILOG = """examples:
  python -m deploy cost small                   what `restock cost` says of a profile
  python -m deploy up small --set Image=ACCOUNT.dkr.ecr.REGION.amazonaws.com/restock-worker@sha256:... \\
      --set ForecasterImage=...@sha256:... --set Subnets=subnet-1,subnet-2 --set SecurityGroup=sg-1
  python -m deploy up small --stack worker ...  the workers alone: a new image, or the one before
  python -m deploy up small --stack analytics --stack quicksight --stack dashboard --set QuickSightPrincipal=arn:… ...
                                                snapshots and a dashboard: docs/quicksight.md
  python -m deploy delivery --set Repository=owner/name
                                                registries and the roles of GitHub Actions, once an account
  python -m deploy check                        our own rules over all templates and profiles; cfn-lint is apart

Exit codes: 0 done, 1 failed with one clear line, 2 wrong use."""


def main() -> int:
    chosen = _parser().parse_args()
    try:
        code: int = chosen.run(chosen)
    except (DeploymentFailed, UnknownProfile, ClientError, BotoCoreError) as exc:
        _say(f"deploy: {exc}".splitlines()[0], sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    up = commands.add_parser("up", help="make or change the stacks of a profile")
    up.add_argument("profile", help=f"{', '.join(profile_names())}, or a .json file")
    up.add_argument("--stack", action="append", choices=(*STACKS, *ASKED_FOR), help="only this one; may be repeated")
    up.set_defaults(run=_up)
    delivery = commands.add_parser("delivery", help="registries and roles for GitHub Actions, once an account")
    delivery.set_defaults(run=_delivery)
    for command in (up, delivery):
        command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", type=_pair, help="a parameter")
        command.add_argument("--region", default=os.environ.get("AWS_REGION", "us-east-1"))
        command.add_argument("--role-arn", help="what CloudFormation is to work as")
        command.add_argument("--may-replace", action="store_true", help="even what holds data may be replaced")
    cost = commands.add_parser("cost", help="what restock cost says of a profile")
    cost.add_argument("profile", nargs="?", help="all of them if left out")
    cost.set_defaults(run=_cost)
    commands.add_parser("check", help="our own rules over templates and profiles").set_defaults(run=_check)
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _up(chosen: argparse.Namespace) -> int:
    fitting = profile(chosen.profile)
    given = {**fitting.parameters, **dict(chosen.set)}
    wanted = [stack for stack in (*STACKS, *ASKED_FOR) if stack in (chosen.stack or STACKS)]
    if missing := sorted({name for stack in wanted for name in _missing(stack, given)}):
        _say(f"deploy up: --set is missing for {', '.join(missing)}", sys.stderr)
        return 2
    session = get_session()
    for stack in wanted:
        if stack == "forecasting":
            given["PipelineKey"] = _bring_pipeline(session, chosen.region, given.get("Suffix", ""))
        _deploy(session, chosen, stack, f"restock-{stack}{given.get('Suffix', '')}", given)
    return 0


def _delivery(chosen: argparse.Namespace) -> int:
    given = dict(chosen.set)
    if missing := _missing("delivery", given):
        _say(f"deploy delivery: --set is missing for {', '.join(missing)}", sys.stderr)
        return 2
    for name, value in _deploy(get_session(), chosen, "delivery", "restock-delivery", given).items():
        _say(f"{name}: {value}")
    return 0


def _deploy(
    session: Any, chosen: argparse.Namespace, stack: str, name: str, given: Mapping[str, str]
) -> dict[str, str]:
    stacks = Stacks(session.create_client("cloudformation", region_name=chosen.region), _say, chosen.role_arn)
    declared = template(stack).get("Parameters", {})
    parameters = {parameter: given[parameter] for parameter in declared if parameter in given}
    stacks.deploy(name, (FOLDER / f"{stack}.yaml").read_text(), parameters, may_replace=chosen.may_replace)
    return stacks.outputs(name)


def _missing(stack: str, given: Mapping[str, str]) -> list[str]:
    declared = template(stack).get("Parameters", {})
    return [name for name, said in declared.items() if "Default" not in said and name not in given]


def _bring_pipeline(session: Any, region: str, suffix: str) -> str:
    """Uploads the pipeline's definition under a name of its content, so that a changed one is a change."""
    account = session.create_client("sts", region_name=region).get_caller_identity()["Account"]
    body = PIPELINE.read_bytes()
    key = f"pipelines/{hashlib.sha256(body).hexdigest()[:16]}.json"
    session.create_client("s3", region_name=region).put_object(
        Bucket=f"retail-models{suffix}-{account}", Key=key, Body=body
    )
    return key


def _cost(chosen: argparse.Namespace) -> int:
    for name in [chosen.profile] if chosen.profile else profile_names():
        fitting = profile(name)
        _say(f"=== {fitting.name}: {fitting.about}")
        if code := _reckoned(fitting):
            return code
        for line in beside_the_cost(fitting):
            _say(f"beside it: {line}")
        _say("")
    return 0


def _reckoned(fitting: Profile) -> int:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESTOCK_")}
    script = Path(sys.executable).with_name("restock")
    command = [str(script), "cost", *cost_arguments(fitting)]
    sys.stdout.flush()
    settings = environment(resolved(fitting, "worker"))
    return subprocess.run(command, env={**kept, **settings}, check=False).returncode  # noqa: S603 - our own program


def _check(_: argparse.Namespace) -> int:
    from deploy.checks import findings

    found = findings()
    for finding in found:
        _say(str(finding), sys.stderr)
    _say(f"{len(found)} findings")
    return 1 if found else 0


def _say(line: str, stream: Any = None) -> None:
    (stream or sys.stdout).write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
