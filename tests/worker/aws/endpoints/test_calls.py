"""Which calls are made for many products, and which of the products go without when some of the calls fail?"""

from __future__ import annotations

import asyncio
import json
from itertools import chain

import numpy as np
import pytest

from domain.features import DailySeries
from domain.forecast import TotalDemand
from forecaster.formats import ItemFailed, MalformedPayload
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.endpoints.calls import HALVINGS_MAX, REFUSALS_MAX, Refused, Round, TooLarge
from worker.aws.endpoints.form import Asked


class Named:
    """A format that sends the products' names and is answered with them. failing: names without a forecast."""

    content_type = accept = "application/json"

    def __init__(self, calls_at_once=1) -> None:
        self.calls_at_once = calls_at_once

    def products_a_call(self, cover_days):
        return 1_000

    def encode(self, asked):
        return json.dumps(list(asked.items)).encode()

    def decode(self, asked, body):
        if body == b"nonsense":
            raise MalformedPayload("nonsense")
        return [ItemFailed("no") if item == "failing" else (TotalDemand(1, 1.0, 0.0),) for item in asked.items]


def asked(names):
    n = len(names)
    none = np.zeros(n)
    series = DailySeries(19_729, np.ones((n, 56), dtype=np.int64), none, none, none, ((),) * n)
    return Asked(tuple(names), series, np.ones((n, 1), dtype=np.int64))


async def outcome(names, endpoint, *, a_call=1_000, body_bytes_max=10**6, at_once=1, in_time=lambda: True):
    """The round, and the names of each call."""
    calls = []

    async def invoke(body):
        calls.append(json.loads(body))
        return await endpoint(calls[-1])

    done = Round(Named(at_once), asked(names), body_bytes_max, invoke, in_time)
    await done.ask(a_call)
    return done, calls


NAMES = [f"p{n:02}" for n in range(40)]


async def fine(_):
    return b"{}"


def refusing(*names, error=Refused):
    async def endpoint(called):
        if set(names) & set(called):
            raise error("400")
        return b"{}"

    return endpoint


def found(done):
    return [done.asked.items[row] for row in sorted(done.found)]


async def test_products_are_asked_for_in_parts_and_in_order():
    done, calls = await outcome(NAMES, fine, a_call=15)
    assert [len(call) for call in calls] == [15, 15, 10]
    assert list(chain(*calls)) == found(done) == NAMES
    assert done.failure is None


async def test_a_request_of_too_many_bytes_is_never_sent():
    _, calls = await outcome(NAMES, fine, body_bytes_max=100)
    assert max(len(json.dumps(call)) for call in calls) <= 100
    assert list(chain(*calls)) == NAMES


async def test_a_product_that_a_container_refuses_is_found_by_halving():
    done, calls = await outcome(NAMES, refusing("p23"))
    assert found(done) == [name for name in NAMES if name != "p23"]
    assert len(calls) <= 2 * 6 + 1  # 40 are halved six times
    assert not done.cut_short


async def test_what_is_too_large_is_asked_for_in_halves():
    async def endpoint(called):
        if len(called) > 7:
            raise TooLarge("413")
        return b"{}"

    done, _ = await outcome(NAMES, endpoint)
    assert found(done) == NAMES


async def test_halving_has_a_budget_and_refusals_an_end():
    done, calls = await outcome([f"{n}" for n in range(4_000)], refusing(*map(str, range(4_000))))
    assert not done.found
    assert len(calls) <= HALVINGS_MAX + REFUSALS_MAX
    assert isinstance(done.failure, Refused)


async def test_every_second_product_refused_is_not_sought_for_ever():
    names = [f"p{n:04}" for n in range(4_000)]
    done, calls = await outcome(names, refusing(*names[::2]))
    assert len(calls) <= 2 * HALVINGS_MAX + REFUSALS_MAX
    assert done.cut_short


async def test_calls_that_are_refused_now_and_then_do_not_end_the_asking():
    bad = NAMES[::3]
    done, calls = await outcome(NAMES, refusing(*bad), a_call=1)
    assert (len(calls), found(done)) == (40, [name for name in NAMES if name not in bad])


async def test_a_failure_of_the_service_ends_the_asking_and_keeps_what_was_answered():
    async def endpoint(called):
        if called[0] == "p20":
            raise TransientFailure("503")
        return b"{}"

    done, calls = await outcome(NAMES, endpoint, a_call=10)
    assert found(done) == NAMES[:20]
    assert (len(calls), done.cut_short, str(done.failure)) == (3, True, "503")


async def test_an_answer_that_cannot_be_read_costs_its_own_products_only():
    async def endpoint(called):
        return b"nonsense" if called[0] == "p10" else b"{}"

    done, _ = await outcome(NAMES, endpoint, a_call=10)
    assert found(done) == NAMES[:10] + NAMES[20:]
    assert not done.cut_short


async def test_a_product_that_failed_by_itself_is_no_failure_of_the_call():
    done, _ = await outcome(["p0", "failing", "p2"], fine)
    assert (found(done), done.failure) == (["p0", "p2"], None)


async def test_calls_side_by_side_are_never_more_than_the_format_wants():
    under_way, most = 0, 0

    async def endpoint(_):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return b"{}"

    done, calls = await outcome(NAMES, endpoint, a_call=1, at_once=8)
    assert (len(calls), most, found(done)) == (40, 8, NAMES)


@pytest.mark.parametrize("at_once", [1, 8])
async def test_a_misconfiguration_is_raised_whatever_was_answered(at_once):
    async def endpoint(called):
        if called == ["p07"]:
            raise Misconfigured("no such endpoint")
        return b"{}"

    with pytest.raises(Misconfigured, match="no such endpoint"):
        await outcome(NAMES, endpoint, a_call=1, at_once=at_once)


async def test_when_the_time_is_up_no_further_call_begins():
    left = iter([True, True, False])
    done, calls = await outcome(NAMES, fine, a_call=10, in_time=lambda: next(left))
    assert (len(calls), found(done)) == (2, NAMES[:20])
    assert str(done.failure) == "the time for asking is up"
