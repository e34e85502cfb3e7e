"""python -m deploy.quicksight: write quicksight.yaml and dashboard.yaml from the description."""

from __future__ import annotations

import sys

from deploy.quicksight.stack import TEMPLATES, text
from deploy.template import FOLDER


def main() -> int:
    for name in TEMPLATES:
        body = text(name)
        (FOLDER / f"{name}.yaml").write_text(body)
        sys.stdout.write(f"{name}.yaml: {len(body.encode()):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
