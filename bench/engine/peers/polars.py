"""The work as Polars micro-batches: JSON decoded into columns, ids and daily sums in frames that grow by appending.

What makes it fast: one `json_decode` a batch (Python looks at single lines only when a batch has a broken one); ids and
products as 64-bit hashes, so that joins and groups compare numbers; daily sums as a log that is summed up and cut every
COMPACT batches only; and lateness looked up only for events older than the horizon of the newest day anywhere, as no
other can be late. One thread: at this batch size more threads cost CPU and gain none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import orjson
import polars as pl

from bench.engine.spec import (
    CHARS_MAX,
    FUTURE_MS,
    HORIZON_DAYS,
    MS_PER_DAY,
    PRICE_MAX,
    QUANTITY_MAX,
    WINDOW_DAYS,
    Batch,
    Tally,
    calendar,
    main,
)

COMPACT = 16
KEPT_DAYS = WINDOW_DAYS + HORIZON_DAYS
SAID = pl.Struct(
    {
        **dict.fromkeys(("event_id", "product_id", "occurred_at"), pl.String),
        **dict.fromkeys(("quantity", "unit_price"), pl.Float64),
        "promotion": pl.Boolean,
        "category": pl.String,
    }
)
SUMS = ("net", "sold", "revenue", "promoted")
NO_IDS = pl.DataFrame(schema={"id": pl.UInt64, "known": pl.UInt64})
NO_DAYS = pl.DataFrame(schema={"product": pl.UInt64, "day": pl.Int32, **dict.fromkeys(SUMS, pl.Int64)})


def decoded(bodies: list[str], now: int) -> pl.DataFrame:
    """The valid sales of a batch, one a row."""
    try:
        said = pl.Series(bodies).str.json_decode(SAID)
    except pl.exceptions.ComputeError:
        said = pl.Series([body for body in bodies if _parses(body)], dtype=pl.String).str.json_decode(SAID)
    text, number = pl.col("event_id", "product_id"), pl.col("quantity")
    time = pl.col("occurred_at").str.to_datetime("%+", strict=False).dt.epoch("ms")
    return (
        said.struct.unnest()
        .lazy()
        .with_columns(time=time)
        .filter(
            text.str.len_chars().is_between(1, CHARS_MAX),
            number.is_between(-QUANTITY_MAX, QUANTITY_MAX) & (number == number.floor()),
            pl.col("unit_price").is_between(-PRICE_MAX, PRICE_MAX).fill_null(True),
            pl.col("category").str.len_chars().le(CHARS_MAX).fill_null(True),
            pl.col("time").is_between(0, now + FUTURE_MS),
        )
        .select(
            "product_id",
            product=pl.col("product_id").hash(),
            id=pl.struct("product_id", "event_id").hash(),
            payload=pl.struct("time", "quantity", "unit_price", "promotion", "category").hash(),
            day=(pl.col("time") // MS_PER_DAY).cast(pl.Int32),
            quantity=number.cast(pl.Int64),
            cents=(pl.col("unit_price").fill_null(0) * 100).round().cast(pl.Int64),
            promotion=pl.col("promotion").fill_null(False),
        )
        .collect()
    )


def _parses(body: str) -> bool:
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False


class Store:
    """The ids counted so far and the daily sums of all products."""

    def __init__(self) -> None:
        self.ids = NO_IDS
        self.days = NO_DAYS
        self.recent: list[pl.DataFrame] = []
        self.newest = -1

    def take(self, sales: pl.DataFrame) -> tuple[list[int], pl.DataFrame]:
        """Counts the sales of a batch; returns the outcomes and the rows of the products it changed."""
        sales = sales.join(self.ids, on="id", how="left", maintain_order="left")
        fresh = sales.filter(pl.col("known").is_null())
        late = self.late(fresh)
        if len(late):
            fresh = fresh.join(late, on=["product", "day"], how="anti", maintain_order="left")
        counted = fresh.unique("id", keep="first", maintain_order=True)
        again = sales.filter(pl.col("known").is_not_null())
        same = int((again["known"] == again["payload"]).sum())
        twice = len(fresh) - len(counted)
        if twice:
            firsts = fresh.with_columns(known=pl.col("payload").first().over("id"))
            same += int((firsts["known"] == firsts["payload"]).sum()) - len(counted)
        conflicts = len(again) + twice - same
        self.ids.extend(counted.select("id", known="payload"))
        self.newest = max(self.newest, *counted["day"].top_k(1).to_list(), -1)
        self.keep(counted)
        counts = [len(counted), same, len(sales) - len(again) - len(fresh), conflicts]
        return counts, self.rows(counted.select("product", "product_id").unique("product"))

    def late(self, fresh: pl.DataFrame) -> pl.DataFrame:
        """Which products' days are late in this batch."""
        old = fresh.filter(pl.col("day") < self.newest - HORIZON_DAYS).select("product", "day").unique()
        if not len(old):
            return old
        newest = self.all_days().join(old, on="product", how="semi").group_by("product").agg(newest=pl.col("day").max())
        return old.join(newest, on="product").filter(pl.col("day") < pl.col("newest") - HORIZON_DAYS)

    def all_days(self) -> pl.DataFrame:
        return pl.concat([self.days, *self.recent])

    def keep(self, counted: pl.DataFrame) -> None:
        quantity, sold = pl.col("quantity"), pl.col("quantity").clip(0)
        self.recent.append(
            counted.select(
                "product",
                "day",
                net=quantity,
                sold=sold,
                revenue=sold * pl.col("cents"),
                promoted=sold * pl.col("promotion"),
            )
        )
        if len(self.recent) >= COMPACT:
            days = self.all_days()
            newest = pl.col("day").max().over("product")
            self.days = (
                days.group_by("product", "day").agg(pl.col(SUMS).sum()).filter(pl.col("day") >= newest - KEPT_DAYS)
            )
            self.recent = []

    def rows(self, changed: pl.DataFrame) -> pl.DataFrame:
        """The feature rows of some products, as sums over the days that have sales."""
        as_of = self.newest + 1
        return (
            self.all_days()
            .lazy()
            .filter(pl.col("day") >= as_of - WINDOW_DAYS)
            .join(changed.lazy(), on="product", how="inner")
            .group_by("product_id", "day")
            .agg(pl.col(SUMS).sum())
            .group_by("product_id")
            .agg(**features(as_of))
            .with_columns(**dict(zip(CALENDAR, map(pl.lit, calendar(as_of)), strict=True)))
            .collect()
        )


