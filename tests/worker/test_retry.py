"""Only what passes is tried again, a bounded number of times, at growing distances."""

from __future__ import annotations

import pytest

from handlers.errors import InvalidEvent, Misconfigured, Overloaded, TransientFailure
from worker.retry import ATTEMPTS, WAIT_MAX_S, retrying


class Failing:
    def __init__(self, *errors) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def sleep(waits):
    async def sleep(seconds):
        waits.append(seconds)

    return sleep


async def test_a_success_is_not_repeated(sleep):
    call = Failing()
    assert (await retrying(call, sleep=sleep), call.calls) == ("done", 1)


@pytest.mark.parametrize("error", [TransientFailure("x"), Overloaded("x")])
async def test_what_passes_is_tried_again(sleep, waits, error):
    call = Failing(error, error)
    assert (await retrying(call, sleep=sleep), call.calls) == ("done", 3)
    assert len(waits) == 2


async def test_the_last_failure_is_raised_as_it_is(sleep, waits):
    errors = [TransientFailure(str(n)) for n in range(ATTEMPTS)]
    last = errors[-1]
    call = Failing(*errors)
    with pytest.raises(TransientFailure) as caught:
        await retrying(call, sleep=sleep)
    assert (caught.value, call.calls, len(waits)) == (last, ATTEMPTS, ATTEMPTS - 1)


@pytest.mark.parametrize("error", [Misconfigured("x"), InvalidEvent("x"), ValueError("x"), KeyboardInterrupt()])
async def test_what_does_not_pass_is_raised_at_once(sleep, error):
    call = Failing(error)
    with pytest.raises(type(error)):
        await retrying(call, sleep=sleep)
    assert call.calls == 1


async def test_waits_are_bounded_and_jittered(sleep, waits):
    with pytest.raises(TransientFailure):
        await retrying(Failing(*[TransientFailure("x")] * 40), attempts=40, sleep=sleep)
    assert all(0 <= wait <= WAIT_MAX_S for wait in waits)
    assert len(set(waits)) > 30
