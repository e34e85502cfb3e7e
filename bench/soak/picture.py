"""What does the memory of a run look like?

Resident memory over sales counted, the warm-up shaded, the fitted line, and the line that would be the limit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from bench.soak.memory import Sample
from bench.soak.slope import MILLION, Line

WIDTH, HEIGHT = 900, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 46, 64, 54
POINTS_MAX = 1_500
TICKS = 6
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#334155}.title{font-size:16px;font-weight:600;fill:#0f172a}"
    ".rss{fill:none;stroke:#2563eb;stroke-width:1.4}.fit{stroke:#dc2626;stroke-width:6;stroke-opacity:.35}"
    ".limit{stroke:#64748b;stroke-width:1.3;stroke-dasharray:6 5}.grid{stroke:#e2e8f0}.warm{fill:#f1f5f9}"
)


class _Scale:
    """From sales and MB to places on the picture. The lower edge is 0 MB: nothing is magnified."""

    def __init__(self, events: int, top_mb: float) -> None:
        self.events = max(1, events)
        self.step_mb = step_of(top_mb * 1.12, TICKS)
        self.top_mb = self.step_mb * math.ceil(top_mb * 1.12 / self.step_mb)

    def x(self, events: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * events / self.events

    def y(self, mb: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * mb / self.top_mb


def step_of(span: float, ticks: int) -> float:
    """A round step that divides a span into at most so many."""
    rough = span / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if power * nice >= rough)


def draw(samples: Sequence[Sample], warm_after: int, line: Line | None, limit: float, title: str) -> str:
    """The picture as SVG."""
    scale = _Scale(max(s.events for s in samples), max(s.rss_mb for s in samples))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_warm_up(scale, warm_after),
        *_axes(scale),
        *(_lines(scale, warm_after, line, limit) if line is not None else ()),
        f'<polyline class="rss" points="{_points(samples, scale)}"/>',
        f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
        *_legend(line, limit),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _points(samples: Sequence[Sample], scale: _Scale) -> str:
    every = max(1, len(samples) // POINTS_MAX)
    return " ".join(f"{scale.x(s.events):.1f},{scale.y(s.rss_mb):.1f}" for s in samples[::every])


def _warm_up(scale: _Scale, warm_after: int) -> Iterator[str]:
    width = scale.x(warm_after) - LEFT
    yield f'<rect class="warm" x="{LEFT}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}"/>'
    yield f'<text x="{LEFT + width / 2:.1f}" y="{HEIGHT - BOTTOM - 10}" text-anchor="middle">warm-up</text>'


def _axes(scale: _Scale) -> Iterator[str]:
    for mb in np.arange(0, scale.top_mb + scale.step_mb / 2, scale.step_mb).tolist():
        y = scale.y(mb)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mb:g}</text>'
    step = step_of(scale.events, TICKS)
    for events in np.arange(0, scale.events + 1, step).tolist():
        yield f'<text x="{scale.x(events):.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{events:,.0f}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">sales counted</text>'
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<text x="18" y="{middle}" transform="rotate(-90 18 {middle})" text-anchor="middle">resident MB</text>'


def _lines(scale: _Scale, warm_after: int, line: Line, limit: float) -> Iterator[str]:
    last = scale.events
    at_limit = line.first_mb + limit * (last - warm_after) / MILLION
    for name, end in (("limit", at_limit), ("fit", line.last_mb)):
        yield (
            f'<line class="{name}" x1="{scale.x(warm_after):.1f}" y1="{scale.y(line.first_mb):.1f}" '
            f'x2="{scale.x(last):.1f}" y2="{scale.y(end):.1f}"/>'
        )


def _legend(line: Line | None, limit: float) -> Iterator[str]:
    entries = [("rss", "resident memory", 160)]
    if line is not None:
        said = f"fit {line.slope:+.1f} MB per million sales (95 %: {line.low:+.1f} to {line.high:+.1f})"
        entries += [("fit", said, 390), ("limit", f"limit {limit:g} MB per million", 0)]
    x = LEFT
    for name, said, width in entries:
        yield f'<line class="{name}" x1="{x}" x2="{x + 24}" y1="44" y2="44"/><text x="{x + 30}" y="48">{said}</text>'
        x += width
