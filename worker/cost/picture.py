"""What does a million sales cost, in a picture?

A bar a design on a logarithmic scale, for they lie a thousandfold apart; and what Restock's consists of, on a plain
one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from worker.cost.guide import guide_bills
from worker.cost.levers import Reckoned
from worker.cost.model import Bill

WIDTH, LEFT, RIGHT, ROW, BAR = 900, 250, 110, 30, 18
TOP, GAP = 70, 76
LOWEST = 0.1
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#334155}.title{font-size:16px;font-weight:600;fill:#0f172a}"
    ".head{font-weight:600;fill:#0f172a}.ours{fill:#2563eb}.theirs{fill:#94a3b8}.apart{fill:#bfdbfe}.grid{stroke:#e2e8f0}"
)


def draw(now: Reckoned) -> str:
    """The picture as SVG."""
    bills = [now.bill, *guide_bills(now.asked)]
    parts = _services(now.bill)
    second = TOP + ROW * len(bills) + GAP
    height = second + ROW * len(parts) + 24
    title = f"{now.asked.events_per_day:,} sales a day of {now.asked.products:,} products: dollars a million sales"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title><style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            f'<text class="title" x="20" y="28">{escape(title)}</text>',
            '<text class="head" x="20" y="54">in all, without SageMaker and logs; logarithmic</text>',
            *_designs(bills),
            f'<text class="head" x="20" y="{second - 16}">what ours consists of; light: apart from the total</text>',
            *_parts(parts, second),
            "</svg>\n",
        ]
    )


def _services(bill: Bill) -> list[tuple[str, float, bool]]:
    """Dollars a million sales of each service, the dearest first, what stands apart last."""
    services = {(line.service, line.apart): 0.0 for line in bill.lines}
    for line in bill.lines:
        services[line.service, line.apart] += line.dollars / bill.sales_a_month * 1e6
    return sorted(((name, cost, apart) for (name, apart), cost in services.items()), key=lambda row: (row[2], -row[1]))


def _designs(bills: Sequence[Bill]) -> Iterator[str]:
    most = 10 ** math.ceil(math.log10(max(10.0, *(bill.per_million for bill in bills))))
    span = math.log10(most / LOWEST)
    for power in range(round(math.log10(LOWEST)), round(math.log10(most)) + 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * (power - math.log10(LOWEST)) / span
        bottom = TOP + ROW * len(bills)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{10.0**power:,g}</text>'
    for row, bill in enumerate(bills):
        share = math.log10(max(bill.per_million, LOWEST) / LOWEST) / span
        yield from _bar(TOP + ROW * row, bill.name, share, bill.per_million, "ours" if row == 0 else "theirs")


def _parts(parts: Sequence[tuple[str, float, bool]], top: float) -> Iterator[str]:
    most = max((cost for _, cost, _ in parts), default=1.0) or 1.0
    for row, (name, cost, apart) in enumerate(parts):
        yield from _bar(top + ROW * row, name, cost / most, cost, "apart" if apart else "ours")


def _bar(y: float, name: str, share: float, dollars: float, kind: str) -> Iterator[str]:
    length, middle = (WIDTH - LEFT - RIGHT) * share, y + ROW / 2
    yield f'<text x="{LEFT - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>'
    yield f'<rect class="{kind}" x="{LEFT}" y="{middle - BAR / 2:.1f}" width="{max(1.0, length):.1f}" height="{BAR}"/>'
    yield f'<text x="{LEFT + length + 8:.1f}" y="{middle + 4:.1f}">{dollars:,.2f}</text>'
