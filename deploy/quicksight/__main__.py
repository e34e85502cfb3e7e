"""python -m deploy.quicksight: write the two templates, and the plan of the dashboard for the docs."""

from __future__ import annotations

import sys

from deploy.quicksight.definition import definition
from deploy.quicksight.picture import picture
from deploy.quicksight.stack import TEMPLATES, text
from deploy.template import FOLDER

PICTURE = FOLDER.parent.parent / "docs" / "quicksight.svg"


def main() -> int:
    for name in TEMPLATES:
        body = text(name)
        (FOLDER / f"{name}.yaml").write_text(body)
        sys.stdout.write(f"{name}.yaml: {len(body.encode()):,} bytes\n")
    PICTURE.write_text(picture(definition()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
