"""How are the numbers shown to people?

As tables in Markdown. Nothing is measured here, and the JSON object is all it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.event_ids.cpu import TIMED_BATCHES_MAX
from bench.event_ids.designs import DESIGNS, Segments
from bench.event_ids.hot_product import HOT_DAYS, HOT_SALES
from bench.event_ids.run import SIZES

WRU_DOLLARS_PER_MILLION = 0.625  # us-east-1, on demand

Said = Mapping[str, Any]


def show(said: Said) -> str:
    """The tables, for people."""
    parts = (_head(said), _costs(said), _exact(said), _hot(said), _lookups(said), _tails(said), _further(said))
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(said: Said) -> Iterator[str]:
    held, options = said["sales"], said["options"]
    yield (
        f"After {held['past']:,} sales: {held['present']:,} counted for their units, the next {held['future']:,} "
        f"timed, at most {TIMED_BATCHES_MAX} batches (median of {options['runs']} interleaved runs, {said['aws']})"
    )


def _costs(said: Said) -> Iterator[str]:
    columns = ("batch", "design", "CPU µs/sale", "ratio", "items/sale", "bytes/sale", "WRU/sale", "$/M sales")
    yield ""
    yield f"| {' | '.join(columns)} | cold RRU/product | largest item |"
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for size in map(str, SIZES):
        ours = said["replay"][Segments.name][size]["cpu_us_per_sale"]
        for kind in DESIGNS:
            row = said["replay"][kind.name][size]
            units = row["write_units_per_sale"]
            yield (
                f"| {int(size):,} | {kind.name} | {row['cpu_us_per_sale']:.0f} | {row['cpu_us_per_sale'] / ours:.2f} "
                f"| {row['items_per_sale']:.2f} | {row['bytes_per_sale']:,.0f} "
                f"| {units:.2f} | {units * WRU_DOLLARS_PER_MILLION:.2f} "
                f"| {row['cold_read_units_per_product']:.2f} | {row['largest_item']:,} |"
            )


def _exact(said: Said) -> Iterator[str]:
    yield ""
    yield "| design | delivered | commits lost | distinct | counted | exact | other date | all again: WRU + RRU/sale |"
    yield "|---|---:|---:|---:|---:|---|---|---:|"
    for name, row in said["exact"].items():
        moved = "recognised" if row["id_with_another_date_recognised"] else "counted twice"
        units = said["replay"][name]["1000"]
        again = f"{units['redelivered_write_units_per_sale']:.2f} + {units['redelivered_read_units_per_sale']:.2f}"
        yield (
            f"| {name} | {row['delivered']:,} | {row['commits_lost']:,} | {row['distinct']:,} | {row['counted']:,} "
            f"| {'yes' if row['exact'] else 'NO'} | {moved} | {again} |"
        )


def _hot(said: Said) -> Iterator[str]:
    yield ""
    yield f"One product, {HOT_SALES:,} sales in {HOT_DAYS} days:"
    yield ""
    yield "| design / sales a commit | header bytes | id items | id bytes | largest item | WRU/sale | cold RRU |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, row in said["hot"].items():
        yield (
            f"| {name} | {row['header_bytes']:,} | {row['id_items_alive']:,} | {row['id_bytes_alive']:,} "
            f"| {row['largest_item']:,} | {row['write_units_per_sale']:.2f} | {row['cold_read_units']:,} |"
        )


def _lookups(said: Said) -> Iterator[str]:
    yield ""
    yield "µs to see that an id is new among those (segments):"
    yield ""
    yield (
        "| sales a commit | ids | segments | as fold | find in each | in one run | sets | one dict "
        "| index built, an id | index, bytes an id |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for per_commit, row in said["lookup"].items():
        yield (
            f"| {per_commit} | {row['ids']:,} | {row['segments']:,} | {row['as_fold_does']:.2f} "
            f"| {row['find_in_each_segment']:.1f} | {row['find_in_one_run']:.1f} "
            f"| {row['set_for_each_segment']:.2f} | {row['one_dict']:.2f} "
            f"| {row['index_built_us_per_id']:.2f} | {row['index_bytes_per_id']:.0f} |"
        )


def _tails(said: Said) -> Iterator[str]:
    if "tails" not in said:
        return
    yield ""
    yield "Segments in batches of 1,000 with another tail:"
    yield ""
    for entries, row in said["tails"].items():
        transacted = row["write_units_were_every_write_a_transaction"]
        yield (
            f"- {entries} entries: WRU/sale {row['write_units_per_sale']:.2f} ({transacted:.2f} by transactions), "
            f"cold RRU/product {row['cold_read_units_per_product']:.2f}"
        )


def _further(said: Said) -> Iterator[str]:
    transacted = ", ".join(
        f"{int(size):,}: {row['write_units_per_sale']:.2f} → {row['write_units_were_every_write_a_transaction']:.2f}"
        for size, row in said["replay"][Segments.name].items()
    )
    probe = said["statements"]
    yield ""
    yield f"Segments, were headers that change alone in transactions too, WRU/sale: {transacted}"
    yield (
        f"Client CPU µs a header alone: PutItem {probe['put_us_per_header']:.0f}, "
        f"TransactWriteItems {probe['transaction_us_per_header']:.0f}, "
        f"BatchExecuteStatement {probe['statements_us_per_header']:.0f} "
        f"(conditions {'honoured' if probe['honoured'] else 'NOT honoured'} one by one)"
    )
