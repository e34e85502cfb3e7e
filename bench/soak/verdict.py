"""Was memory bounded, and is that shown?

Shown means that the whole 95 % interval of the slope lies under the limit: a run too short or too noisy to tell fails
as a leak does. The limit is 8 MB per million sales, 8 bytes a sale: less than the mere reference to one kept object
takes, let alone the object (a kept event id takes about 60 bytes, an event several hundred). It leaves room for what is
bounded and fills slowly: 28 intervals of 150 bytes are 2.5 MB in 600 products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.soak.memory import Sample
from bench.soak.run import Soaked
from bench.soak.slope import Line, fit
from handlers.metrics import Metric

LIMIT_MB_PER_MILLION = 8.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run has shown. problems is empty if it passed."""

    warm_after: int
    warm_mb: float
    end_mb: float
    peak_mb: float
    limit: float
    line: Line | None
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


def judge(soaked: Soaked, limit: float) -> Verdict:
    """The verdict on a run."""
    warm_after = soaked.stream.warm_after(soaked.options.cached_products)
    working = in_work(soaked.samples)
    warm = [sample for sample in working if sample.events >= warm_after]
    problems = [*_miscounted(soaked)]
    line: Line | None = None
    try:
        line = fit(warm)
    except ValueError as exc:
        problems.append(str(exc))
    if line is not None and line.high > limit:
        word = "grows" if line.low > limit else "may grow"
        problems.append(f"memory {word} by more than {limit:g} MB per million events")
    return Verdict(
        warm_after=warm_after,
        warm_mb=warm[0].rss_mb if warm else 0.0,
        end_mb=working[-1].rss_mb if working else 0.0,
        peak_mb=max((sample.rss_mb for sample in soaked.samples), default=0.0),
        limit=limit,
        line=line,
        problems=tuple(problems),
    )


def in_work(samples: list[Sample]) -> list[Sample]:
    """The samples up to the first at which all is counted: afterwards nothing comes in that could be kept."""
    if not samples:
        return []
    end = next(at for at, sample in enumerate(samples) if sample.events == samples[-1].events)
    return samples[: end + 1]


def _miscounted(soaked: Soaked) -> list[str]:
    problems = []
    if soaked.counted != soaked.options.events or soaked.wrong:
        problems.append(f"{soaked.counted:,} of {soaked.options.events:,} counted, {soaked.wrong:,} products wrong")
    if soaked.exit_code != 0:
        problems.append(f"the worker ended with code {soaked.exit_code}")
    return problems


def one_line(soaked: Soaked, verdict: Verdict) -> str:
    """All of it in a line."""
    line = verdict.line
    slope = "no slope"
    if line is not None:
        slope = f"slope {line.slope:+.2f} MB per million events (95 % {line.low:+.2f} to {line.high:+.2f})"
    exact = "each counted exactly once" if not _miscounted(soaked) else "NOT each counted exactly once"
    return (
        f"{soaked.options.events:,} events in {soaked.seconds:,.0f} s, {exact}; "
        f"resident {verdict.warm_mb:.1f} MB at the end of the warm-up ({verdict.warm_after:,} events), "
        f"{verdict.end_mb:.1f} MB at the last event, peak {verdict.peak_mb:.1f} MB; {slope}, limit {verdict.limit:g}: "
        f"{'8 bytes an event are less than a reference to it; ' if verdict.limit == LIMIT_MB_PER_MILLION else ''}"
        f"{'1 passed, 0 failed' if verdict.passed else '0 passed, 1 failed'}"
    )


def summary(soaked: Soaked, verdict: Verdict) -> dict[str, Any]:
    """Everything for scripts."""
    seen, options = soaked.observed, soaked.options
    counts = (Metric.SALES_RECEIVED, Metric.SALES_DUPLICATE, Metric.SALES_LATE, Metric.SALES_QUARANTINED)
    work = (Metric.MESSAGES, Metric.PRODUCTS_DECIDED, Metric.FORECASTS_MODEL, Metric.FORECASTS_FALLBACK)
    return {
        "passed": verdict.passed,
        "problems": list(verdict.problems),
        "events": options.events,
        "counted": soaked.counted,
        "products_wrong": soaked.wrong,
        "seconds": round(soaked.seconds, 1),
        "products": options.products,
        "cached_products": options.cached_products,
        "days": options.days,
        "planted_leak": options.leak or None,
        "sent_again": soaked.stream.repeated,
        "poison": soaked.stream.poison,
        "worker": {metric.label: seen[metric] for metric in (*counts, *work)},
        "orders_received": soaked.orders,
        "deliveries": soaked.deliveries,
        "warm_after_events": verdict.warm_after,
        "rss_mb": {"warm": verdict.warm_mb, "end": verdict.end_mb, "peak": verdict.peak_mb},
        "slope_mb_per_million": verdict.line._asdict() if verdict.line is not None else None,
        "limit_mb_per_million": verdict.limit,
        "settings": soaked.settings.model_dump(mode="json"),
        "samples": [[round(s.seconds, 1), s.events, round(s.rss_mb, 2)] for s in soaked.samples],
    }
