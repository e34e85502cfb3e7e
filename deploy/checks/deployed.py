"""What would stand in the account, all stacks together, with one choice of parameters?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.template import ACCOUNT, Resolved

Properties = dict[str, Any]
PLACE = f"{ACCOUNT['AWS::Region']}:{ACCOUNT['AWS::AccountId']}"
"""Of the account that stands for any, as it is in ARNs."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """variant: the profile, or what is unusual about the parameters."""

    variant: str
    stacks: Mapping[str, Resolved]

    def of(self, kind: str) -> Iterator[tuple[str, Properties]]:
        """Each resource of a type, with where it stands."""
        for name, stack in self.stacks.items():
            for logical, properties in stack.of(kind).items():
                yield f"{name}.yaml {logical}", properties

    def named(self, kind: str, name_property: str) -> dict[str, Properties]:
        """The resources of a type by the names they get."""
        return {properties[name_property]: properties for _, properties in self.of(kind) if name_property in properties}

    def by_reference(self, kind: str, attribute: str = "Arn") -> dict[str, tuple[str, Properties]]:
        """The resources of a type, with where each stands, by what whoever refers to them gets (deploy/template.py)."""
        return {
            f"arn:aws:restock:{where.split()[-1]}:{attribute}": (where, properties)
            for where, properties in self.of(kind)
        }
