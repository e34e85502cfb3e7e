"""Which stock band is a product in, and is the change worth a planner's attention?

Bands by days of cover against the lead time. A product falls into a worse band at its threshold and leaves it only a
quarter above (hysteresis), so that one sale to and fro does not cross a level twice."""

from __future__ import annotations

BANDS = ("out", "low", "covered", "excess")
HYSTERESIS = 1.25
EXCESS_LEAD_TIMES = 8.0
INSIGHT_COOLDOWN_DAYS = 14


def stock_band(previous: str | None, cover_days: float, lead_time_days: int) -> str:
    """The band for this cover, given the band before (None for a product seen the first time).

    out: nothing on hand. low: less than a lead time. excess: more than EXCESS_LEAD_TIMES lead times."""
    plain = _plain_band(cover_days, lead_time_days)
    if previous is None or BANDS.index(plain) <= BANDS.index(previous):
        return plain
    # Upwards: only as far as a cover smaller by the hysteresis would still reach.
    held = _plain_band(cover_days / HYSTERESIS, lead_time_days)
    return max(held, previous, key=BANDS.index)


def _plain_band(cover_days: float, lead_time_days: int) -> str:
    if cover_days <= 0:
        return "out"
    lead = max(1, lead_time_days)
    if cover_days < lead:
        return "low"
    return "excess" if cover_days > EXCESS_LEAD_TIMES * lead else "covered"


def deserves_insight(previous: str | None, band: str, as_of: int, last_insight_on: int | None) -> bool:
    """Worse than before, and not within the cool-down of the last insight (days, None if there was none)."""
    if previous is None or BANDS.index(band) >= BANDS.index(previous) or band not in ("out", "low"):
        return False
    return last_insight_on is None or as_of - last_insight_on >= INSIGHT_COOLDOWN_DAYS
