"""Which targets are there?"""

from __future__ import annotations

from importlib import import_module

from targets.base import Target

# Each is imported only when it is asked for: a suite on the emulator needs nothing of the simulation.
TARGETS = {
    "embedded": ("targets.embedded", "Embedded"),
    "dynamodb-local": ("targets.dynamodb_local", "DynamoDBLocal"),
    "aws": ("targets.aws", "Aws"),
    "simulated": ("targets.simulated", "Simulated"),
}


def target_of(name: str) -> Target:
    module, kind = TARGETS[name]
    found: Target = getattr(import_module(module), kind)()
    return found
