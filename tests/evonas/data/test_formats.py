"""Files are read exactly, and damaged ones refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evonas.data.archives import read_npz
from evonas.data.formats import parse_cifar10, parse_idx, read_bytes, read_csv
from evonas.types import DataError

PATH = Path("images")
HEADER = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3])


def test_an_idx_file_is_read_in_row_major_order() -> None:
    assert parse_idx(HEADER + bytes(range(6)), PATH, 3).tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + bytes(5), "expected 6 bytes of data as its header .* says, got 5"),
        (HEADER + bytes(7), "expected 6 bytes of data as its header .* says, got 7"),
        (HEADER[:10], "magic 0x00000803"),
        (b"", "got magic 0x00000000 in 0 bytes"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 0]), "magic 0x00000803.*got magic 0x00000801"),
        (b"<!DOCTYPE html><html></html>", "expected an IDX file"),
    ],
)
def test_a_damaged_or_foreign_idx_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_idx(content, PATH, 3)


def test_a_compressed_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"content"))
    assert read_bytes(tmp_path / "a") == read_bytes(tmp_path / "b.gz")


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-9], lambda c: c[: len(c) // 2], lambda c: b"no gzip", lambda c: c[:40] + b"\xff" * 40],
)
def test_a_truncated_or_corrupted_gz_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(np.random.default_rng(0).bytes(1000))))
    with pytest.raises(DataError, match=r"file\.gz: expected a complete, readable file"):
        read_bytes(path)


def test_cifar_records_are_a_label_and_pixels() -> None:
    records = parse_cifar10(bytes([7]) + bytes(3072) + bytes([9]) + bytes([1]) * 3072, PATH)
    assert records[:, 0].tolist() == [7, 9]
    assert records[1, 1:].min() == 1


def test_a_cifar_file_cut_short_is_refused() -> None:
    with pytest.raises(DataError, match="expected records of 3073 bytes"):
        parse_cifar10(bytes(3072), PATH)


def test_an_npz_with_pickled_objects_is_refused_and_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    np.savez(tmp_path / "a.npz", x_train=np.array([Trap()], object), y_train=np.zeros(1))
    with pytest.raises(DataError, match="cannot be read safely"):
        read_npz(tmp_path / "a.npz", ["x_train", "y_train"])
    assert not (tmp_path / "sprung").exists()


def test_missing_arrays_of_an_npz_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(1), y_train=np.zeros(1))
    with pytest.raises(DataError, match="got x, y_train; add x_train with"):
        read_npz(tmp_path / "a.npz", ["x_train", "y_train"])


@pytest.mark.parametrize("kind", ["npy", "text", "truncated", "empty"])
def test_what_is_no_npz_archive_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=np.zeros(100))
    if kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes({"text": b"hello", "truncated": path.read_bytes()[:300], "empty": b""}[kind])
    with pytest.raises(DataError, match=r"a\.npz: expected an \.npz archive"):
        read_npz(path, ["x_train"])


def test_csv_columns_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufeffb, a,c\n1,2,3\n4,5.5,6\n", encoding="utf-8")
    assert read_csv(tmp_path / "t.csv", ["a", "b"]).tolist() == [[2, 1], [5.5, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\n1,2\n", "got none named b"),
        ("", "got none named a, b"),
        ("a,b\n1,2\n1,NA\n", "line 3, column b, got '1,NA'"),
        ("a,b\n1\n", "line 2, column b"),
    ],
)
def test_a_damaged_csv_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_csv(tmp_path / "t.csv", ["a", "b"])
