"""The soak counts exactly, sees a planted leak, and says so only when the whole interval shows it."""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bench.soak.costs import held, odd_bodies, product, sales_body
from bench.soak.memory import Sample
from bench.soak.picture import draw
from bench.soak.run import FIRST_DAY, Options, Soaked, soak
from bench.soak.sales import POISON, Stream
from bench.soak.slope import fit
from bench.soak.verdict import judge, one_line, summary
from domain.buckets import HORIZON_DAYS, KEPT_DAYS
from domain.events import MS_PER_DAY, SaleRecorded
from worker.decode import decode
from worker.local.embedded_aws import CREDENTIALS
from worker.local.progress import Display
from worker.settings import Settings

SMALL = Options(
    events=8_000, products=30, cached_products=10, model=False, sample_every_s=0.02, settings={"batch_sales": "100"}
)
SMALL_LIMIT = 1_500.0  # So young a heap still grows by 100 to 500 by itself; a kept page is 4,096.


def samples_of(rss, events=1_000_000):
    counts = np.linspace(0, events, len(rss)).round().astype(int).tolist()
    return [Sample(i, count, float(mb)) for i, (count, mb) in enumerate(zip(counts, rss, strict=True))]


def correlated(chance, count, by):
    noise = np.zeros(count + 100)
    for i, pushed in enumerate(chance.normal(size=count + 99), 1):
        noise[i] = by * noise[i - 1] + pushed
    return noise[100:]


def small_stream(**changes):
    return Stream(**{"events": 5_000, "products": 50, "days": 1_000, "start": FIRST_DAY * MS_PER_DAY, **changes})


def soaked_with(samples, **changes):
    stream = small_stream()
    for _ in stream.chunks():
        pass
    options = Options(events=5_000, products=50, cached_products=10, days=1_000)
    done = Soaked(options, stream, Settings(), samples=samples, counted=5_000, exit_code=0)
    return replace(done, **changes)


def test_a_line_is_found_with_its_interval():
    line = fit(samples_of(np.linspace(100, 130, 200)))
    assert line.slope == pytest.approx(30, rel=0.01)
    assert line.high - line.low < 1


def test_the_interval_holds_the_truth_though_samples_hang_together():
    chance = np.random.default_rng(5)
    lines = [fit(samples_of(150 + correlated(chance, 200, 0.9))) for _ in range(200)]
    assert sum(line.low <= 0 <= line.high for line in lines) > 180


def test_waiting_says_nothing_new_about_memory():
    rss = np.linspace(100, 130, 50)
    waited = samples_of(rss) + [Sample(99, 1_000_000, 130.0)] * 500
    assert fit(waited).slope == pytest.approx(fit(samples_of(rss)).slope)


def test_too_few_samples_are_no_proof():
    with pytest.raises(ValueError, match="too few"):
        fit(samples_of([100.0] * 5))
    verdict = judge(soaked_with(samples_of([100.0] * 5, 5_000)), 8)
    assert not verdict.passed


@pytest.mark.parametrize(("mb_per_million", "passes"), [(0, True), (30, False)])
def test_only_a_slope_that_is_surely_under_the_limit_passes(mb_per_million, passes):
    rss = 150 + np.linspace(0, mb_per_million * 0.005, 100)
    verdict = judge(soaked_with(samples_of(rss, 5_000)), 8)
    assert verdict.passed is passes


def test_a_run_too_noisy_to_tell_does_not_pass():
    soaked = soaked_with(samples_of(np.repeat([150, 151] * 4, 15), 5_000))
    assert [problem.partition(" by")[0] for problem in judge(soaked, 8).problems] == ["memory may grow"]


@pytest.mark.parametrize("wrong", [{"counted": 4_999}, {"wrong": 1}, {"exit_code": 1}])
def test_a_wrong_count_or_a_crash_fails_whatever_the_memory(wrong):
    soaked = soaked_with(samples_of([150.0] * 100, 5_000), **wrong)
    verdict = judge(soaked, 8)
    assert not verdict.passed
    assert one_line(soaked, verdict).endswith("0 passed, 1 failed")


