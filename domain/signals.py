"""Where does a product stand, and is a step from one level to another worth a planner's attention?

Every level is left further away than it is entered (hysteresis), or only once it has been left for some days, so that
a number that goes to and fro about a threshold does not cross it twice."""

from __future__ import annotations

from typing import NamedTuple

BANDS = ("out", "low", "covered", "excess")
HYSTERESIS = 1.25
EXCESS_LEAD_TIMES = 8.0
INSIGHT_COOLDOWN_DAYS = 14


class Held(NamedTuple):
    """A level that moves only when it was elsewhere for some days: where it is, where it is going to, since when."""

    now: int = 0
    coming: int = 0
    since: int = 0

    def towards(self, level: int, as_of: int, days: int) -> Held:
        """The level after a day on which it was measured so; it moves once that has held for so many days."""
        if level == self.now:
            return Held(level, level)
        if level != self.coming:
            return Held(self.now, level, as_of)
        return Held(level, level) if as_of - self.since >= days else self


class Watch(NamedTuple):
    """What is kept of a product to see its levels move; domain/triggers.py says how. on: the newest day it was measured
    on. point: the smoothed reorder point, anchor where that was when demand was last told of. gap: by how many units of
    a month the forecast is above what was sold, smoothed. refused: 1 while a rule refuses its orders. owed: steps that
    nobody was told of yet, as domain/triggers.py packs them."""

    on: int
    point: float
    anchor: float
    gap: float
    demand: Held = Held()
    forecast: Held = Held()
    source: Held = Held()
    refused: int = 0
    owed: int = 0


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


def fell_short(previous: str | None, band: str) -> bool:
    """Worse than before, and into a band in which the shop may have nothing to sell."""
    return previous is not None and BANDS.index(band) < BANDS.index(previous) and band in ("out", "low")


def may_be_told(as_of: int, last_insight_on: int | None) -> bool:
    """Not within the cool-down of the product's last insight (days, None if there was none)."""
    return last_insight_on is None or as_of - last_insight_on >= INSIGHT_COOLDOWN_DAYS
