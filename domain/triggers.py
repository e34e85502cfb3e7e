"""What about a product has changed so much that a planner should hear of it?

Five levels are watched: stock, what rules refuse, who forecasts, demand, and the forecast against sales. Noisy numbers
are smoothed and must hold for some days; nothing is told of a product seen the first time, nor of one twice within the
cool-down. What is told of changes no quantity: nothing that is decided from reads what is kept here."""

from __future__ import annotations

from typing import NamedTuple

from domain.buckets import KEPT_DAYS, SLOTS, sums_of
from domain.product import ProductState
from domain.ruling import FROZEN, FULL, ORDERED, OVERRIDDEN, TOO_MANY
from domain.signals import Held, Watch, fell_short, may_be_told, stock_band

STOCK, RULE, ACCURACY, DEMAND, FORECAST = "stock", "rule", "accuracy", "demand", "forecast"

SMOOTHING = 0.3
HELD_DAYS = 3
SHARE_MIN = 0.3
UNITS_MIN = 3.0
LEFT_AT = 0.5
RECENT_DAYS = 28
REFUSALS = (FROZEN, FULL, TOO_MANY)
AGAINST_SALES = ("near sales", "above sales", "below sales")  # by Held.now: 0, 1, -1


class Crossing(NamedTuple):
    """A product went from one level to another."""

    before: str
    after: str
    level: str = STOCK


class Seen(NamedTuple):
    """What a decision has measured. cover_days is None where the stock is not known. arrivals: days on which open
    orders are expected. expected: units forecast a day. by_model: the model forecast, not the baseline."""

    as_of: int
    cover_days: float | None
    lead_time_days: int
    arrivals: tuple[int, ...]
    reorder_point: int
    expected: float
    by_model: bool
    why: str


def watched(state: ProductState, seen: Seen) -> tuple[ProductState, Crossing | None]:
    """The product with its levels as they are now, and the step that a planner should hear of, if there is one."""
    band, fall = _stock(state.band, seen)
    watch, moves = _after(state, seen)
    found = next((crossing for crossing in (*moves[:1], fall, *moves[1:]) if crossing is not None), None)
    if found is None or not may_be_told(seen.as_of, state.insight_on):
        unmoved = band == state.band and watch is state.watch
        return state if unmoved else state._replace(band=band, watch=watch), None
    return state._replace(band=band, watch=watch, insight_on=seen.as_of), found


def _stock(before: str | None, seen: Seen) -> tuple[str | None, Crossing | None]:
    """A fall is worth a word if the shelf is empty, or would be before anything arrives. Below a lead time of cover
    with goods on their way is where every product is at the end of its cycle."""
    if seen.cover_days is None:
        return before, None
    band = stock_band(before, seen.cover_days, seen.lead_time_days)
    crossing = None
    if fell_short(before, band) and (band == "out" or not _lasts_until_arrival(seen.cover_days, seen)):
        crossing = Crossing(str(before), band)
    return band, crossing


def _lasts_until_arrival(cover_days: float, seen: Seen) -> bool:
    # One that is due by now and is not here says nothing of when it will be.
    return any(seen.as_of < day <= seen.as_of + cover_days for day in seen.arrivals)


