"""Which sales do the tests of a backtest replay? A file of weekly ones."""

from __future__ import annotations

import pytest
from weekly_shop import weekly_rows, written


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    return written(tmp_path_factory.mktemp("sales") / "weekly.csv", weekly_rows())