CALENDAR = ("day_of_week", "month", "quarter", "is_weekend")
SCALE = sum(0.1 * 0.9**age for age in range(WINDOW_DAYS))


def features(as_of: int) -> dict[str, pl.Expr]:
    """Every feature as an aggregate over a product's days; a day without sales adds nothing to any of them."""
    net, sold, age = pl.col("net"), pl.col("sold"), as_of - pl.col("day")
    month = net.filter(age <= 30)
    selling = pl.col("day") == pl.col("day").filter(sold > 0).max()
    last = pl.col("revenue").filter(selling).sum() / sold.filter(selling).sum()
    ratio = last / (pl.col("revenue").sum() / sold.sum())
    return {
        "lag_7": net.filter(age == 7).sum(),
        "lag_30": net.filter(age == 30).sum(),
        "rolling_7": net.filter(age <= 7).sum() / 7,
        "rolling_30": month.sum() / 30,
        "rolling_56": net.sum() / WINDOW_DAYS,
        "ewma": (net * (0.1 * pl.lit(0.9).pow(age - 1))).sum() / SCALE,
        "std_30": (30 * (month * month).sum() - month.sum() ** 2).sqrt() / 30,
        "same_weekday_mean": net.filter(age % 7 == 0).sum() / 8,
        "nonzero_share": (net != 0).sum() / WINDOW_DAYS,
        "days_since_last_sale": age.filter(net > 0).min().fill_null(WINDOW_DAYS + 1),
        "price_ratio": pl.when(ratio.is_finite()).then(ratio).otherwise(1.0),
        "promotion_share": pl.when(sold.sum() > 0).then(pl.col("promoted").sum() / sold.sum()).otherwise(0.0),
    }


def work(batches: Iterator[Batch], tally: Tally) -> None:
    store = Store()
    for now, bodies in batches:
        with tally.clock():
            counts, rows = store.take(decoded(bodies, now))
        tally.close_batch(len(bodies), counts, pairs(rows))


def pairs(rows: pl.DataFrame) -> Any:
    return ((product_id, row) for product_id, *row in rows.iter_rows())


if __name__ == "__main__":
    sys.exit(main(work))
