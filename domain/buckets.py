"""What did a product sell on one day?

Integer sums, which commute: a day comes to the same in whatever order its sales and their corrections arrive. One
that a correction reached before its sale is below zero until the sale is there."""

from __future__ import annotations

from typing import NamedTuple

from domain.events import SaleCorrected, SaleRecorded


class Bucket(NamedTuple):
    """One day of one product: units sold and returned, what they brought and cost in minor units, promoted units."""

    sold: int = 0
    revenue: int = 0
    returned: int = 0
    refunded: int = 0
    promoted: int = 0

    @property
    def net(self) -> int:
        return self.sold - self.returned


NO_SALES = Bucket()


def bucket_of(sale: SaleRecorded, so_far: Bucket = NO_SALES) -> Bucket:
    """What a sale makes of its day so far; of an empty day, what the sale alone comes to."""
    sold, revenue, returned, refunded, promoted = so_far
    if sale.quantity >= 0:
        sold += sale.quantity
        revenue += sale.revenue_minor
        promoted += sale.quantity if sale.promotion else 0
    else:
        returned -= sale.quantity
        refunded -= sale.revenue_minor
    return Bucket(sold, revenue, returned, refunded, promoted)


def corrected(so_far: Bucket, by: SaleCorrected) -> Bucket:
    """The day with a correction of one or more of its sales."""
    return Bucket(
        so_far.sold + by.sold,
        so_far.revenue + by.revenue,
        so_far.returned + by.returned,
        so_far.refunded + by.refunded,
        so_far.promoted + by.promoted,
    )
