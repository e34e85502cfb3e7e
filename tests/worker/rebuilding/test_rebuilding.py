"""Does the live state become what history says, and nothing else?

`restock rebuild` from a file, against the embedded AWS; the twin is a worker who counted nothing but that history."""

from __future__ import annotations

import pytest
from history_shop import TRUE, A, B, counts, sale, twin_agrees

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_state_that_is_what_history_says_is_not_touched(shop):
    await shop.counted(*TRUE)
    shop.history(*TRUE)
    before = await shop.state()
    done = await shop.rebuilt()
    assert done.whole
    assert counts(done, "products", "equal", "swap", "differences") == (2, 2, 0, 0)
    assert await shop.state() == before


async def test_what_was_counted_wrongly_and_what_was_lost_becomes_what_history_says(shop):
    wrong = [{**each, "quantity": 10 * each["quantity"]} for each in TRUE[:20]]
    await shop.counted(*wrong, *TRUE[20:50])  # the last ten were lost
    shop.history(*TRUE)
    dirty = (await shop.state()).dirty
    done = await shop.rebuilt()
    assert counts(done, "products", "swapped") == (2, 2)
    assert (await shop.state()).dirty == dirty + 1  # somebody has to decide it anew
    assert await shop.due() == {A, B}
    await twin_agrees(shop)


async def test_afterwards_every_sale_of_history_is_a_duplicate_and_a_new_one_counts(shop):
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    await shop.rebuilt()
    was = await shop.figures()
    await shop.counted(*TRUE)
    assert await shop.figures() == was
    await shop.counted(sale("new", quantity=100))
    assert (await shop.figures())[2:] == (was[2] + 1, was[3] + 100)


async def test_a_second_rebuild_finds_nothing_to_do(shop):
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    await shop.rebuilt()
    assert counts(await shop.rebuilt(), "equal", "swap") == (2, 0)


async def test_orders_stock_and_what_else_the_state_keeps_stay_as_they_are(shop):
    await shop.counted({"type": "stock_changed", "event_id": "s1", **sale("x"), "level": 40})
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    stock = (await shop.state()).stock
    done = await shop.rebuilt()
    assert counts(done, "swapped") == (2,)
    assert stock is not None
    assert (await shop.state()).stock == stock


async def test_verify_tells_each_difference_and_writes_nothing(shop):
    await shop.counted(*TRUE[1:])
    shop.history(*TRUE)
    before = await shop.state()
    done = await shop.rebuilt(write=False)
    assert counts(done, "equal", "swap", "swapped", "differences") == (1, 1, 0, 3)  # returned, refunded, sales
    assert await shop.state() == before
    assert await shop.due() == {A, B}  # as the worker left it


async def test_sales_that_history_lacks_are_kept_unless_they_are_meant_to_go(shop):
    queued = sale("by-queue", quantity=50)
    await shop.counted(*TRUE, queued, {**sale("e999", "B"), "quantity": 5})
    shop.history(*TRUE[1:], TRUE[0] | {"quantity": 5})
    done = await shop.rebuilt()
    assert counts(done, "extra", "extra_sales", "swapped") == (2, 2, 0)
    done = await shop.rebuilt(drop_extra=True)
    assert counts(done, "swapped") == (2,)
    await twin_agrees(shop, [TRUE[0] | {"quantity": 5}, *TRUE[1:]])


async def test_late_sales_are_listed_apart_and_counted_when_that_is_asked_for(shop):
    late = sale("late", quantity=40, day="2024-08-01")
    await shop.counted(*TRUE)
    await shop.counted(late)
    shop.history(late, *TRUE)
    done = await shop.rebuilt()
    assert counts(done, "late", "equal", "swap") == (1, 2, 0)
    done = await shop.rebuilt(include_late=True)
    assert counts(done, "late", "swapped") == (1, 1)
    await twin_agrees(shop, [late, *TRUE])
    assert counts(await shop.rebuilt(), "late", "equal") == (0, 2)  # it is kept aside no longer
