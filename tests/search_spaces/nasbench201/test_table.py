"""The table: what it says, and what is refused."""

from __future__ import annotations

import gzip
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up_table import fifty, write_tables

from evonas.testing import TableContract
from evonas.testing.lineage import generator
from evonas.types import UserError
from search_spaces.cell.space import create as create_cells
from search_spaces.nasbench201.genotype import cell_of, columns_of, number_of
from search_spaces.nasbench201.space import NasBench201Space, create
from search_spaces.nasbench201.table import DATA_SETS, DEVICE_METRICS, DEVICES_FILE, FILE, SOURCE, NasBench201Table


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that is only read."""
    return write_tables(tmp_path_factory.mktemp("data")).parent


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The first file alone, to be damaged."""
    (tmp_path / FILE).write_bytes((root / "nasbench201" / FILE).read_bytes())
    return tmp_path


@pytest.fixture(scope="module")
def of_devices(root: Path) -> NasBench201Table:
    return SOURCE.read("cifar10", root, ["raspi4_latency"])


class TestTableOfDevices(TableContract):
    @pytest.fixture
    def table(self, of_devices: NasBench201Table) -> NasBench201Table:
        return of_devices

    @pytest.fixture
    def space(self, table: NasBench201Table) -> NasBench201Space:
        return create(table.task, {})


@pytest.mark.parametrize("dataset", list(DATA_SETS))
def test_rows_are_found_by_their_cell(root: Path, dataset: str) -> None:
    table = SOURCE.read(dataset, root, ["raspi4_latency", "fpga_energy", "flops"])
    space, measured, prefix = create(table.task, {}), fifty(), DATA_SETS[dataset].prefix
    assert table.metric_names == ("val_error", "val_accuracy", "raspi4_latency", "fpga_energy")
    for seed in range(20):
        cell = space.sample(generator(seed))
        row = measured[number_of(columns_of(cell)) % 50]
        for budget, kind in ((12, "val_12ep"), (200, "val")):
            found = table.measure(cell, budget)
            assert found["val_accuracy"] == pytest.approx(float(row[f"{prefix}_{kind}"]) / 100)
            assert found["val_error"] == pytest.approx(1 - found["val_accuracy"])
            assert found["raspi4_latency"] == float(row["raspi4_latency"])
            assert found["fpga_energy"] == float(row["fpga_energy"])


def test_what_a_device_could_not_run_is_no_value_and_is_said(root: Path) -> None:
    table = SOURCE.read("cifar10", root, ["edgetpu_latency"])
    lacking = [n for n in range(50) if float(fifty()[n]["edgetpu_latency"]) == -1]
    assert lacking
    cell = cell_of(tuple(int(c) for c in np.base_repr(lacking[0], 5).rjust(6, "0")))
    with pytest.raises(LookupError, match="edgetpu_latency of this cell was not measurable"):
        table.measure(cell, 200)
    (note,) = table.notes
    n_lacking = sum(number % 50 in lacking for number in range(15_625))
    assert note.startswith(f"{n_lacking} of 15625 cells have no edgetpu_latency")
    assert SOURCE.read("cifar10", root, []).measure(cell, 200)
    assert SOURCE.read("cifar10", root, []).notes == ()


def test_the_fingerprint_is_that_of_the_values(root: Path, tmp_path: Path) -> None:
    first = SOURCE.read("cifar10", root, [])
    other = write_tables(tmp_path / "other", seed=1)  # the same values in another order
    assert SOURCE.read("cifar10", other.parent, []).fingerprint == first.fingerprint
    assert SOURCE.read("cifar100", root, []).fingerprint != first.fingerprint
    lines = (other / FILE).read_text().splitlines()
    values = lines[1].split(",")
    values[3] = "12.5"
    (other / FILE).write_text("\n".join([lines[0], ",".join(values), *lines[2:]]))
    assert SOURCE.read("cifar10", other.parent, []).fingerprint != first.fingerprint


