"""Do the planted bugs still fit today's source? What sees them is told by `make mutants`."""

from __future__ import annotations

import pytest

from mutants.mutant import ROOT, Edit, Rotten, edited
from mutants.planted import PLANTED
from mutants.ratios import RATIOS


@pytest.mark.parametrize("mutant", PLANTED, ids=lambda mutant: mutant.name)
def test_a_patch_fits_exactly_once_and_what_it_makes_compiles(mutant):
    for file, text in mutant.texts(ROOT).items():
        assert text != (ROOT / file).read_text(), file
        compile(text, file, "exec")


def test_every_bug_has_a_name_of_its_own_and_there_are_enough():
    assert len({mutant.name for mutant in PLANTED}) == len(PLANTED) >= 24


def test_figures_and_tests_that_are_named_exist():
    for mutant in PLANTED:
        assert mutant.ratio is None or mutant.ratio in RATIOS, mutant.name
        if mutant.test is not None:
            path, _, name = mutant.test.partition("::")
            assert f"def {name}(" in (ROOT / "tests" / path).read_text(), mutant.name


@pytest.mark.parametrize("text", ["", "a a"])
def test_a_patch_that_does_not_fit_exactly_once_is_refused(text):
    with pytest.raises(Rotten):
        edited(text, Edit("file.py", "a", "b"))
