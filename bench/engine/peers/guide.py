"""The work as the usual guide to forecasting demand does it: for each product that a batch touches, its sales of the
last twelve months are loaded into a pandas frame, and its features are computed again for every day in it.

That is `load_historical_sales` and `prepare_features` of the guide: a frame of the table's items, dates parsed from
their texts, calendar columns, lags by `shift`, means by `rolling`, as whole columns of which the last row is asked.
Two things are put right, as the rows could not be compared otherwise: days are summed and filled with zeros before
anything rolls, and no window sees the day that is forecast. In its favour: the items are held in memory, where the
guide queries a table for them page by page; nothing is a Decimal; a product is computed once a batch, not once a sale,
nor twice as in the guide's reorder; and the features that the guide does not have are computed of the last days alone.
Decoding and counting are those of the plain peer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from bench.engine.peers.plain import Product, count_one, decoded
from bench.engine.spec import FEATURES, WINDOW_DAYS, Batch, Tally, main
from bench.engine.window import WEIGHTS

HISTORY_DAYS = 12 * 30  # the guide's months
SUMS = ["quantity_sold", "sold", "revenue", "promoted"]


class Sales:
    """A product's items as the table of sales holds them."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def sell(self, day: int, quantity: int, price_minor: int, promotion: bool) -> None:
        date = datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
        self.items.append({"sale_date": date, "quantity_sold": quantity, "price": price_minor, "promotion": promotion})

    def loaded(self, as_of: str, first: str) -> pd.DataFrame:
        """What the guide's query answers."""
        return pd.DataFrame([item for item in self.items if first <= item["sale_date"] < as_of])

    def row(self, as_of: str, first: str) -> list[float]:
        """The sixteen features as of a day."""
        features = prepare_features(daily(self.loaded(as_of, first), as_of))
        said = features.iloc[-1].to_dict() | others(features.iloc[-1 - WINDOW_DAYS : -1])
        return [float(said[name]) for name in FEATURES]


def daily(sales: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """Sums by day up to the day that is forecast, which has none."""
    sales["date"] = pd.to_datetime(sales["sale_date"])
    sales["sold"] = sales["quantity_sold"].clip(lower=0)
    sales["revenue"] = sales["sold"] * sales["price"]
    sales["promoted"] = sales["sold"] * sales["promotion"]
    start = min(sales["date"].min(), pd.Timestamp(as_of) - pd.Timedelta(days=WINDOW_DAYS))
    days = pd.date_range(start, as_of, name="date")
    return sales.groupby("date")[SUMS].sum().reindex(days, fill_value=0).reset_index()


def prepare_features(df: pd.DataFrame) -> pd.DataFrame:
    """The guide's own features, for every day, of the days before it."""
    df["day_of_week"] = df["date"].dt.day_of_week
    df["month"] = df["date"].dt.month
    df["quarter"] = df["date"].dt.quarter
    df["is_weekend"] = df["day_of_week"].isin([5, 6]).astype(int)
    df["lag_7"] = df["quantity_sold"].shift(7)
    df["lag_30"] = df["quantity_sold"].shift(30)
    df["rolling_7"] = df["quantity_sold"].shift(1).rolling(window=7).mean()
    df["rolling_30"] = df["quantity_sold"].shift(1).rolling(window=30).mean()
    return df


def others(days: pd.DataFrame) -> dict[str, float]:
    """The features that the guide does not have, of the last WINDOW_DAYS days."""
    net, sums = days["quantity_sold"], days[SUMS].sum()
    positive = net.to_numpy()[::-1] > 0
    selling = days[days["sold"] > 0]
    ratio = 1.0
    if len(selling) and sums["revenue"]:
        ratio = (selling["revenue"].iloc[-1] / selling["sold"].iloc[-1]) / (sums["revenue"] / sums["sold"])
    return {
        "rolling_56": net.mean(),
        "ewma": net.to_numpy() @ WEIGHTS,
        "std_30": net.iloc[-30:].std(ddof=0),
        "same_weekday_mean": net.iloc[::7].mean(),
        "nonzero_share": (net != 0).mean(),
        "days_since_last_sale": int(positive.argmax()) + 1 if positive.any() else WINDOW_DAYS + 1,
        "price_ratio": ratio,
        "promotion_share": sums["promoted"] / sums["sold"] if sums["sold"] else 0.0,
    }


def work(batches: Iterator[Batch], tally: Tally) -> None:
    products: dict[str, Product] = {}
    newest = -1
    for now, bodies in batches:
        with tally.clock():
            counts = [0, 0, 0, 0]
            changed: dict[str, Product] = {}
            for sale in decoded(bodies, now):
                product_id, _, day, *_ = sale
                product = products.get(product_id)
                if product is None:
                    product = products[product_id] = Product(day)
                    product.days = Sales()  # type: ignore[assignment]  # it takes sales and gives rows too
                outcome = count_one(sale, product)
                counts[outcome] += 1
                if outcome == 0:
                    changed[product_id] = product
                    newest = max(newest, day)
            as_of, first = (
                datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
                for day in (newest + 1, newest + 1 - HISTORY_DAYS)
            )
            rows = [(product_id, product.days.row(as_of, first)) for product_id, product in changed.items()]  # type: ignore[arg-type]
        tally.close_batch(len(bodies), counts, rows)


if __name__ == "__main__":
    sys.exit(main(work))
