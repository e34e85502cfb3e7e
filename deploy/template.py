"""What does a template say once its parameters are known?

It is read with the short forms of its functions, and resolved as far as that goes without an account: conditions,
references, texts. What only AWS could know stands for itself as arn:aws:restock:<logical id>:<attribute>."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

FOLDER = Path(__file__).parent / "templates"
ACCOUNT = {
    "AWS::AccountId": "000000000000",
    "AWS::Region": "us-east-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "restock",
}
NOTHING = object()
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")

Values = Mapping[str, Any]
OF_VALUES: dict[str, Callable[[Any], Any]] = {
    "Fn::Equals": lambda given: str(given[0]) == str(given[1]),
    "Fn::Not": lambda given: not given[0],
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Join": lambda given: str(given[0]).join(given[1]),
    "Fn::Split": lambda given: str(given[1]).split(given[0]),
}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's tags."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    said: Any
    if isinstance(node, yaml.ScalarNode):
        said = loader.construct_scalar(node)
        if tag == "GetAtt":
            said = str(said).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        said = loader.construct_sequence(node, deep=True)
    else:
        said = loader.construct_mapping(node, deep=True)
    return {name: said}


_Loader.add_multi_constructor("!", _function)


def read(path: Path) -> dict[str, Any]:
    """The template as it is written, its functions in their long form."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a safe loader with more tags
    return loaded


def names() -> list[str]:
    """The templates that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def template(name: str) -> dict[str, Any]:
    return read(FOLDER / f"{name}.yaml")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A template's resources that exist with these parameters: logical id -> (type, properties)."""

    name: str
    resources: dict[str, tuple[str, dict[str, Any]]]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type."""
        return {name: properties for name, (of, properties) in self.resources.items() if of == kind}


def resolve(name: str, written: Values, parameters: Values) -> Resolved:
    """KeyError with the name of a parameter that has neither a value nor a default."""
    values: dict[str, Any] = dict(ACCOUNT)
    for parameter, said in written.get("Parameters", {}).items():
        value = parameters[parameter] if parameter in parameters else said["Default"]
        listed = said["Type"].startswith("List<") or said["Type"] == "CommaDelimitedList"
        values[parameter] = str(value).split(",") if listed else str(value)
    resolver = _Resolver(values, written.get("Conditions", {}))
    found = {}
    for logical, resource in written["Resources"].items():
        if "Condition" in resource and not resolver.holds(resource["Condition"]):
            continue
        found[logical] = (resource["Type"], resolver.value(resource.get("Properties", {})))
    return Resolved(name, found)


class _Resolver:
    def __init__(self, values: Values, conditions: Values) -> None:
        self._values = values
        self._conditions = conditions

    def holds(self, name: str) -> bool:
        return bool(self.value(self._conditions[name]))

    def value(self, said: Any) -> Any:
        """said without functions."""
        if isinstance(said, list):
            return [value for value in map(self.value, said) if value is not NOTHING]
        if not isinstance(said, dict):
            return said
        if len(said) == 1:
            ((name, of),) = said.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._call(name, of)
        found = {name: self.value(of) for name, of in said.items()}
        return {name: value for name, value in found.items() if value is not NOTHING}

    def _call(self, name: str, of: Any) -> Any:
        if name == "Ref":
            return self._reference(of)
        if name == "Condition":
            return self.holds(of) if isinstance(of, str) else {"Condition": self.value(of)}
        if name == "Fn::If":
            return self.value(of[1] if self.holds(of[0]) else of[2])
        if name == "Fn::Sub":
            return self._substituted(of)
        if name == "Fn::GetAtt":
            return f"arn:aws:restock:{of[0]}:{of[1]}"
        given = self.value(of)
        if name not in OF_VALUES:
            raise ValueError(f"{name} is not known here")
        return OF_VALUES[name](given)

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        return self._values.get(name, f"arn:aws:restock:{name}:Ref")

    def _substituted(self, of: Any) -> str:
        text, own = (of, {}) if isinstance(of, str) else (of[0], {key: self.value(said) for key, said in of[1].items()})

        def put(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in own:
                return str(own[name])
            logical, dot, attribute = name.partition(".")
            return f"arn:aws:restock:{logical}:{attribute}" if dot else str(self._reference(name))

        # What is written as ${!name} is meant for somebody else to fill in.
        return VARIABLE.sub(put, text).replace("${!", "${")
