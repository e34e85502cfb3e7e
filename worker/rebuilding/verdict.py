"""What should become of a product's live state, by its history?

Pure: what history says of the product, how it stood before history was read, and how it stands now. What has arrived in
between is the difference of the two states; as far as history has it too, which its ids tell, it is not counted twice.
The state that comes of it is that of history and of what arrived, with everything else as it is now: orders, stock,
promotions, forecasts.

A product of which the live state counted sales that history lacks is left alone, unless they are meant to go; so is one
that is still being counted wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from domain.buckets import HORIZON_DAYS, KEPT_DAYS, NO_DAY, Bucket, Days
from domain.events import MS_PER_DAY
from domain.ledger import ENTRY_BYTES, ID_BYTES, Ledger
from domain.product import ProductState
from handlers.ports import Change
from worker.rebuilding.before import Before
from worker.rebuilding.shadow import SoldRows

ITEMS_MAX = 98  # segments written and deleted in one transaction, beside the header


class Verdict(Enum):
    """EQUAL: nothing to do. SWAP: history says otherwise. EXTRA: the live state counted sales that history lacks.
    WRONG_NOW: something that arrived meanwhile was counted with another payload than history has. TOO_LARGE: its ids
    fit no transaction."""

    EQUAL = "equal"
    SWAP = "differs"
    EXTRA = "has sales that history lacks"
    WRONG_NOW = "is still being counted wrongly"
    TOO_LARGE = "has too many ids for one transaction"


@dataclass(frozen=True, slots=True)
class Judged:
    """days: what the days should come to, of those that a state keeps. late are sales of history that came too late to
    be counted, extra those that it lacks. rows: what is counted of history."""

    verdict: Verdict
    days: Days
    sales: int
    units: int
    late: int
    extra: int
    rows: SoldRows


def judged(
    live: ProductState, before: Before, sold: SoldRows, *, include_late: bool = False, drop_extra: bool = False
) -> Judged:
    """Holds a product's state against its history."""
    ids = sold.ids()
    late = np.array([each in before.late for each in ids], dtype=bool)
    if not include_late and late.any():
        kept = ~late
        sold, ids = sold.kept(kept), [each for each, keep in zip(ids, kept.tolist(), strict=True) if keep]
    counted = _counted(live.ledger)
    known = [counted.get(each) for each in ids]
    checks = _checks(sold)
    misread = [was is not None and was != check for was, check in zip(known, checks, strict=True)]
    arrived = counted.keys() - before.ids
    both = np.array([each in arrived for each in ids], dtype=bool)
    days, sales, units = _with_arrived(live, before, sold, both)
    extra = _extra(before, sold, ids)
    equal = (days.main, _rare(days)) == (live.buckets.main, _rare(live.buckets)) and days.newest == live.buckets.newest
    if equal and (sales, units) == (live.sales, live.units):
        verdict = Verdict.EQUAL
    elif any(wrong and new for wrong, new in zip(misread, both.tolist(), strict=True)):
        verdict = Verdict.WRONG_NOW
    elif extra > 0 and not drop_extra:
        verdict = Verdict.EXTRA
    else:
        verdict = Verdict.SWAP
    return Judged(verdict, days, sales, units, int(late.sum()), max(0, extra), sold)


def _counted(ledger: Ledger) -> dict[bytes, bytes]:
    """What the ledger remembers: the digest of each id, and that of its payload."""
    whole = b"".join((*(segment.entries for segment in ledger.segments), ledger.tail))
    entries = (whole[at : at + ENTRY_BYTES] for at in range(0, len(whole), ENTRY_BYTES))
    return {entry[:ID_BYTES]: entry[ID_BYTES:] for entry in entries}


def _checks(sold: SoldRows) -> list[bytes]:
    size = ENTRY_BYTES - ID_BYTES
    whole = np.ascontiguousarray(sold.entries[:, ID_BYTES:]).tobytes()
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _rare(days: Days) -> object:
    return None if days.rare is None or not any(days.rare) else days.rare


def _with_arrived(
    live: ProductState, before: Before, sold: SoldRows, both: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[Days, int, int]:
    """The days, sales and units of history, and of what arrived meanwhile that history has not."""
    newest = max(live.buckets.newest, int(sold.days.max()) if len(sold.days) else NO_DAY)
    sums: dict[int, list[int]] = {day: list(parts) for day, parts in sold.by_day().items() if day >= newest - KEPT_DAYS}

    def add(days: dict[int, tuple[int, ...]] | dict[int, Bucket], sign: int) -> None:
        for day, parts in days.items():
            if day >= newest - KEPT_DAYS:
                so_far = sums.setdefault(day, [0] * len(Bucket._fields))
                for place, part in enumerate(parts):
                    so_far[place] += sign * part

    counted_twice = sold.kept(both)
    add(dict(live.buckets), 1)
    add(before.days, -1)
    add(counted_twice.by_day(), -1)
    days = Days.of({day: Bucket(*parts) for day, parts in sums.items() if any(parts)}, newest)
    sales = len(sold.days) + live.sales - before.sales - len(counted_twice.days)
    units = sold.units + live.units - before.units - counted_twice.units
    return days, sales, units


def _extra(before: Before, sold: SoldRows, ids: list[bytes]) -> int:
    """How many sales stood in the state that history lacks. An id so old that it may be forgotten counts as known."""
    oldest = NO_DAY if before.newest_day is None else before.newest_day - HORIZON_DAYS
    known: int = sum(each in before.ids or day < oldest for each, day in zip(ids, sold.days.tolist(), strict=True))
    return before.sales - known


def swapped(live: ProductState, verdict: Judged, now: int) -> Change | None:
    """The commit that makes the state what it should be; None if it fits no transaction. It is dirty: somebody has to
    decide it anew. What the ledger remembers stays remembered, with what history says of it.

    The ledger is written anew, and leaves a number out: nothing else ever does, so that is_swapped() knows it again."""
    before = live.ledger
    first = first_after(live)
    ledger, written = Ledger(first=first, next_number=first).append(
        _entries(live, verdict), verdict.days.newest, now // MS_PER_DAY
    )
    dropped = tuple(range(before.first, before.next_number))
    if len(written) + len(dropped) > ITEMS_MAX:
        return None
    state = live._replace(
        version=live.version + 1,
        buckets=verdict.days,
        newest_day=verdict.days.newest if verdict.days.newest != NO_DAY else None,
        sales=verdict.sales,
        units=verdict.units,
        dirty=live.dirty + 1,
        dirty_since=live.dirty_since if live.dirty else now,
        ledger=ledger,
    )
    return Change(state, written, dropped)


def first_after(live: ProductState) -> int:
    """The first segment of the ledger that a swap of this state leaves."""
    return live.ledger.next_number + 1


def is_swapped(live: ProductState, first: int) -> bool:
    """Whether the swap that would leave this first segment has taken effect."""
    return live.ledger.first >= first


def _entries(live: ProductState, verdict: Judged) -> bytes:
    """What is remembered afterwards: all that was, and of history what may still come again and would not be late."""
    counted, rows = _counted(live.ledger), verdict.rows
    oldest = verdict.days.newest - HORIZON_DAYS
    said = dict(zip(rows.ids(), _checks(rows), strict=True))
    recent = zip(said, (rows.days >= oldest).tolist(), strict=True)
    missing = [each for each, is_recent in recent if is_recent and each not in counted]
    remembered = b"".join(each + said.get(each, was) for each, was in counted.items())
    return remembered + b"".join(each + said[each] for each in missing)
