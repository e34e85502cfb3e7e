"""Does a rebuild come to the same if it is sold meanwhile, or if it is cut off, stopped and run again?"""

from __future__ import annotations

import asyncio

import pytest
from fakes.proxy import error, passed
from history_shop import TRUE, counts, sale, sets, twin_agrees

from handlers.errors import Misconfigured
from worker.rebuilding.histories import files_history

pytestmark = pytest.mark.asyncio(loop_scope="session")


# Who sells meanwhile


async def test_sales_that_arrive_while_it_runs_are_not_lost_and_count_once(shop):
    """Some of them are in the history, some are not."""
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    arriving = [*TRUE[18:40], *(sale(f"new{n}", "AB"[n % 2], 3, "2024-10-02") for n in range(10))]

    async def sell_first(call):
        shop.aws.proxy.heal()
        for each in arriving:
            await shop.counted(each)
        return await passed(call)

    shop.aws.proxy.always("BatchWriteItem", sell_first)
    done = await shop.rebuilt(clients=shop.aws.proxied)
    assert counts(done, "swapped") == (2,)
    await twin_agrees(shop, [*TRUE, *arriving[22:]])


async def test_a_product_that_is_still_counted_wrongly_is_left_alone(shop):
    shop.history(*TRUE)

    async def spoil_first(call):
        shop.aws.proxy.heal()
        await shop.counted({**TRUE[0], "quantity": 77})
        return await passed(call)

    shop.aws.proxy.always("BatchWriteItem", spoil_first)
    await shop.counted(*TRUE[1:20])
    done = await shop.rebuilt(clients=shop.aws.proxied)
    assert counts(done, "wrong_now", "swapped") == (1, 1)


# Run again


@pytest.mark.parametrize("operation", ["Scan", "BatchWriteItem", "TransactWriteItems"])
async def test_cut_off_at_any_write_and_run_again_it_comes_to_the_same(shop, operation):
    many = [sale(f"e{n}", "AB"[n % 2], n % 5, f"2024-09-{10 + n % 20}") for n in range(120)]
    await shop.counted(*({**each, "quantity": 9} for each in many[:60]))
    meanwhile = [sale(f"meanwhile-{effect}", quantity=11, day="2024-10-02") for effect in (True, False)]
    shop.history(*many, *meanwhile)
    for effect in (True, False):

        async def broken(call, effect=effect):
            if effect:
                await call.forward()
            return await error("AccessDeniedException", 400)(call)

        shop.aws.proxy.always(operation, broken)
        try:
            await shop.rebuilt(clients=shop.aws.proxied)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the next run must go on
            assert "AccessDenied" in str(exc)  # noqa: PT017
        shop.aws.proxy.heal()
        await shop.counted(sale(f"meanwhile-{effect}", quantity=11, day="2024-10-02"))
    assert (await shop.rebuilt()).whole
    await twin_agrees(shop, [*many, *meanwhile])


async def test_stopped_it_goes_on_where_it_was(shop):
    await shop.counted(*({**each, "quantity": 9} for each in TRUE[:20]))
    shop.history(*TRUE)
    stop = asyncio.Event()

    async def then_stop(call):
        stop.set()
        return await passed(call)

    shop.aws.proxy.always("BatchWriteItem", then_stop)
    done = await shop.rebuilt(clients=shop.aws.proxied, stop=stop)
    shop.aws.proxy.heal()
    assert not done.whole
    done = await shop.rebuilt()
    assert done.whole
    assert counts(done, "swapped", "products") == (2, 2)
    await twin_agrees(shop)


async def test_a_folder_with_the_work_of_another_rebuild_is_refused(shop):
    shop.history(*TRUE)
    stop = asyncio.Event()
    stop.set()
    assert not (await shop.rebuilt(stop=stop)).whole
    shop.history(*TRUE, name="other.csv")
    other = await files_history(str(shop.folder / "other.csv"), shop.clients.s3)
    with pytest.raises(Misconfigured, match="holds an unfinished rebuild of something else"):
        await shop.rebuilt(other)


async def test_files_that_come_while_it_runs_are_no_part_of_it_and_one_that_changes_stops_it(shop):
    lake = shop.folder / "lake"
    lake.mkdir()
    shop.history(*TRUE[:40], name="lake/1.csv")
    history = await files_history(str(lake), shop.clients.s3)
    shop.history(*TRUE[40:], name="lake/2.csv")  # before it is read: a part of it
    await shop.counted(*TRUE)
    stop = asyncio.Event()
    shop.aws.proxy.always("BatchGetItem", sets(stop, after=2))
    assert not (await shop.rebuilt(history, shop.aws.proxied, stop)).whole
    shop.aws.proxy.heal()
    shop.history(sale("later"), name="lake/3.csv")
    done = await shop.rebuilt(await files_history(str(lake), shop.clients.s3))
    assert counts(done, "rows", "equal") == (60, 2)
