"""The work as DuckDB micro-batches: SQL over an in-memory database, a few statements a batch.

What makes it fast: bodies come in as one list and are decoded in SQL; sums are of
whole doubles, as sums of BIGINT are 128 bits wide; ids and products are 64-bit hashes;
daily sums are a log that is summed up and cut every COMPACT batches only; no index, as a join that builds on the batch
is cheaper than keeping one; one thread, as a batch is too small to share out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import duckdb

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
SCALE = sum(0.1 * 0.9**age for age in range(WINDOW_DAYS))
SAID = (
    '{"event_id":"VARCHAR","product_id":"VARCHAR","occurred_at":"VARCHAR","quantity":"DOUBLE","unit_price":"DOUBLE",'
    '"promotion":"BOOLEAN","category":"VARCHAR"}'
)
TABLES = """
SET threads = 1;
SET TimeZone = 'UTC';
CREATE TABLE ids (id UBIGINT, known UBIGINT);
CREATE TABLE days (product UBIGINT, day INTEGER, net DOUBLE, sold DOUBLE, revenue DOUBLE, promoted DOUBLE);
"""
# A batch's valid sales with what becomes of each, as its place in the first four OUTCOMES.
JUDGED = f"""
CREATE OR REPLACE TABLE judged AS
WITH said AS (
    SELECT place, unnest(from_json(body, '{SAID}'))
    FROM (SELECT unnest($bodies::VARCHAR[]) AS body, unnest(range(len($bodies))) AS place) WHERE json_valid(body)
), timed AS (
    SELECT *, epoch_ms(try_cast(occurred_at AS TIMESTAMPTZ)) AS time FROM said
), sales AS (
    SELECT place, product_id, hash(product_id) AS product, hash(product_id, event_id) AS id,
        hash(time, quantity, unit_price, promotion, category) AS payload, (time // {MS_PER_DAY})::INTEGER AS day,
        quantity::BIGINT AS quantity, round(coalesce(unit_price, 0) * 100)::BIGINT AS cents,
        coalesce(promotion, false) AS promotion
    FROM timed
    WHERE length(event_id) BETWEEN 1 AND {CHARS_MAX} AND length(product_id) BETWEEN 1 AND {CHARS_MAX}
        AND abs(quantity) <= {QUANTITY_MAX} AND quantity = floor(quantity)
        AND abs(coalesce(unit_price, 0)) <= {PRICE_MAX} AND length(coalesce(category, '')) <= {CHARS_MAX}
        AND time BETWEEN 0 AND $now + {FUTURE_MS}
), marked AS (
    SELECT sales.*, known, known IS NULL AND day < $newest - {HORIZON_DAYS} AS old FROM sales LEFT JOIN ids USING (id)
), reached AS (
    SELECT product, max(day) AS reached FROM days SEMI JOIN (SELECT product FROM marked WHERE old) USING (product)
    GROUP BY product
), dated AS (
    SELECT marked.*, coalesce(old AND day < reached - {HORIZON_DAYS}, false) AS late
    FROM marked LEFT JOIN reached USING (product)
)
SELECT *, CASE WHEN known IS NOT NULL THEN if(known = payload, 1, 3) WHEN late THEN 2
    WHEN row_number() OVER same_id = 1 THEN 0 ELSE if(first_value(payload) OVER same_id = payload, 1, 3) END AS outcome
FROM dated WINDOW same_id AS (PARTITION BY id, late ORDER BY place)
"""  # noqa: S608 - only numbers of ours are put in
COUNTS = """
SELECT count(*) FILTER (outcome = 0), count(*) FILTER (outcome = 1), count(*) FILTER (outcome = 2),
    count(*) FILTER (outcome = 3), max(day) FILTER (outcome = 0)
FROM judged
"""
KEEP = """
INSERT INTO ids SELECT id, payload FROM judged WHERE outcome = 0;
INSERT INTO days SELECT product, day, quantity, greatest(quantity, 0), greatest(quantity, 0) * cents,
    if(promotion, greatest(quantity, 0), 0) FROM judged WHERE outcome = 0;
"""
CUT = f"""
CREATE OR REPLACE TABLE days AS
SELECT * FROM (
    SELECT product, day, sum(net) AS net, sum(sold) AS sold, sum(revenue) AS revenue,
        sum(promoted) AS promoted
    FROM days GROUP BY product, day
) QUALIFY day >= max(day) OVER (PARTITION BY product) - {KEPT_DAYS}
"""  # noqa: S608 - only numbers of ours are put in
ROWS = f"""
WITH changed AS (SELECT DISTINCT product, product_id FROM judged WHERE outcome = 0),
by_day AS (
    SELECT product_id, $as_of - day AS age, sum(net) AS net, sum(sold) AS sold,
        sum(revenue) AS revenue, sum(promoted) AS promoted
    FROM days JOIN changed USING (product) WHERE day >= $as_of - {WINDOW_DAYS} GROUP BY product_id, age
), sums AS (
    SELECT product_id,
        coalesce(sum(net) FILTER (age = 7), 0) AS lag_7,
        coalesce(sum(net) FILTER (age = 30), 0) AS lag_30,
        coalesce(sum(net) FILTER (age <= 7), 0) / 7 AS rolling_7,
        coalesce(sum(net) FILTER (age <= 30), 0) AS month,
        coalesce(sum(net * net) FILTER (age <= 30), 0) AS squares,
        sum(net) / {WINDOW_DAYS} AS rolling_56, sum(net * 0.1::DOUBLE * pow(0.9::DOUBLE, age - 1)) / {SCALE} AS ewma,
        coalesce(sum(net) FILTER (age % 7 = 0), 0) / 8 AS same_weekday_mean,
        count(*) FILTER (net <> 0) / {WINDOW_DAYS} AS nonzero_share,
        coalesce(min(age) FILTER (net > 0), {WINDOW_DAYS + 1}) AS since,
        arg_min(revenue / sold, age) FILTER (sold > 0) AS last_price,
        sum(revenue) AS revenue, sum(sold) AS sold, sum(promoted) AS promoted
    FROM by_day GROUP BY product_id
)
SELECT product_id, lag_7, lag_30, rolling_7, month / 30, rolling_56, ewma,
    sqrt(30 * squares - month * month) / 30, same_weekday_mean, nonzero_share, since,
    CASE WHEN sold > 0 AND revenue <> 0 THEN last_price / (revenue / sold) ELSE 1 END,
    CASE WHEN sold > 0 THEN promoted / sold ELSE 0 END
FROM sums
"""  # noqa: S608 - only numbers of ours are put in


class Store:
    """The database, and the newest day counted in it."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        self.database.execute(TABLES)
        self.batches = 0
        self.newest = -1

    def take(self, bodies: list[str], now: int) -> tuple[list[int], Any, tuple[int, ...]]:
        """Counts a batch; returns the outcomes, the changed products' rows, and the calendar they share."""
        run = self.database.execute
        run(JUDGED, {"bodies": bodies, "now": now, "newest": self.newest})
        *counts, newest = run(COUNTS).fetchone() or ()
        self.newest = max(self.newest, newest if newest is not None else -1)
        run(KEEP)
        self.batches += 1
        if self.batches % COMPACT == 0:
            run(CUT)
        as_of = self.newest + 1
        return counts, run(ROWS, {"as_of": as_of}).fetchall(), calendar(as_of)


def work(batches: Iterator[Batch], tally: Tally) -> None:
    store = Store()
    for now, bodies in batches:
        with tally.clock():
            counts, rows, dates = store.take(bodies, now)
        tally.close_batch(len(bodies), counts, ((product_id, (*row, *dates)) for product_id, *row in rows))


if __name__ == "__main__":
    sys.exit(main(work))
