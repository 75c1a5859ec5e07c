"""Tables of measurements of all cells: accuracies (NAS-Bench-201), latency and energy on six devices (HW-NAS-Bench).

``nasbench201.csv`` has a row for each cell: ``arch_str``, accuracies in percent after 200 and after 12 epochs,
parameters and multiply-adds in millions. ``hwnasbench201.csv`` (Li 2021, https://arxiv.org/abs/2103.10584) has latency
in ms and energy in mJ, matched by ``index``; -1 is not measurable. Either may be compressed (``.gz``). Columns with
results on the test samples are not read by a search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from evonas.data.locating import find_folder
from evonas.data.sources import stored
from evonas.data.table_files import read_table
from evonas.data.tables import Table
from evonas.objectives.metrics import Metric
from evonas.space import InvalidGenotype
from evonas.types import DataError, Doubles, Goal, Ints, Metrics, Task, UserError, suggestion
from search_spaces.cell.cost import edge_costs
from search_spaces.cell.genotype import CellGenotype
from search_spaces.nasbench201.genotype import N_CELLS, all_cells, cell_of, columns_from, columns_of, number_of
from search_spaces.nasbench201.space import NasBench201Options, NasBench201Space

FILE, DEVICES_FILE = "nasbench201.csv", "hwnasbench201.csv"
#: Folders below a data folder that are searched for the files.
FOLDERS = ("nasbench201", "")
ORIGIN = ("make it from the published benchmark (https://github.com/D-X-Y/NATS-Bench), with the columns that "
          "search_spaces.nasbench201.table describes")
#: Budgets in epochs.
BUDGETS = (12, 200)
#: Value of a measurement that the device could not make.
NOT_MEASURABLE = -1.0


@dataclass(frozen=True)
class DataSet:
    """Data set of the table.

    Attributes:
        task: Its images and classes.
        prefix: Prefix of its columns.
        accuracies: Columns of the validation accuracy, one for each budget.
    """

    task: Task
    prefix: str
    accuracies: tuple[str, str]


DATA_SETS: Mapping[str, DataSet] = MappingProxyType({
    "cifar10": DataSet(Task("classification", (3, 32, 32), 10), "c10", ("c10_val_12ep", "c10_val")),
    "cifar100": DataSet(Task("classification", (3, 32, 32), 100), "c100", ("c100_val_12ep", "c100_val_naslib")),
    "imagenet16-120": DataSet(Task("classification", (3, 16, 16), 120), "in16", ("in16_val_12ep", "in16_val_naslib")),
})

_DEVICES = {"edgegpu": "an edge GPU (Jetson TX2)", "raspi4": "a Raspberry Pi 4", "edgetpu": "an Edge TPU",
            "pixel3": "a Pixel 3", "eyeriss": "the ASIC Eyeriss", "fpga": "an FPGA (ZC706)"}
_MEASURED = "on a device, by the authors of a table"
#: Metrics of latency and energy, by the names of their columns without the data set.
DEVICE_METRICS: Mapping[str, Metric] = MappingProxyType({
    **{f"{name}_latency": Metric(f"latency on {text}", "ms per sample", _MEASURED, scale="log")
       for name, text in _DEVICES.items()},
    **{f"{name}_energy": Metric(f"energy on {_DEVICES[name]}", "mJ per sample", _MEASURED, scale="log")
       for name in ("edgegpu", "eyeriss", "fpga")},
})


@dataclass(frozen=True, eq=False)
class NasBench201Table:
    """Measurements of one data set, see :class:`evonas.capabilities.tables.ArchitectureTable`.

    Attributes:
        task: Images and classes of the data set.
        accuracies: Accuracies on the validation samples, from 0 to 1, by the number of the cell and the budget,
            ``(15625, 2)``.
        devices: Values of each metric by the number of the cell, ``(15625,)``.
        fingerprint: Digest of the values.
        budgets: Budgets in epochs.
    """

    task: Task
    accuracies: Doubles
    devices: Mapping[str, Doubles]
    fingerprint: str
    budgets: tuple[int, ...] = BUDGETS

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Error and accuracy on the validation samples, and the metrics of devices that were asked for."""
        return ("val_error", "val_accuracy", *self.devices)

    @property
    def goals(self) -> Mapping[str, Goal]:
        """Goals of the metrics of devices that were asked for: less is better."""
        return {name: DEVICE_METRICS[name].goal for name in self.devices}

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes that say how many cells a device could not run."""
        counts = {name: int((values == NOT_MEASURABLE).sum()) for name, values in self.devices.items()}
        return tuple(
            f"{n} of {N_CELLS} cells have no {name} (the table says {NOT_MEASURABLE:g}): their trials fail, and they "
            f"are left out of the front" for name, n in counts.items() if n
        )

    def check(self, space: object) -> None:
        """Raise :class:`UserError` unless the space builds the published network."""
        if not isinstance(space, NasBench201Space) or space.options != NasBench201Options():
            published = NasBench201Options()
            raise UserError(f"the table is of networks with {published.cells} cells and {published.channels} channels: "
                            "leave out the space's options, or train its networks")

    def measure(self, genotype: CellGenotype, budget: int) -> Metrics:
        """Look up the metrics of a cell, see :class:`evonas.capabilities.tables.ArchitectureTable`.

        Raises:
            LookupError: A device could not run the cell.
        """
        number = number_of(columns_of(genotype))
        accuracy = float(self.accuracies[number, self.budgets.index(budget)])
        found = {"val_error": 1 - accuracy, "val_accuracy": accuracy}
        for name, values in self.devices.items():
            if values[number] == NOT_MEASURABLE:
                raise LookupError(f"{name} of this cell was not measurable")
            found[name] = float(values[number])
        return found


class Source:
    """Reader of the table; see :class:`evonas.capabilities.tables.TableSource`."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Metrics of latency and energy on six devices."""
        return DEVICE_METRICS

    def read(self, dataset: str, root: Path | None, wanted: Collection[str]) -> NasBench201Table:
        """Read and check the table of ``cifar10``, ``cifar100`` or ``imagenet16-120``.

        Args:
            dataset: Name of the data set.
            root: A folder to search before the usual ones.
            wanted: Names of the metrics of devices that are read.

        Raises:
            UserError: There is no such data set; a file, a column or a cell is missing; a value is no such measurement.
        """
        if dataset not in DATA_SETS:
            raise UserError(f"the tables of NAS-Bench-201 are of {', '.join(DATA_SETS)}, got the data set {dataset!r}"
                            f"{suggestion(dataset, DATA_SETS)}")
        data = DATA_SETS[dataset]
        table, numbers = read_cells(root, dataset)
        accuracies = np.empty((N_CELLS, len(BUDGETS)))
        accuracies[numbers] = percentages(table, data.accuracies)
        columns = {name: f"{data.prefix}_{name}" for name in DEVICE_METRICS if name in wanted}
        devices = _read_devices(root, columns, table, numbers) if columns else {}
        digest = hashlib.blake2b(digest_size=16)
        for array in (accuracies, *devices.values()):
            digest.update(array.tobytes())
        digest.update(repr((dataset, list(devices))).encode())
        return NasBench201Table(data.task, accuracies, devices, digest.hexdigest())