def _after(state: ProductState, seen: Seen) -> tuple[Watch, tuple[Crossing | None, ...]]:
    """The watch after this decision, and the steps of the other levels, those of a rule first."""
    watch, sold = state.watch, None
    if watch is None or seen.as_of > watch.on:
        sold = _sold_of_late(state, seen.as_of)
    gap = 0.0 if sold is None else (seen.expected - sold) * RECENT_DAYS
    source, refused = 0 if seen.by_model else 1, _refused(0 if watch is None else watch.refused, seen.why)
    if watch is None:
        point = float(seen.reorder_point)
        return Watch(seen.as_of, point, point, round(gap, 1), source=Held(source, source), refused=refused), ()
    rule = Crossing("free", "refused", RULE) if refused > watch.refused else None
    if refused != watch.refused:
        watch = watch._replace(refused=refused)
    if seen.as_of <= watch.on:
        return watch, (rule,)
    days = seen.as_of - watch.on
    before, forecaster = watch, watch.source.towards(source, seen.as_of, HELD_DAYS)
    watch = watch._replace(
        on=seen.as_of,
        point=_smoothed(watch.point, seen.reorder_point, days),
        gap=_smoothed(watch.gap, gap, days),
        source=forecaster,
    )
    watch, moved = _demand(watch, known=sold is not None)
    watch = _forecast(watch, sold)
    return watch, (rule, _to_baseline(before, watch), moved, _away_from_sales(before, watch))


def _sold_of_late(state: ProductState, as_of: int) -> float | None:
    """Units sold a day over the last RECENT_DAYS, None of a product that is not known for so long: its averages are
    still filling, which looks like growth and is none."""
    days = state.buckets
    oldest, known_from = days.newest - KEPT_DAYS, as_of - RECENT_DAYS
    sold = _in_order(sums_of(days.main), oldest)
    if not any(sold[: max(0, known_from - oldest + 1)]):
        return None
    recent = slice(max(0, known_from - oldest), max(0, as_of - oldest))
    units = sum(sold[recent])
    if days.rare is not None:
        units -= sum(_in_order(sums_of(days.rare), oldest)[recent])
    return max(0, units) / RECENT_DAYS


def _in_order(sums: memoryview, oldest: int) -> list[int]:
    """The first column of a ring of days, the oldest day first."""
    ring, begins = sums[:SLOTS].tolist(), oldest % SLOTS
    return ring[begins:] + ring[:begins]


def _smoothed(before: float, now: float, days: int) -> float:
    kept = (1 - SMOOTHING) ** days
    return round(before * kept + now * (1 - kept), 1)


def _refused(before: int, why: str) -> int:
    """Once refused, it is so until something is ordered again: that nothing is needed just now says nothing."""
    if why in REFUSALS:
        return 1
    return 0 if why in (ORDERED, OVERRIDDEN) else before


def _demand(watch: Watch, *, known: bool) -> tuple[Watch, Crossing | None]:
    """A change is measured from where demand was when it was last told of."""
    if not known:
        return watch._replace(anchor=watch.point, demand=Held()), None
    change = watch.point - watch.anchor
    demand = watch.demand.towards(_side(change, watch.anchor), watch.on, HELD_DAYS)
    if demand.now == 0:
        return watch._replace(demand=demand), None
    after = "risen" if demand.now > 0 else "fallen"
    return watch._replace(anchor=watch.point, demand=Held()), Crossing("steady", after, DEMAND)


def _side(units: float, of: float) -> int:
    """1 or -1 where so many units are much, beside this number and for themselves."""
    if abs(units) < UNITS_MIN or abs(units) <= SHARE_MIN * of:
        return 0
    return 1 if units > 0 else -1


def _forecast(watch: Watch, sold: float | None) -> Watch:
    if sold is None:
        return watch._replace(gap=0.0, forecast=Held())
    level = _side(watch.gap, sold * RECENT_DAYS)
    if level == 0 and _side(watch.gap / LEFT_AT, sold * RECENT_DAYS) == watch.forecast.now:
        level = watch.forecast.now
    return watch._replace(forecast=watch.forecast.towards(level, watch.on, HELD_DAYS))


def _away_from_sales(before: Watch, watch: Watch) -> Crossing | None:
    was, now = before.forecast.now, watch.forecast.now
    if now in (0, was):
        return None
    return Crossing(AGAINST_SALES[was], AGAINST_SALES[now], FORECAST)


def _to_baseline(before: Watch, watch: Watch) -> Crossing | None:
    return Crossing("model", "baseline", ACCURACY) if watch.source.now > before.source.now else None
