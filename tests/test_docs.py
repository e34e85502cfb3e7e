"""Do the docs still say what the code does?"""

import re
from pathlib import Path

from handlers.metrics import Metric
from worker.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_settings_names_each_with_its_default_and_meaning():
    table = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        row = next(line for line in table.splitlines() if f"`RESTOCK_{name.upper()}`" in line)
        assert str(field.description) in row
        if field.default not in (None, (), ""):
            assert f"`{field.default}`" in row
    assert table.count("| `RESTOCK_") == len(Settings.model_fields)


def test_links_in_the_docs_lead_somewhere():
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_tests_named_in_the_docs_exist():
    for page in DOCS:
        for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
            assert (ROOT / path).exists(), f"{page}: {path}"
            assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{page}: {path}::{name}"


def test_every_metric_has_a_name_a_unit_and_a_meaning():
    labels = [metric.label for metric in Metric]
    assert len(labels) == len(set(labels))
    assert all(metric.unit in {"Count", "Milliseconds", "Percent"} and metric.value[2] for metric in Metric)