def test_what_is_sent_is_what_must_be_counted():
    stream, seen, sales = small_stream(), Counter(), []
    for chunk in stream.chunks():
        sales += chunk.sales
        for row in chunk.rows:
            events, rejected = decode(row, "m", chunk.now) if isinstance(row, str) else ([], [])
            assert not events
            seen["text"] += len(rejected)
            if not isinstance(row, str) and row not in POISON:
                seen[row["event_id"]] += 1
    assert len({sale.event_id for sale in sales}) == 5_000
    assert sum(count for count, _ in stream.expected.values()) == 5_000
    assert sum(units for _, units in stream.expected.values()) == sum(sale.quantity for sale in sales)
    assert sum(count - 1 for name, count in seen.items() if name != "text") == stream.repeated > 0
    assert stream.poison > 0


def test_a_sale_is_sent_again_weeks_later_and_never_too_late():
    stream, first_seen, oldest = small_stream(events=20_000, days=200), {}, 0
    for chunk in stream.chunks():
        first_seen.update({sale.event_id: sale.occurred_at for sale in chunk.sales})
        repeated = [row for row in chunk.rows[len(chunk.sales) :] if row not in POISON]
        again = [row["event_id"] for row in repeated]
        oldest = max(oldest, *(chunk.now - first_seen[name] for name in again))
    assert 15 < oldest / MS_PER_DAY < HORIZON_DAYS


def test_the_warm_up_lasts_until_the_cache_is_full_and_every_kept_day_has_passed():
    stream = small_stream()
    for _ in stream.chunks():
        pass
    days_passed = stream.sales_in(2 * (KEPT_DAYS + 1))
    assert stream.warm_after(10) == days_passed == 920
    rare = small_stream(products=4_000)
    for _ in rare.chunks():
        pass
    assert rare.warm_after(500) == rare.seen_at[499] > days_passed == rare.warm_after(1)


def test_the_picture_is_one_and_names_the_warm_up():
    samples = samples_of(np.linspace(150, 152, 3_000))
    drawn = ET.fromstring(draw(samples, 250_000, fit(samples), 8, "A & B"))  # noqa: S314
    said = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"A & B", "warm-up", "sales counted"} <= set(said)


def test_costs_are_those_of_the_thing_itself():
    assert held(lambda: bytes(10_000)) == pytest.approx(10_000, rel=0.02)
    assert held(lambda: product(40, 60), 1) > 5 * held(lambda: product(1, 1), 1)
    assert held(lambda: decode(sales_body(50), "m", 2**50), 1) > 50 * 300
    _, digits, _ = next(odd_bodies())
    assert held(lambda: decode(digits, "m", 2**50), 1) > 50 * len(digits)


@pytest.mark.e2e
async def test_a_real_worker_counts_exactly_and_a_planted_leak_in_it_is_seen(tmp_path, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    run = await soak(replace(SMALL, leak="pages"), tmp_path, Display(SMALL.events))
    assert (run.counted, run.wrong, run.exit_code) == (SMALL.events, 0, 0)
    assert run.stream.repeated > 0
    assert run.stream.poison > 0
    assert run.orders > 0
    verdict = judge(run, SMALL_LIMIT)
    assert verdict.line is not None
    assert verdict.line.low > SMALL_LIMIT, "a leak of a page an event was not seen"
    assert summary(run, verdict)["planted_leak"] == "pages"


def test_the_sale_of_a_stream_is_read_back_as_it_was_meant():
    chunk = next(small_stream().chunks())
    (decoded,), _ = decode(json.dumps(chunk.rows[0]), "m", chunk.now)
    assert isinstance(decoded.event, SaleRecorded)
    assert decoded.event._replace(category=None) == chunk.sales[0]
