"""How fast is history folded, in how much memory, beside one plain groupby of pandas?

    PYTHONPATH=. python tests/worker/rebuilding/rate.py --rows 10000000

Ours reads Parquet, checks every row, knows each id, spreads the rows and folds every shard; the groupby reads the same
file and adds up the same days, without ids. Both in processes of their own, one after the other."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker.rebuilding.run import folded
from worker.rebuilding.spreading import pieces_of, spread

SHARDS = 64
PRODUCTS = 20_000
DAYS = 91
MS_PER_DAY = 86_400_000
FIRST_MS = 19_900 * MS_PER_DAY


def write_history(path: Path, rows: int) -> None:
    chance = np.random.default_rng(8)
    schema = pa.schema(
        [
            ("product_id", pa.string()),
            ("event_id", pa.string()),
            ("occurred_at", pa.timestamp("ms")),
            ("quantity", pa.int64()),
            ("unit_price", pa.float64()),
        ]
    )
    names = np.array([f"P{n:05}" for n in range(PRODUCTS)])
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, 500_000):
            count = min(500_000, rows - first)
            at = FIRST_MS + np.sort(chance.integers(0, DAYS * MS_PER_DAY, count))
            columns = [
                pa.array(names[chance.integers(0, PRODUCTS, count)]),
                pa.array([f"invoice-{first + n}" for n in range(count)]),
                pa.array(at, pa.timestamp("ms")),
                pa.array(chance.integers(-2, 20, count)),
                pa.array(chance.integers(50, 5_000, count) / 100),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def ours(path: Path, work: Path) -> dict[str, float]:
    began = time.monotonic()
    now = FIRST_MS + 200 * MS_PER_DAY
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        pieces = pieces_of(path, "p")
        reading = [pool.submit(spread, piece, work / piece.name, SHARDS, now) for piece in pieces]
        rows = sum(each.result()["rows"] for each in reading)
        read_s = time.monotonic() - began
        folders = [work / piece.name for piece in pieces]
        sums = [pool.submit(units_of, folders, shard) for shard in range(SHARDS)]
        units = sum(each.result() for each in sums)
    seconds = time.monotonic() - began
    most_kb = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    said = {"rows": rows, "units": units, "seconds": seconds, "read_s": read_s, "process_mb_max": most_kb / 1024}
    return {**said, "cpu_s": cpu_s()}


def cpu_s() -> float:
    """Of this process and those it waited for; on a busy machine the seconds say little."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def units_of(folders: list[Path], shard: int) -> int:
    shadow = folded(folders, shard)
    return int(shadow.sums[:, 0].sum() - shadow.sums[:, 2].sum())


def plain(path: Path) -> dict[str, float]:
    import pandas as pd

    began = time.monotonic()
    frame = pd.read_parquet(path, columns=["product_id", "occurred_at", "quantity", "unit_price"])
    frame["day"] = frame["occurred_at"].dt.floor("D")
    frame["revenue"] = frame["quantity"] * frame["unit_price"]
    days = frame.groupby(["product_id", "day"]).agg(units=("quantity", "sum"), revenue=("revenue", "sum"))
    most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.monotonic() - began
    return {
        "units": int(days["units"].sum()),
        "seconds": seconds,
        "process_mb_max": most_kb / 1024,
        "cpu_s": cpu_s(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("ours", "plain"))
    parser.add_argument("--path", type=Path)
    chosen = parser.parse_args()
    if chosen.only is None:
        compare(chosen.rows)
        return
    said = ours(chosen.path, chosen.path.parent / "work") if chosen.only == "ours" else plain(chosen.path)
    sys.stdout.write(json.dumps(said) + "\n")


def compare(rows: int) -> None:
    import subprocess

    folder = Path(tempfile.mkdtemp(prefix="restock-rate-"))
    try:
        path = folder / "history.parquet"
        write_history(path, rows)
        said = {}
        for side in ("ours", "plain"):
            command = [sys.executable, __file__, "--only", side, "--path", str(path)]
            said[side] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        assert said["ours"]["units"] == said["plain"]["units"]
        rate = rows / said["ours"]["seconds"]
        sys.stdout.write(json.dumps({**said, "rows_per_s": round(rate)}, indent=2) + "\n")
        ratio = said["plain"]["seconds"] / said["ours"]["seconds"]
        sys.stdout.write(f"{rate:,.0f} rows a second; {ratio:.2f} of the plain groupby's rate\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
