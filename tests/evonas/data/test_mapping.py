"""Large arrays of archives are mapped into memory, and refused where samples cannot fit."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from evonas.data import archives, load, unpacking
from evonas.data.archives import read_npz
from evonas.types import DataError

SAVES: list[Callable[..., None]] = [np.savez, np.savez_compressed]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every array counts as large; the cache is in the temporary folder."""
    monkeypatch.setattr(archives, "MAPPED", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return unpacking.cache_folder()


def mapped(array: NDArray[Any]) -> bool:
    base: Any = array
    while base is not None and not isinstance(base, np.memmap):
        base = getattr(base, "base", None)
    return base is not None


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("array", [
    np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.linspace(0, 1, 35).reshape(5, 7).T,
    np.asfortranarray(np.arange(12, dtype=np.int16).reshape(3, 4)),
])
def test_a_large_array_is_mapped_and_has_the_values_of_the_file(
    tmp_path: Path, save: Callable[..., None], array: NDArray[Any]
) -> None:
    save(tmp_path / "a.npz", first=np.arange(3), x=array)
    for _ in range(2):
        (found,) = read_npz(tmp_path / "a.npz", ["x"])
        assert mapped(found)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
        found += 1  # changes no file


def test_a_compressed_array_is_unpacked_once_and_again_when_the_file_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.npz"
    np.savez_compressed(file, x=np.arange(1000))
    read_npz(file, ["x"])
    (copy,) = cache.iterdir()
    with monkeypatch.context() as broken:
        broken.setattr(unpacking, "replacement", lambda path: pytest.fail("it was unpacked again"))
        read_npz(file, ["x"])
    np.savez_compressed(file, x=np.arange(1001))
    assert len(read_npz(file, ["x"])[0]) == 1001
    assert len([*cache.iterdir()]) == 2
    assert copy.exists()


def test_without_a_cache_a_compressed_array_is_read(tmp_path: Path, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(1000))
    (found,) = read_npz(tmp_path / "a.npz", ["x"])
    assert not mapped(found)
    np.testing.assert_array_equal(found, np.arange(1000))


@pytest.mark.parametrize("save", SAVES)
def test_a_checksum_that_is_wrong_is_noticed_and_leaves_no_copy(
    tmp_path: Path, cache: Path, save: Callable[..., None]
) -> None:
    file = tmp_path / "a.npz"
    save(file, x=np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read safely"):
        read_npz(file, ["x"])
    assert not cache.exists() or not [*cache.iterdir()]


@pytest.mark.parametrize("save", SAVES)
def test_the_samples_of_a_search_do_not_depend_on_the_mapping(
    tmp_path: Path, save: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "a.npz"
    save(file, x_train=rng.integers(0, 256, (40, 6, 6, 3), dtype=np.uint8), y_train=np.arange(40) % 4)
    here = load(file)
    monkeypatch.setattr(archives, "MAPPED", 2**40)
    there = load(file)
    assert here.fingerprint == there.fingerprint
    np.testing.assert_array_equal(here.train.x, there.train.x)


@pytest.mark.parametrize(("shape", "n_most"), [((3, 32, 32), 4069), ((3, 224, 224), 83)])
def test_samples_that_cannot_fit_are_refused_by_their_bytes_before_they_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], n_most: int
) -> None:
    n = n_most + 20
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, array in (("x_train", np.zeros((n, *shape), np.uint8)), ("y_train", np.arange(n) % 2)):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array)
    monkeypatch.setattr("evonas.data.room.usable_memory", lambda: 100_000_000)
    match = rf"of at most 0\.1 GB as float32.*{n:,} of {np.prod(shape):,} values.*use {n_most:,} of them"
    with pytest.raises(DataError, match=match):
        load(tmp_path / "a.npz")
    assert len(load(tmp_path / "a.npz", n_train=n_most // 2).train) == n_most // 2
