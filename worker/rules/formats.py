"""How are rules written?

As nested sections in JSON or TOML, or as rows: in CSV, or as the items of a table. A row says in scope and name what it
is for (default, category, supplier or product), and what it says in the other columns; an empty cell says nothing."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from domain.buying import RuleSet
from handlers.order_ports import InvalidRules
from worker.rules.model import rules_of

BYTES_MAX = 64_000_000
SECTIONS = {"category": "categories", "supplier": "suppliers", "product": "products"}


def rules_in(body: bytes, where: str) -> RuleSet:
    """The rules of a file by its name's ending; InvalidRules if it is none of ours, or says what no rules say."""
    ending = where.rpartition(".")[2].lower()
    read = FORMATS.get(ending)
    if read is None:
        raise InvalidRules(f"{where}: rules are written in {', '.join(FORMATS)}, not in .{ending}")
    if len(body) > BYTES_MAX:
        raise InvalidRules(f"{where}: larger than {BYTES_MAX} bytes")
    try:
        said = read(body.decode("utf-8-sig"))
    except InvalidRules as exc:
        raise InvalidRules(f"{where}: {exc}") from exc
    except (ValueError, RecursionError, csv.Error) as exc:
        raise InvalidRules(f"{where}: {str(exc).splitlines()[0]}") from exc
    if not isinstance(said, Mapping):
        raise InvalidRules(f"{where}: no object with defaults, categories, suppliers or products")
    return rules_of(said, where)


def sections_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sections that rows come to; InvalidRules for a row that is for nothing, or for what another one is for."""
    said: dict[str, Any] = {}
    for number, row in enumerate(rows, start=1):
        fields = {str(name).strip(): value for name, value in row.items() if value not in (None, "")}
        scope, name = str(fields.pop("scope", "")).strip().lower(), fields.pop("name", None)
        if scope in ("default", "defaults"):
            section, name = said, "defaults"
        elif scope in SECTIONS and name is not None:
            section = said.setdefault(SECTIONS[scope], {})
        else:
            raise InvalidRules(f"row {number}: scope is default, or category, supplier or product with a name")
        if str(name) in section:
            raise InvalidRules(f"row {number}: a second row for {scope} {name}")
        section[str(name)] = fields
    return said


def _json(text: str) -> Any:
    return json.loads(text, parse_float=_number)


def _toml(text: str) -> Any:
    return tomllib.loads(text, parse_float=_number)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidRules(f"{text[:40]}: no number that can be reckoned with") from None


def _csv(text: str) -> Any:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    if not {"scope"} <= set(rows.fieldnames or ()):
        raise InvalidRules("the first line names the columns: scope, name and the fields of a rule")
    return sections_of(_whole(row, number) for number, row in enumerate(rows, start=1))


def _whole(row: Mapping[str | None, Any], number: int) -> dict[str, Any]:
    if None in row:
        raise InvalidRules(f"row {number}: more cells than columns")
    return {str(name): value for name, value in row.items()}


FORMATS: dict[str, Callable[[str], Any]] = {"json": _json, "toml": _toml, "csv": _csv}
