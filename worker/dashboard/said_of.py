"""What was said about a product, as a page shows it?

The newest insight that is kept of it, whichever worker published it. They are words of a language model or of rules:
the page shows them as text and as whose they are, and no more of them than fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LISTS = ("factors", "recommendations", "risks", "inventory_suggestions")
TEXTS = ("headline", "source", "model", "level", "crossing", "occurred_at")
SENTENCES_MAX = 10
CHARS_MAX = 500


def newest_said(kept: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The first of a product's insights, the newest first; None if there is none."""
    if not kept:
        return None
    detail = kept[0]
    lists: dict[str, Any] = {name: _sentences(detail.get(name)) for name in LISTS}
    return lists | {name: str(detail.get(name) or "")[:CHARS_MAX] for name in TEXTS}


def _sentences(said: Any) -> list[str]:
    return [str(each)[:CHARS_MAX] for each in said[:SENTENCES_MAX]] if isinstance(said, list) else []
