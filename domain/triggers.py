"""What about a product has changed so much that a planner should hear of it?

Five levels are watched: stock, what rules refuse, who forecasts, demand, and the forecast against sales. Noisy numbers
are smoothed and must hold for some days. Nothing is told of a product seen the first time, nor within the cool-down,
which only a shelf that empties breaks; what happened meanwhile is told afterwards if it still holds. What is told of
changes no quantity: nothing that is decided from reads what is kept here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from domain.buckets import KEPT_DAYS, SLOTS, sums_of
from domain.product import ProductState
from domain.ruling import FROZEN, FULL, ORDERED, OVERRIDDEN, TOO_MANY
from domain.signals import BANDS, INSIGHT_COOLDOWN_DAYS, Held, Watch, fell_short, may_be_told, stock_band

STOCK, RULE, ACCURACY, DEMAND, FORECAST = "stock", "rule", "accuracy", "demand", "forecast"
BY_RANK = (RULE, STOCK, ACCURACY, DEMAND, FORECAST)
"""Of several steps the first of these is told."""

SMOOTHING = 0.3
HELD_DAYS = 3
BACK_DAYS = INSIGHT_COOLDOWN_DAYS  # an endpoint that comes and goes is told of once
SHARE_MIN = 0.3
UNITS_MIN = 3.0
LEFT_AT = 0.5
RECENT_DAYS = 28
REFUSALS = (FROZEN, FULL, TOO_MANY)
# Watch.owed: where a fall of stock began (an index of BANDS, 0 for none), a bit a level, and whether it was told that
# the shelf is empty. Demand needs none: its anchor stays where it is until it is told of.
FELL_FROM, OWED_BITS, OUT_IS_TOLD = 0b11, {RULE: 4, ACCURACY: 8, FORECAST: 16}, 32
OWED = FELL_FROM | 4 | 8 | 16
AGAINST_SALES = ("near sales", "above sales", "below sales")  # by Held.now: 0, 1, -1


class Crossing(NamedTuple):
    """A product went from one level to another."""

    before: str
    after: str
    level: str = STOCK


class Seen(NamedTuple):
    """What a decision has measured. cover_days is None where the stock is not known. arrivals: days on which open
    orders are expected. reorder_point: that of a shop that loses no sale. expected: units forecast a day. by_model: the
    model forecast, not the baseline."""

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
    watch, steps = _after(state, seen)
    if fall is not None:
        steps.append(fall)
    if watch.owed:
        first_today = state.watch is not None and watch.on > state.watch.on
        watch = _settled(watch, steps, band, seen, first_today=first_today)
    if not steps:
        unmoved = band == state.band and watch is state.watch
        return state if unmoved else state._replace(band=band, watch=watch), None
    told = _to_tell(steps, seen.as_of, state.insight_on, watch.owed)
    # A whole endpoint that is away is no news of this product, after which it would have to be silent.
    quiet_from = state.insight_on if told is None or told.level == ACCURACY else seen.as_of
    return state._replace(band=band, watch=_noted(watch, steps, told), insight_on=quiet_from), told


def _to_tell(steps: list[Crossing], as_of: int, insight_on: int | None, owed: int) -> Crossing | None:
    steps.sort(key=lambda step: BY_RANK.index(step.level))
    if may_be_told(as_of, insight_on):
        return steps[0]
    empty = (step for step in steps if step.after == "out" and not owed & OUT_IS_TOLD)
    return next(empty, None)


def _settled(watch: Watch, steps: list[Crossing], band: str | None, seen: Seen, *, first_today: bool) -> Watch:
    """The watch without what it owed, which joins the steps if it still holds. Looked at once a day."""
    owed = watch.owed
    if band in ("covered", "excess"):
        owed &= ~OUT_IS_TOLD
    if first_today and owed & OWED:
        levels = {step.level for step in steps}
        steps += [late for late in _owed(watch, band, seen) if late.level not in levels]
        owed &= ~OWED
    return watch if owed == watch.owed else watch._replace(owed=owed)


def _owed(watch: Watch, band: str | None, seen: Seen) -> Iterator[Crossing]:
    owed, began = watch.owed, BANDS[watch.owed & FELL_FROM]
    if owed & FELL_FROM and band is not None and seen.cover_days is not None and _is_worth_a_word(began, band, seen):
        yield Crossing(began, band)
    if owed & OWED_BITS[RULE] and watch.refused:
        yield Crossing("free", "refused", RULE)
    if owed & OWED_BITS[ACCURACY] and watch.source.now:
        yield Crossing("model", "baseline", ACCURACY)
    if owed & OWED_BITS[FORECAST] and watch.forecast.now:
        yield Crossing(AGAINST_SALES[0], AGAINST_SALES[watch.forecast.now], FORECAST)


def _noted(watch: Watch, steps: list[Crossing], told: Crossing | None) -> Watch:
    """The watch that knows what was told, and owes the rest."""
    owed = watch.owed
    for step in steps:
        if step is told:
            if step.level == DEMAND:
                watch = watch._replace(anchor=watch.point, demand=Held())
            elif step.after == "out":
                owed |= OUT_IS_TOLD
        elif step.level == STOCK:
            owed = owed & ~FELL_FROM | max(BANDS.index(step.before), owed & FELL_FROM)
        else:
            owed |= OWED_BITS.get(step.level, 0)
    return watch._replace(owed=owed)


def _stock(before: str | None, seen: Seen) -> tuple[str | None, Crossing | None]:
    """A fall is worth a word if the shelf is empty, or would be before anything arrives. Below a lead time of cover
    with goods on their way is where every product is at the end of its cycle."""
    if seen.cover_days is None:
        return before, None
    band = stock_band(before, seen.cover_days, seen.lead_time_days)
    return band, Crossing(str(before), band) if _is_worth_a_word(before, band, seen) else None


def _is_worth_a_word(before: str | None, band: str, seen: Seen) -> bool:
    return fell_short(before, band) and (band == "out" or not _lasts_until_arrival(seen.cover_days or 0.0, seen))


def _lasts_until_arrival(cover_days: float, seen: Seen) -> bool:
    # One that is due by now and is not here says nothing of when it will be.
    return any(seen.as_of < day <= seen.as_of + cover_days for day in seen.arrivals)


def _after(state: ProductState, seen: Seen) -> tuple[Watch, list[Crossing]]:
    """The watch after this decision, and the steps of the other levels."""
    watch, sold = state.watch, None
    if watch is None or seen.as_of > watch.on:
        sold = _sold_of_late(state, seen.as_of)
    gap = 0.0 if sold is None else (seen.expected - sold) * RECENT_DAYS
    source, refused = 0 if seen.by_model else 1, _refused(0 if watch is None else watch.refused, seen.why)
    if watch is None:
        point = float(seen.reorder_point)
        return Watch(seen.as_of, point, point, round(gap, 1), source=Held(source, source), refused=refused), []
    steps = [Crossing("free", "refused", RULE)] if refused > watch.refused else []
    if refused != watch.refused:
        watch = watch._replace(refused=refused)
    if seen.as_of <= watch.on:
        return watch, steps
    days = seen.as_of - watch.on
    before, forecaster = watch, watch.source.towards(source, seen.as_of, HELD_DAYS if source else BACK_DAYS)
    watch = watch._replace(
        on=seen.as_of,
        point=_smoothed(watch.point, seen.reorder_point, days),
        gap=_smoothed(watch.gap, gap, days),
        source=forecaster,
    )
    watch = _forecast(_demand(watch, known=sold is not None), sold)
    moved = (_to_baseline(before, watch), _demand_moved(watch), _away_from_sales(before, watch))
    return watch, [*steps, *(step for step in moved if step is not None)]


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


def _demand(watch: Watch, *, known: bool) -> Watch:
    """A change is measured from where demand was when it was last told of."""
    if not known:
        return watch._replace(anchor=watch.point, demand=Held())
    change = watch.point - watch.anchor
    return watch._replace(demand=watch.demand.towards(_side(change, watch.anchor), watch.on, HELD_DAYS))


def _demand_moved(watch: Watch) -> Crossing | None:
    """Said anew every day, until it is told of or over."""
    if watch.demand.now == 0:
        return None
    return Crossing("steady", "risen" if watch.demand.now > 0 else "fallen", DEMAND)


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
