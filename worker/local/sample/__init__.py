"""Which real sales come with Restock?

Three months of Online Retail, dirt and all; README.md here says whose they are and what was changed."""

from __future__ import annotations

from pathlib import Path

SAMPLE_PATH = Path(__file__).with_name("online_retail.parquet")
