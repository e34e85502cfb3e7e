"""Which runs are counted?

Each sells through one worker: `batches` micro-batches of `batch_sales`, after one that only warms it. A batch is sent
when the one before is settled and decided, as it is where minutes lie between them. `real_time` sends each message
when it would come at a million sales a day instead, and leaves the worker all its default settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

EVENTS_PER_DAY = 1_000_000
PRODUCTS = 50_000
ZIPF = 1.0
SALES_PER_MESSAGE = 10


@dataclass(frozen=True, slots=True)
class Shape:
    """A run. stocked: the shop holds some weeks of everything; otherwise nothing, and every product is ordered and
    explained. settings are the worker's, beside those every run needs."""

    name: str
    batch_sales: int
    batches: int
    products: int = PRODUCTS
    zipf: float = ZIPF
    sales_per_message: int = SALES_PER_MESSAGE
    real_time: bool = False
    stocked: bool = True
    idle_s: float = 0.0
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def sales(self) -> int:
        """Those that are sent in all, the warming ones included."""
        return self.batch_sales * (self.batches + 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "products": self.products,
            "zipf": self.zipf,
            "sales_per_message": self.sales_per_message,
            "batch_sales": self.batch_sales,
            "batches": self.batches,
            "real_time": self.real_time,
            "stocked": self.stocked,
            "idle_s": self.idle_s,
            "settings": self.settings,
        }


SHAPES = (
    Shape("as-shipped", 10, 140, real_time=True),
    Shape("100", 100, 20),
    Shape("700", 700, 8),
    Shape("1000", 1_000, 6),
    Shape("3500", 3_500, 4),
    Shape("10000", 10_000, 3),
    Shape("42000", 42_000, 2),
    Shape("1000-of-5000-products", 1_000, 6, products=5_000),
    Shape("orders", 500, 2, stocked=False, settings={"insights_per_hour": "100"}),
    Shape("idle", 10, 0, idle_s=60, settings={"sweep_interval_s": "2", "long_poll_s": "2"}),
)
QUICK = (
    Shape("100", 100, 3),
    Shape("1000", 1_000, 1),
    Shape("orders", 50, 1, stocked=False, settings={"insights_per_hour": "10"}),
    Shape("idle", 10, 0, idle_s=6, settings={"sweep_interval_s": "1", "long_poll_s": "1"}),
)