#: Source that the entry point names.
SOURCE = Source()


def read_cells(root: Path | None, dataset: str) -> tuple[Table, Ints]:
    """Read the rows of ``nasbench201.csv``, and for each row the number of its cell, ``(15625,)``.

    Raises:
        UserError: The file, a column or a cell is missing, a cell is there twice, or its parameters and multiply-adds
            differ from those of its operations.
    """
    data = DATA_SETS[dataset]
    sizes = [f"{data.prefix}_params_m", f"{data.prefix}_flops_m"]
    table = _read(FILE, root, ["arch_str", "index", *data.accuracies, *sizes], texts=("arch_str", "naslib_ops"))
    numbers = np.empty(len(table.frame), np.int64)
    for row, text in enumerate(table.texts("arch_str", "the string of a cell")):
        try:
            numbers[row] = number_of(columns_from(str(text)))
        except InvalidGenotype as error:
            raise DataError(f"column arch_str of {table.path}: {error} in {table.place(row)}; get the table again"
                            ) from None
    twice = np.bincount(numbers, minlength=N_CELLS)[numbers] > 1
    if twice.any():
        raise DataError(f"{table.path}: expected each cell once, got {table.frame['arch_str'][int(twice.argmax())]} "
                        f"twice, first {table.where(twice)}; get the table again")
    if len(numbers) != N_CELLS:
        raise DataError(f"{table.path}: expected {N_CELLS} rows, one for each cell, got {len(numbers)}; get the table "
                        "again")
    for name, expected in zip(sizes, count_sizes(data.task), strict=True):
        _check_size(table, name, expected[numbers])
    return table, numbers


