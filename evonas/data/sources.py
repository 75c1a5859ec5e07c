"""The named data sets: their files, their contents, and how one part of them is read."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.archives import read_npz
from evonas.data.arrays import RawSamples, raw_samples
from evonas.data.formats import parse_cifar10, parse_idx, read_bytes, read_csv
from evonas.data.splitting import stratified_split
from evonas.types import DataError, Doubles, Ints, Task

Part: TypeAlias = Literal["train", "validation", "test"]
#: Share that is held out of a data set without a published test set; the rows do not depend on the run's seed.
TEST_SHARE = 0.2
TEST_SEED = 0

BOSTON_FEATURES = ("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT")
BOSTON_TARGET = "MEDV"
#: File of the digits in the folder of scikit-learn: 64 pixels and a label per line.
DIGITS = "datasets/data/digits.csv.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set: the location of its files and the way to read one part of it.

    Attributes:
        name: Name or path of the data set.
        task: The task; None for a user's file, whose task follows from its arrays.
        n_train: Published number of training samples, 0 if unknown.
        n_test: Published number of test samples, 0 if unknown.
        files: Files that must be together in one folder, each with or without ``.gz``, mapped to the SHA-256 of the
            decompressed content, or None if no verified one is known. Empty for data that come with a dependency.
        subfolders: Folders below a data folder that are searched for the files.
        read: Callable from ``(folder, part)`` to checked samples; it reads nothing of the other part's files if they
            are separate. For a user's file it also takes ``axes`` and ``task``, like
            :func:`evonas.data.arrays.raw_samples`, or as ``like`` the training samples, which determine how all other
            parts are read.
        url: Base address of the published files, for an explicit download; None if there is none to verify.
        origin: Way to get the data by hand, as the end of a sentence.
        note: Caveats for users.
    """

    name: str
    task: Task | None
    n_train: int = 0
    n_test: int = 0
    files: Mapping[str, str | None] = field(default_factory=dict)
    subfolders: tuple[str, ...] = ("",)
    read: Callable[..., RawSamples]
    url: str | None = None
    origin: str = ""
    note: str = ""


