"""What does a model remember of a shop beyond the days that a product's state holds?

The demand of every series it learnt from, step by step, and the sums of what belongs together: a product everywhere or
in a region, a location, a category, the shop. Whatever is asked at as_of is answered from the steps before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.events import ProductKey
from domain.features import Floats, Ints
from domain.product import product_label, product_of
from forecaster.dataset import Panel
from forecaster.periods import Periods

SERIES, PRODUCT, REGION, LOCATION, CATEGORY, SHOP = "series", "product", "region", "location", "category", "shop"
LAYERS = (SERIES, PRODUCT, REGION, LOCATION, CATEGORY, SHOP)
SERIES_MAX = 20_000  # beyond it only the sums are kept
STEPS_MAX = 2_000
GROUPS_SHARE_MAX = 0.7  # groups of hardly more than one series each say nothing new


@dataclass(frozen=True, slots=True)
class Layer:
    """Groups of series. names: the row of each group. units: float64 (groups, steps). ends: float64 (groups,
    steps + 1), the units before each step."""

    names: Mapping[str, int]
    units: Floats
    ends: Floats

    def mean(self, rows: Ints, begins: Ints, ends: Ints) -> Floats:
        """Units a step of the rows over [begins, ends), counted from the first step; the three broadcast."""
        return np.asarray((self.ends[rows, ends] - self.ends[rows, begins]) / np.maximum(ends - begins, 1))


@dataclass(frozen=True, slots=True)
class Memory:
    """layers: by name of LAYERS, those that there are. first_step: the step of each layer's first column."""

    periods: Periods
    first_step: int
    steps: int
    layers: Mapping[str, Layer]
    categories: Mapping[str, str]

    @property
    def until(self) -> int:
        return self.first_step + self.steps

    def members(self, items: Sequence[str]) -> dict[str, Ints]:
        """For each layer the row of every item (a product's label), -1 where the memory has none; int64 (n,)."""
        keys = [product_of(item) for item in items]
        return {
            name: np.array(
                [
                    layer.names.get(_group(name, item, key, self.categories), -1)
                    for item, key in zip(items, keys, strict=True)
                ],
                dtype=np.int64,
            )
            for name, layer in self.layers.items()
        }

    def save(self, path: Path) -> None:
        arrays: dict[str, NDArray[Any]] = {"first_step": np.array(self.first_step)}
        for name, layer in self.layers.items():
            arrays[f"units_{name}"] = layer.units.astype(np.float32)
            by_row = {row: group for group, row in layer.names.items()}
            # A row without a name holds what belongs to no group.
            arrays[f"names_{name}"] = np.array([by_row.get(row, "") for row in range(len(layer.units))], dtype=str)
        arrays["categories"] = np.array([*self.categories.items()], dtype=str).reshape(-1, 2)
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path, periods: Periods) -> Memory:
        with np.load(path, allow_pickle=False) as said:
            layers = {
                name: _layer(said[f"names_{name}"].tolist(), said[f"units_{name}"].astype(np.float64))
                for name in LAYERS
                if f"units_{name}" in said
            }
            steps = next(iter(layers.values())).units.shape[1]
            return cls(periods, int(said["first_step"]), steps, layers, dict(said["categories"].tolist()))


def _group(layer: str, item: str, key: ProductKey, categories: Mapping[str, str]) -> str:
    """The name of the group that an item belongs to; one that no group has where it belongs to none."""
    if layer == SERIES:
        return item
    if layer == PRODUCT:
        return key.product_id
    if layer == LOCATION:
        return key.location_id or ""
    if layer == REGION:
        # Locations that are named as `CA_1`, `CA_2` … lie together; a product in a region is a group.
        region = (key.location_id or "").rpartition("_")[0]
        return f"{key.product_id}#{region}" if region else ""
    return categories.get(item, "") if layer == CATEGORY else SHOP


def memory_of(panel: Panel) -> Memory:
    """What a model trained on the panel remembers: its newest STEPS_MAX steps."""
    demand = np.maximum(panel.filled(), 0.0)[:, -STEPS_MAX:]
    # As single precision, which is what is stored: a loaded model must say the same to the bit.
    demand = demand.astype(np.float32).astype(np.float64)
    items = [product_label(key) for key in panel.products]
    categories = {item: said for item, said in zip(items, panel.categories, strict=True) if said is not None}
    layers: dict[str, Layer] = {}
    for name in LAYERS:
        groups = [_group(name, item, key, categories) for item, key in zip(items, panel.products, strict=True)]
        found = _kept(name, groups, demand)
        if found is not None:
            layers[name] = found
    return Memory(panel.periods, panel.until - demand.shape[1], demand.shape[1], layers, categories)


def _kept(layer: str, groups: list[str], demand: Floats) -> Layer | None:
    names = sorted(set(groups))
    n = len(groups)
    if layer == SERIES:
        return _layer(groups, demand) if n <= SERIES_MAX else None
    if layer != SHOP and not 1 < len(names) <= n * GROUPS_SHARE_MAX:
        return None
    row = {name: at for at, name in enumerate(names)}
    sums = np.zeros((len(names), demand.shape[1]))
    np.add.at(sums, [row[name] for name in groups], demand)
    return _layer(names, sums.astype(np.float32).astype(np.float64))


def _layer(names: Sequence[str], units: Floats) -> Layer:
    ends = np.concatenate([np.zeros((len(units), 1)), units.cumsum(axis=1)], axis=1)
    return Layer({name: row for row, name in enumerate(names) if name}, units, ends)
