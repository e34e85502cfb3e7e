"""How do sales reach the worker by the shop's own table?

A sale becomes an item, and later perhaps another one: its quantity is mended, it is reversed, rewritten as it was,
given a note, or it grows old and DynamoDB deletes it. What each record of the stream means is on record here: a sale,
a correction, nothing, or no sale at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from domain.events import Event, ProductKey, SaleCorrected, SaleRecorded
from simulation.expressions import Item
from simulation.network import Said
from simulation.scenario import Scenario
from simulation.shards import Record
from simulation.streams import Streams
from simulation.tables import Table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRY_AGAIN_S = 1.0
BY_TABLE, BOTH_WAYS, NO_SALE = 0.8, 0.2, 0.02
CHANGES = {"mend": 0.12, "reverse": 0.06, "expire": 0.04, "rewrite": 0.04, "note": 0.04}
BY_TIME = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

Bucket = tuple[int, int, int, int, int]


class SalesTable:
    """told is given each record and the events that it means, None for one that is no sale. later: has something done
    after so many seconds. sold: a product, and how many units of it came back to the shelf."""

    def __init__(
        self,
        scenario: Scenario,
        table: Table,
        streams: Streams,
        told: Callable[[Record, list[Event | None]], None],
        later: Callable[..., None],
        sold: Callable[[ProductKey, int], None],
    ) -> None:
        self._table = table
        self._streams = streams
        self._told = told
        self._later = later
        self._sold = sold
        self._chance = Random(f"restock table {scenario.seed}")
        self._mends_within_s = scenario.load_s / 4
        self._sales: dict[tuple[str, ...], SaleRecorded] = {}
        self.counts: Counter[str] = Counter()

    def took(self, event: Event) -> bool:
        """Whether the table alone tells of this event; it may have taken it, and leave it to the queue as well."""
        if not isinstance(event, SaleRecorded) or self._chance.random() >= BY_TABLE:
            return False
        self.sell(event)
        both_ways = self._chance.random() < BOTH_WAYS
        self.counts["both_ways"] += both_ways
        return not both_ways

    def sell(self, sale: SaleRecorded) -> None:
        """Puts the item of a sale. While the table has no stream the shop waits: nobody would ever hear of it."""
        if not self._streams.enabled:
            self._later(TRY_AGAIN_S, self.sell, sale)
            return
        item = _item_of(sale)
        key = self._table.key_of(item)
        self._sales[key] = sale
        self._told(self._written(key, item), [sale])
        if self._chance.random() < NO_SALE:
            self._spoil(sale)
        for change, likely in CHANGES.items():
            if self._chance.random() < likely:
                self._in_a_while(change, key)

    def _spoil(self, sale: SaleRecorded) -> None:
        """Somebody puts an item that is no sale."""
        self.counts["no_sale"] += 1
        item = _item_of(sale._replace(event_id=f"{sale.event_id}-bad")) | {"quantity": {"S": "many"}}
        self._told(self._written(self._table.key_of(item), item), [None])

    def _in_a_while(self, change: str, key: tuple[str, ...]) -> None:
        self._later(self._chance.random() * self._mends_within_s, self._change, change, key)

    def _change(self, change: str, key: tuple[str, ...]) -> None:
        if key not in self._sales:
            return
        if not self._streams.enabled:
            self._later(TRY_AGAIN_S, self._change, change, key)
            return
        self.counts[change] += 1
        getattr(self, f"_{change}")(key)

    def _mend(self, key: tuple[str, ...]) -> None:
        """Another quantity at the same price, perhaps a return where there was a sale."""
        before = self._sales[key]
        quantity = before.quantity + self._chance.choice((-9, -2, -1, 1, 2, 5)) or 12  # never what it was
        price = before.revenue_minor // before.quantity
        after = self._sales[key] = before._replace(quantity=quantity, revenue_minor=quantity * price)
        self._sold(before.product, before.quantity - quantity)
        record = self._written(key, self._table.items[key] | {"quantity": {"N": str(quantity)}})
        self._told(record, [_correction(record, before, 0, _bucket(before), _bucket(after))])

    def _reverse(self, key: tuple[str, ...]) -> None:
        before = self._sales.pop(key)
        self._sold(before.product, before.quantity)
        record = self._written(key, None)
        self._told(record, [_correction(record, before, -1, _bucket(before), (0, 0, 0, 0, 0))])

    def _expire(self, key: tuple[str, ...]) -> None:
        """Its time to live is over: the sale was a sale all the same."""
        del self._sales[key]
        self._told(self._written(key, None, BY_TIME), [])

    def _rewrite(self, key: tuple[str, ...]) -> None:
        """The same once more, of which no stream tells."""
        same = dict(self._table.items[key])
        assert self._streams.write(self._key(key), self._table.items[key], same) is None

    def _note(self, key: tuple[str, ...]) -> None:
        item = self._table.items[key] | {"note": {"S": f"seen {self._chance.getrandbits(32)}"}}
        self._told(self._written(key, item), [])

    def _written(self, key: tuple[str, ...], item: Item | None, identity: Said | None = None) -> Record:
        record = self._streams.write(self._key(key), self._table.items.get(key), item, identity)
        assert record is not None
        self._table.show(key, item)
        return record

    def _key(self, key: tuple[str, ...]) -> Item:
        return {name: {"S": value} for name, value in zip(self._table.keys, key, strict=True)}


def _item_of(sale: SaleRecorded) -> Item:
    at = (EPOCH + timedelta(milliseconds=sale.occurred_at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    cents = sale.revenue_minor // sale.quantity
    item = {
        "product_id": {"S": sale.product.product_id},
        "sale_date": {"S": f"{at}#{sale.event_id}"},
        "event_id": {"S": sale.event_id},
        "quantity": {"N": str(sale.quantity)},
        "unit_price": {"N": f"{cents // 100}.{cents % 100:02}"},
        "promotion": {"BOOL": sale.promotion},
    }
    location_id = sale.product.location_id
    return item if location_id is None else {**item, "location_id": {"S": location_id}}


def _bucket(sale: SaleRecorded) -> Bucket:
    """What a sale alone adds to its day: sold, revenue, returned, refunded, promoted."""
    if sale.quantity < 0:
        return 0, 0, -sale.quantity, -sale.revenue_minor, 0
    return sale.quantity, sale.revenue_minor, 0, 0, sale.quantity if sale.promotion else 0


def _correction(record: Record, sale: SaleRecorded, sales: int, before: Bucket, after: Bucket) -> SaleCorrected:
    differences = (now - then for then, now in zip(before, after, strict=True))
    return SaleCorrected(sale.product, record.event_id, sale.occurred_at, sales, *differences)