def stored(folder: Path, name: str) -> Path | None:
    """The file ``name`` or ``name.gz`` in ``folder``, if there is one."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _present(folder: Path, name: str) -> Path:
    path = stored(folder, name)
    if path is None:
        raise DataError(f"{folder / name}: expected a file, got none; it was removed after it had been found")
    return path


def _read_npz(file: str, folder: Path, part: Part) -> RawSamples:
    path = _present(folder, file)
    x, y = read_npz(path, [f"x_{part}", f"y_{part}"])
    return raw_samples(x, y, f"{path} ({part})")


def _read_idx(name: str, folder: Path, part: Part) -> RawSamples:
    prefix = "t10k" if part == "test" else "train"
    images = _present(folder, f"{prefix}-images-idx3-ubyte")
    labels = _present(folder, f"{prefix}-labels-idx1-ubyte")
    content = read_bytes(labels)
    # MNIST and its derivatives share their file names; without this check the wrong one would be used unnoticed.
    digest = hashlib.sha256(content).hexdigest()
    for other in SOURCES.values():
        if other.name != name and digest in other.files.values():
            raise DataError(f"{labels}: expected the labels of {name}, got those of {other.name}; load {other.name!r}, "
                            f"or put the files of {name} into a folder of that name")
    return raw_samples(parse_idx(read_bytes(images), images, 3), parse_idx(content, labels, 1), f"{name} ({part})")


def _read_cifar10(folder: Path, part: Part) -> RawSamples:
    names = ["test_batch.bin"] if part == "test" else [f"data_batch_{i}.bin" for i in range(1, 6)]
    paths = [_present(folder, name) for name in names]
    records = [parse_cifar10(read_bytes(path), path) for path in paths]
    pixels = np.concatenate([batch[:, 1:] for batch in records]).reshape(-1, 3, 32, 32)
    return raw_samples(pixels, np.concatenate([batch[:, 0] for batch in records]), f"cifar10 ({part})")


def _read_digits(_: Path, part: Part) -> RawSamples:
    images, labels = read_digits()
    rows = _fixed_part(labels, part, "digits")
    return raw_samples(images[rows], labels[rows], f"digits ({part})")


def read_digits() -> tuple[NDArray[np.uint8], Ints]:
    """Images ``(1797, 8, 8)`` and their labels, from scikit-learn's file.

    Importing scikit-learn takes seconds, which matter in a short search.
    """
    package = importlib.util.find_spec("sklearn")
    file = None if package is None or package.origin is None else Path(package.origin).parent / DIGITS
    if file is None or not file.is_file():
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.images.astype(np.uint8), digits.target.astype(np.int64)
    table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    return table[:, :-1].reshape(-1, 8, 8).astype(np.uint8), table[:, -1]


def _read_boston(folder: Path, part: Part) -> RawSamples:
    table: Doubles = read_csv(_present(folder, "boston_housing.csv"), (*BOSTON_FEATURES, BOSTON_TARGET))
    table = table[_fixed_part(np.zeros(len(table), np.int64), part, "boston")]
    return raw_samples(table[:, :-1], table[:, -1], f"boston ({part})")


def _fixed_part(strata: Ints, part: Part, origin: str) -> Ints:
    """The rows of one part of a data set that has no published test set, in the order of the file.

    Args:
        strata: Stratum of each row, ``(n,)``.
        part: The part.
        origin: Description of the data for messages.
    """
    rng = np.random.default_rng(TEST_SEED)
    test, train = stratified_split(strata, round(TEST_SHARE * len(strata)), None, rng, origin)
    return np.sort(train if part == "train" else test)


def _idx_source(name: str, folder: str, url: str, digests: tuple[str, str, str, str]) -> Source:
    files = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    return Source(
        name=name, task=Task("classification", (1, 28, 28), 10), n_train=60_000, n_test=10_000,
        files=dict(zip(files, digests, strict=True)), subfolders=(name, f"{name}/raw", f"{folder}/raw", ""),
        read=partial(_read_idx, name), url=url, origin=f"download the four files from {url}",
    )


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="digits", task=Task("classification", (1, 8, 8), 10), n_train=1438, n_test=359, read=_read_digits,
            note="scikit-learn's copy of the UCI optical digits; a fixed stratified 20 % is held out as the test set",
        ),
        _idx_source("mnist", "MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist/", (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        )),
        _idx_source("fashion-mnist", "FashionMNIST", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        )),
        Source(
            name="cifar10", task=Task("classification", (3, 32, 32), 10), n_train=50_000, n_test=10_000,
            files={**{f"data_batch_{i}.bin": None for i in range(1, 6)}, "test_batch.bin": None},
            subfolders=("cifar10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin", ""), read=_read_cifar10,
            origin="download and unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            note="only the binary version is read; the Python version is pickled, and pickles are never read",
        ),
        Source(
            name="mnist1d", task=Task("classification", (40,), 10), n_train=4_000, n_test=1_000,
            files={"mnist1d_data.npz": None}, subfolders=("mnist1d", ""), read=partial(_read_npz, "mnist1d_data.npz"),
            origin="generate it, since the published file is a pickle, which is never read: pip install mnist1d, then "
            "python -c \"import numpy; from mnist1d.data import make_dataset; d = make_dataset(); "
            "numpy.savez('mnist1d_data.npz', x_train=d['x'], y_train=d['y'], x_test=d['x_test'], y_test=d['y_test'])\"",
        ),
        Source(
            name="boston", task=Task("regression", (13,), 1), n_train=405, n_test=101,
            files={"boston_housing.csv": None}, subfolders=("boston", ""), read=_read_boston,
            origin="save the 506 rows as CSV with the header " + ",".join((*BOSTON_FEATURES, BOSTON_TARGET)),
            note="column B is a transform of the share of Black residents by a theory of the authors that scikit-learn "
            "dropped the data set over: for comparison with older work only; a fixed 20 % is the test set",
        ),
    )
}
