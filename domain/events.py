"""What happened, and what we have to say about it?

Every event carries the product it concerns, an id that stays the same when it is sent again, and the time at which
it happened. Times are whole milliseconds since the epoch (UTC), days whole days since the epoch, money whole minor
units (cents). Nothing here is ever changed after it was made."""

from __future__ import annotations

from typing import NamedTuple

MS_PER_DAY = 86_400_000


class ProductKey(NamedTuple):
    """A product, or a product at one location. Both ids are verbatim and case-sensitive."""

    product_id: str
    location_id: str | None = None


class SaleRecorded(NamedTuple):
    """One line of a sale. A return has a negative quantity; revenue_minor is quantity x price, rounded half-even."""

    product: ProductKey
    event_id: str
    occurred_at: int
    quantity: int
    revenue_minor: int
    promotion: bool = False
    category: str | None = None

    @property
    def day(self) -> int:
        return self.occurred_at // MS_PER_DAY


class SaleCorrected(NamedTuple):
    """What was recorded of a sale is no longer so: what its day must change by, each part with its sign. sales is how
    many more there are: -1 for one that is withdrawn, 1 for one that was added, 0 where one only reads differently."""

    product: ProductKey
    event_id: str
    occurred_at: int
    sales: int
    sold: int
    revenue: int
    returned: int
    refunded: int
    promoted: int

    @property
    def day(self) -> int:
        return self.occurred_at // MS_PER_DAY


class StockChanged(NamedTuple):
    """The shop counted: this many units are on hand, as of occurred_at. The newest count wins."""

    product: ProductKey
    event_id: str
    occurred_at: int
    level: int


class PromotionPlanned(NamedTuple):
    """The product will be promoted from starts_on to ends_on, both days included."""

    product: ProductKey
    event_id: str
    occurred_at: int
    starts_on: int
    ends_on: int


class ShipmentReceived(NamedTuple):
    """Units of an order arrived. The shop has booked them into its stock *before* it says so."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str
    quantity: int


class ReorderCancelled(NamedTuple):
    """What is still outstanding of an order will not come."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str


class OrderConfirmed(NamedTuple):
    """The supplier's word on an order: so many units will come, on due_on if it says when. The newest word holds."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str
    quantity: int
    due_on: int | None = None


class OrderShipped(NamedTuple):
    """Units of an order have left the supplier. Each event is a consignment of its own."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str
    quantity: int


class OrderApproved(NamedTuple):
    """A planner lets a proposed order go, for quantity units if one is said. The newest approval holds."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str
    quantity: int | None = None
    by: str | None = None


class OrderRejected(NamedTuple):
    """A planner does not want a proposed order. It outweighs every approval, until the order was sent."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str


class OrderReleased(NamedTuple):
    """A proposed order goes out with the others of its supplier, in the purchase of that id."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str
    proposal_id: str


class OrderClosed(NamedTuple):
    """A planner has given up what is outstanding of an order, also what was told to be under way."""

    product: ProductKey
    event_id: str
    occurred_at: int
    reorder_id: str


class ProductFrozen(NamedTuple):
    """Order nothing of this product, up to and including until_on; None: until it is unfrozen."""

    product: ProductKey
    event_id: str
    occurred_at: int
    until_on: int | None = None
    by: str | None = None


class ProductUnfrozen(NamedTuple):
    """The product may be ordered again."""

    product: ProductKey
    event_id: str
    occurred_at: int


class QuantityOverridden(NamedTuple):
    """The next order of this product is for so many units, whatever the policy says; until_on: not after that day."""

    product: ProductKey
    event_id: str
    occurred_at: int
    quantity: int
    until_on: int | None = None
    by: str | None = None


OfOrder = (
    ShipmentReceived
    | ReorderCancelled
    | OrderConfirmed
    | OrderShipped
    | OrderApproved
    | OrderRejected
    | OrderReleased
    | OrderClosed
)
OfPlan = ProductFrozen | ProductUnfrozen | QuantityOverridden
Event = SaleRecorded | SaleCorrected | StockChanged | PromotionPlanned | OfOrder | OfPlan


class ReorderRequired(NamedTuple):
    """Buy this much. reorder_id is stable: whoever acts on it deduplicates by it."""

    product: ProductKey
    reorder_id: str
    decided_at: int
    as_of: int
    current_stock: int
    on_order: int
    inventory_position: int
    reorder_point: int
    optimal_inventory: int
    recommended_order_quantity: int
    pack_size: int
    minimum_order_quantity: int
    lead_time_days: int
    urgency: str
    projected_stockout_on: int | None
    forecast_source: str
    supplier: str | None = None
    proposal_id: str | None = None


class InsightPublished(NamedTuple):
    """A few words for a planner about a product that crossed a level. They never change a quantity.

    source: `bedrock` or `rules`; model: which one it was; reason: why rules spoke where a model was to. asked_with: the
    other products of the same question. facts_hash names the facts that the words are about."""

    product: ProductKey
    insight_id: str
    occurred_at: int
    decided_at: int
    as_of: int
    level: str
    crossing: str
    headline: str
    factors: tuple[str, ...]
    recommendations: tuple[str, ...]
    risks: tuple[str, ...]
    inventory_suggestions: tuple[str, ...]
    source: str
    model: str | None = None
    reason: str | None = None
    asked_with: tuple[str, ...] = ()
    facts_hash: str = ""
