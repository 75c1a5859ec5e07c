"""Files in the form of NAS-Bench-201's table: fifty rows of made-up measurements, one after the other for all cells."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from search_spaces.nasbench201.genotype import N_CELLS, all_cells, cell_of, to_string
from search_spaces.nasbench201.table import DATA_SETS, DEVICE_METRICS, DEVICES_FILE, FILE, count_sizes

FIFTY = Path(__file__).parent / "search_spaces/nasbench201/fifty.csv"


def fifty() -> list[dict[str, str]]:
    """The made-up measurements; those of cell ``n`` are in row ``n % 50``."""
    with FIFTY.open() as file:
        return list(csv.DictReader(file))


def write_tables(root: Path, *, seed: int = 0) -> Path:
    """Both files below ``root / "nasbench201"``, their rows in an order that the seed decides; returns the folder."""
    folder = root / "nasbench201"
    folder.mkdir(parents=True)
    measured, cells = fifty(), list(all_cells())
    order = np.random.default_rng(seed).permutation(N_CELLS).tolist()
    sizes = {data.prefix: count_sizes(data.task) for data in DATA_SETS.values()}
    accuracies = {column: f"{data.prefix}_{kind}" for data in DATA_SETS.values() for column, kind in (
        *zip(data.accuracies, ("val_12ep", "val"), strict=True), (f"{data.prefix}_test", "test")
    )}
    names = [f"{prefix}_{kind}_m" for prefix in sizes for kind in ("params", "flops")]
    lines = [",".join(["index", "arch_str", *accuracies, *names])]
    device_lines = [",".join(["index", *(f"{prefix}_{name}" for prefix in sizes for name in DEVICE_METRICS)])]
    for index, number in enumerate(order):
        row = measured[number % len(measured)]
        counts = [f"{count[number]:.7g}" for pair in sizes.values() for count in pair]
        lines.append(",".join([
            str(index), to_string(cell_of(cells[number])), *(row[kind] for kind in accuracies.values()), *counts
        ]))
        device_lines.append(",".join([str(index), *(row[name] for _ in sizes for name in DEVICE_METRICS)]))
    (folder / FILE).write_text("\n".join(lines) + "\n")
    (folder / DEVICES_FILE).write_text("\n".join(device_lines) + "\n")
    return folder
