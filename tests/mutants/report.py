"""How is it told which layer saw which bug?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from mutants.hunt import SURVIVED, Catch

SAID_CHARS_MAX = 110


def plain(catch: Catch) -> str:
    """One line."""
    if not catch.caught:
        return f"{catch.mutant.name}: SURVIVED {catch.runs} runs. {catch.said}"
    return f"{catch.mutant.name}: {catch.layer}, {catch.where}: {_cut(catch.said)}"


def table(caught: Sequence[Catch]) -> Table:
    """Every bug, who saw it, where first, and what was said."""
    rows = Table("bug", "layer", "first", "what it said", box=box.SIMPLE, pad_edge=False)
    for catch in caught:
        layer = catch.layer if catch.caught else "[red]SURVIVED[/]"
        rows.add_row(catch.mutant.name, layer, escape(catch.where), escape(_cut(catch.said)))
    return rows


def verdict(caught: Sequence[Catch], took_s: float) -> list[str]:
    """The line of figures, the names of the survivors if there are any, and `N passed, 0 failed`."""
    layers = Counter(catch.layer for catch in caught)
    seen = ", ".join(f"{count} by {layer}" for layer, count in layers.items() if layer != SURVIVED)
    runs = sum(catch.runs for catch in caught)
    survivors = [catch.mutant.name for catch in caught if not catch.caught]
    lines = [f"{len(caught)} planted bugs: {seen or 'none caught'}; {runs:,} runs in {took_s / 60:.1f} minutes"]
    if survivors:
        lines.append(f"survived: {', '.join(survivors)}")
    return [*lines, f"{len(caught) - len(survivors)} passed, {len(survivors)} failed"]


def _cut(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= SAID_CHARS_MAX else line[: SAID_CHARS_MAX - 1] + "…"
