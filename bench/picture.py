"""How far ahead or behind is Restock, row by row?

One bar a row from the line of equal figures, on a logarithmic axis, so that twice as good and half as good are
equally long. Drawn from the rows alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from bench.rows import Row

WIDTH = 1_000
LEFT, RIGHT, TOP, BOTTOM = 440, 90, 78, 40
BAR_PX, GROUP_PX = 22, 34
DECADE_MAX = 4
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#334155}.title{font-size:16px;font-weight:600;fill:#0f172a}"
    ".group{font-weight:600;fill:#0f172a}.better{fill:#2563eb}.worse{fill:#ea580c}.grid{stroke:#e2e8f0}"
    ".equal{stroke:#0f172a;stroke-width:1.4}.end{text-anchor:end}.middle{text-anchor:middle}"
)


class _Scale:
    """From ratios to places: whole powers of ten at both ends, and at least one on each side of the equal line."""

    def __init__(self, ratios: Sequence[float]) -> None:
        powers = [math.log10(ratio) for ratio in ratios] or [0.0]
        self.low = max(-DECADE_MAX, min(-1, math.floor(min(powers))))
        self.high = min(DECADE_MAX, max(1, math.ceil(max(powers))))

    def x(self, ratio: float) -> float:
        power = min(self.high, max(self.low, math.log10(ratio)))
        return LEFT + (WIDTH - LEFT - RIGHT) * (power - self.low) / (self.high - self.low)


def draw(rows: Sequence[Row]) -> str:
    """The picture as SVG."""
    shown = [row for row in rows if row.ratio > 0]
    scale = _Scale([row.ratio for row in shown])
    groups = [(name, list(of_group)) for name, of_group in groupby(shown, key=lambda row: row.group)]
    height = TOP + BOTTOM + GROUP_PX * len(groups) + BAR_PX * len(shown)
    title = "Restock beside its peers: how many times better (right) or worse (left)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="20" y="28">{escape(title)}</text>',
        *_axis(scale, height),
        *_groups(scale, groups),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for power in range(scale.low, scale.high + 1):
        x = scale.x(10.0**power)
        kind = "equal" if power == 0 else "grid"
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 14}" y2="{height - BOTTOM}"/>'
        said = "equal" if power == 0 else f"{10.0**power:g}×"
        yield f'<text class="middle" x="{x:.1f}" y="{TOP - 22}">{said}</text>'
        yield f'<text class="middle" x="{x:.1f}" y="{height - BOTTOM + 20}">{said}</text>'


def _groups(scale: _Scale, groups: Sequence[tuple[str, Sequence[Row]]]) -> Iterator[str]:
    y = TOP
    for name, rows in groups:
        yield f'<text class="group" x="20" y="{y + GROUP_PX - 12}">{escape(name)}</text>'
        y += GROUP_PX
        for row in rows:
            yield from _bar(scale, row, y)
            y += BAR_PX


def _bar(scale: _Scale, row: Row, y: int) -> Iterator[str]:
    middle, end = scale.x(1.0), scale.x(row.ratio)
    better = row.ratio >= 1
    left, width = min(middle, end), max(1.0, abs(end - middle))
    yield f'<text class="end" x="{LEFT - 12}" y="{y + 14}">{escape(f"{row.peer} · {row.metric}")}</text>'
    kind = "better" if better else "worse"
    yield f'<rect class="{kind}" x="{left:.1f}" y="{y + 3}" width="{width:.1f}" height="{BAR_PX - 7}" rx="2"/>'
    # Beside the bar's end; of a bar to the left on the free side, where no label of the row stands.
    at = end if better else middle
    yield f'<text x="{at + 6:.1f}" y="{y + 14}">{ratio_said(row.ratio)}</text>'


def ratio_said(ratio: float) -> str:
    """A ratio as people read it: two figures that count."""
    digits = 0 if ratio >= 100 else 1 if ratio >= 10 else 2
    return f"{ratio:,.{digits}f}×"