def test_a_table_goes_to_other_processes_and_may_be_compressed(root: Path, tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.gz").write_bytes(gzip.compress((root / "nasbench201" / FILE).read_bytes()))
    table = SOURCE.read("cifar10", tmp_path, [])
    again = pickle.loads(pickle.dumps(table))
    cell = cell_of((1, 2, 3, 4, 0, 1))
    assert again.measure(cell, 12) == table.measure(cell, 12)


Damage = Callable[[list[str]], list[str]]


def change(line: int, column: int, value: str) -> Damage:
    def damaged(lines: list[str]) -> list[str]:
        values = lines[line].split(",")
        values[column] = value
        return [*lines[:line], ",".join(values), *lines[line + 1 :]]

    return damaged


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:200], "expected 15625 rows, one for each cell, got 199"),
        (lambda lines: [*lines, lines[5]], "expected each cell once, got .* twice, first in line 6"),
        (lambda lines: [*lines[:-1], lines[5]], "expected each cell once"),
        (lambda lines: [lines[0].replace("c10_val,", "c10_val_x,"), *lines[1:]], "got none named c10_val;"),
        (lambda lines: [lines[0].replace("arch_str", "arch"), *lines[1:]], "got none named arch_str;"),
        (lambda lines: [lines[0].replace("c10_flops_m", "flops"), *lines[1:]], "got none named c10_flops_m;"),
        (change(7, 1, "|none~0|"), "column arch_str .* in line 8"),
        (change(7, 2, "-1"), "column c10_val_12ep .* percentages from 0 to 100, got -1 in line 8"),
        (change(7, 3, ""), "column c10_val .* percentages from 0 to 100, got nan in line 8"),
        (change(7, 3, "many"), "column c10_val .* expected numbers, got 'many' in line 8"),
        (change(7, 11, "0.5"), "column c10_params_m .* for this cell, got 0.5 in line 8"),
        (change(7, 12, "0.5"), "column c10_flops_m .* for this cell, got 0.5 in line 8"),
        (lambda lines: [], "an empty file"),
    ],
)
def test_an_altered_table_is_refused(copy: Path, damage: Damage, message: str) -> None:
    file = copy / FILE
    lines = file.read_text().splitlines()
    file.write_text("\n".join(damage(lines)) + "\n" * bool(damage(lines)))
    with pytest.raises(UserError, match=message) as refusal:
        SOURCE.read("cifar10", copy, [])
    assert "\n" not in str(refusal.value)


FPGA = "c10_fpga_latency"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("index", "99999", "expected 15625 rows with the numbers of"),
        (FPGA, "0", "column c10_fpga_latency .* positive numbers, or -1, got 0 in line 5"),
        (FPGA, "", "positive numbers, or -1, got nan in line 5"),
        (None, "", "expected 15625 rows with the numbers of"),
        (None, FPGA, "got none named c10_fpga_latency"),
    ],
)
def test_an_altered_table_of_devices_is_refused(
    copy: Path, root: Path, column: str | None, value: str, message: str
) -> None:
    lines = (root / "nasbench201" / DEVICES_FILE).read_text().splitlines()
    if column is not None:
        lines = change(4, lines[0].split(",").index(column), value)(lines)
    elif value:
        lines[0] = lines[0].replace(value, "another")
    else:
        lines.pop()
    (copy / DEVICES_FILE).write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=message):
        SOURCE.read("cifar10", copy, ["fpga_latency"])


@pytest.mark.parametrize("name", DEVICE_METRICS)
def test_every_metric_of_a_device_needs_its_column(name: str, copy: Path, root: Path) -> None:
    lines = (root / "nasbench201" / DEVICES_FILE).read_text().splitlines()
    lines[0] = lines[0].replace(f"c10_{name}", "another")
    (copy / DEVICES_FILE).write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=f"got none named c10_{name}; get the table again"):
        SOURCE.read("cifar10", copy, [name])


def test_missing_files_and_data_sets_are_named(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(UserError, match=r"table of NAS-Bench-201: expected nasbench201.csv .*--data-root"):
        SOURCE.read("cifar10", tmp_path / "..", [])
    with pytest.raises(UserError, match=r"expected hwnasbench201\.csv"):
        SOURCE.read("cifar10", copy, ["fpga_latency"])
    assert SOURCE.read("cifar10", copy, [])  # without devices the second file is not read
    with pytest.raises(UserError, match="are of cifar10, cifar100, imagenet16-120, got the data set 'cifar', did you"):
        SOURCE.read("cifar", copy, [])


def test_other_networks_than_the_published_are_refused(root: Path) -> None:
    table = SOURCE.read("cifar10", root, [])
    table.check(create(table.task, {}))
    for space in (create(table.task, {"channels": 8}), create_cells(table.task, {"operations": "nasbench201"})):
        with pytest.raises(UserError, match=re.escape("networks with 15 cells and 16 channels")):
            table.check(space)
