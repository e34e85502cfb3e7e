"""How does a test write a file of sales and read it back?

Through open_sales alone: what a reader does inside is its own affair."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from worker.sources.files import open_sales


@pytest.fixture
def rows_of(tmp_path):
    def read(content, name="sales.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(open_sales(path).rows)

    return read


@pytest.fixture
def parquet_rows(tmp_path):
    def read(**columns):
        pq.write_table(pa.table(columns), tmp_path / "sales.parquet")
        return list(open_sales(tmp_path / "sales.parquet").rows)

    return read
