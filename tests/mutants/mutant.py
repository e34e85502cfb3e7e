"""What is a planted bug?

A mistake that somebody could have made here, as replacements of exact texts that each occur once. A patch that no
longer fits is refused, so that the list cannot rot unseen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Rotten(Exception):
    """The text to replace is not there, or not once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """old, which occurs exactly once in file, becomes new."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """bug: what is wrong, in a sentence. blind: why the simulation is not expected to see it, so that it is spared most
    of the seeds. ratio: the figure (mutants/ratios.py) that gives it away where nothing breaks.
    test: the test of the suite that sees it where the simulation does not."""

    name: str
    bug: str
    edits: tuple[Edit, ...]
    ratio: str | None = None
    test: str | None = None
    blind: str | None = None

    def texts(self, root: Path) -> dict[str, str]:
        """The files it changes, as they read with the bug; Rotten if this is not the tree it was written for."""
        changed = {edit.file: (root / edit.file).read_text() for edit in self.edits}
        for edit in self.edits:
            changed[edit.file] = edited(changed[edit.file], edit)
        return changed

    def plant(self, root: Path) -> None:
        """Changes the tree under root."""
        for file, text in self.texts(root).items():
            (root / file).write_text(text)


def edited(text: str, edit: Edit) -> str:
    """The text with the edit in it; Rotten if it does not fit exactly once."""
    count = text.count(edit.old)
    if count != 1:
        raise Rotten(f"{edit.file} has {count} places, not one, that read: {edit.old}")
    return text.replace(edit.old, edit.new)