def percentages(table: Table, names: Sequence[str]) -> Doubles:
    """Return columns of percentages as fractions, ``(n, len(names))``; raise :class:`DataError` for other values."""
    for name in names:
        _check_columns(table, [name])
    values = table.numbers(tuple(names), missing=True)
    for name, column in zip(names, values.T, strict=True):
        _refuse(table, name, ~((column >= 0) & (column <= 100)), column, "percentages from 0 to 100")
    return values / 100


def _read(name: str, root: Path | None, columns: Sequence[str], texts: tuple[str, ...] = ()) -> Table:
    folder = find_folder("the table of NAS-Bench-201", (name,), FOLDERS, root, ORIGIN)
    path = stored(folder, name)
    if path is None:
        raise DataError(f"{folder / name}: expected a file, got none; it was removed after it had been found")
    table = read_table(path, texts)
    _check_columns(table, columns)
    return table


def _check_columns(table: Table, columns: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in table.frame.columns]:
        raise DataError(f"{table.path}: expected the columns {', '.join(columns)}, got none named "
                        f"{', '.join(missing)}; get the table again")


def _refuse(table: Table, name: str, bad: NDArray[np.bool_], values: Doubles, expected: str) -> None:
    """Raise :class:`DataError` for the first bad value of a column.

    Args:
        table: The table.
        name: Name of the column.
        bad: Mask of the bad values, ``(n,)``.
        values: The values, ``(n,)``.
        expected: Expectation for the message.
    """
    if bad.any():
        raise DataError(f"column {name} of {table.path}: expected {expected}, got {values[bad.argmax()]:g} "
                        f"{table.where(bad)}; get the table again")


def _check_size(table: Table, name: str, expected: Doubles) -> None:
    """Check that a column of millions has the sizes of the cells, to the seven digits of the file.

    Args:
        table: The table.
        name: Name of the column.
        expected: Sizes in millions, ``(n,)``.
    """
    values = table.numbers((name,), missing=True)[:, 0]
    bad = ~(np.abs(values - expected) <= 1e-6 * expected)
    _refuse(table, name, bad, values, f"{expected[bad.argmax()]:.7g} for this cell")


def count_sizes(task: Task) -> tuple[Doubles, Doubles]:
    """Count millions of parameters and of multiply-adds of each cell by its number, as published, ``(15625,)`` each."""
    space = NasBench201Space(task, NasBench201Options())
    cells = np.array(list(all_cells()))
    fixed, places = space.cost(cell_of((0,) * cells.shape[1])), np.arange(cells.shape[1])
    params, flops = (
        fixed[name] + edge_costs(space.layout)[name].astype(np.float64)[places, cells].sum(axis=1)
        for name in ("params", "flops")
    )
    return params / 1e6, (flops / 2 + task.n_outputs) / 1e6


def _read_devices(root: Path | None, columns: Mapping[str, str], cells: Table, numbers: Ints) -> dict[str, Doubles]:
    """Read the measurements of each metric by the number of the cell; rows of the two files are matched by ``index``.

    Args:
        root: A folder to search before the usual ones.
        columns: Name of the column of each metric.
        cells: Rows of ``nasbench201.csv``.
        numbers: Number of the cell of each row, ``(15625,)``.
    """
    table = _read(DEVICES_FILE, root, ["index", *columns.values()])
    theirs, ours = (each.numbers(("index",), missing=True)[:, 0] for each in (table, cells))
    if len(theirs) != N_CELLS or set(theirs.tolist()) != set(ours.tolist()):
        raise DataError(f"{table.path}: expected {N_CELLS} rows with the numbers of {cells.path} as index, got "
                        f"{len(theirs)} rows with others; get the tables again")
    values = table.numbers(tuple(columns.values()), missing=True)
    number_by_index = dict(zip(ours.tolist(), numbers.tolist(), strict=True))
    order = np.array([number_by_index[index] for index in theirs.tolist()])
    found = {}
    for name, column, each in zip(columns, columns.values(), values.T, strict=True):
        _refuse(table, column, ~((each > 0) | (each == NOT_MEASURABLE)), each, "positive numbers, or -1")
        found[name] = np.empty(N_CELLS)
        found[name][order] = each
    return found
