"""Which two ways does a change become durable?

A header alone is one conditional put; with anything beside it, it is a transaction. What may befall the one may befall
the other, so tests try both."""

from __future__ import annotations

from typing import NamedTuple

from domain.events import ProductKey
from domain.product import ProductState, product_label
from fakes.clock import NOW
from fakes.examples import entry, first_change
from handlers.ports import Change


class Way(NamedTuple):
    """operation is its name on the wire, method that of a client."""

    operation: str
    method: str
    announced: bool

    def change(self, state: ProductState) -> Change:
        """A change that goes this way. What is announced with it tells it from any other of the same version."""
        if not self.announced:
            return Change(state)
        return Change(state, outbox=(entry(f"{product_label(state.key)}:{state.version}:{state.units}", NOW - 1),))

    def first(self, key: ProductKey, event_id: str = "e1", quantity: int = 1) -> Change:
        return self.change(first_change(key, event_id, quantity).state)


PUT = Way("PutItem", "put_item", announced=False)
TRANSACTION = Way("TransactWriteItems", "transact_write_items", announced=True)
WAYS = (PUT, TRANSACTION)


def name_of(way: Way) -> str:
    """How a test case is called that tries this way."""
    return way.method
