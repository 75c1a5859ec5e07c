"""Files that claim too much, hide something or are odd: one sentence, and no memory is taken for them."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.data import load
from evonas.data.archives import read_npz
from evonas.data.formats import read_bytes, read_csv
from evonas.types import DataError

MOST_MEMORY = 2**26


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * MOST_MEMORY


def npy(array: np.ndarray, **changes: object) -> bytes:
    """An array as numpy stores it, with another header."""
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape, **changes}
    text = (repr(header) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


SMALL = np.arange(6.0)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "shape", [(10**15,), (7,), (5,), (2**40, 2**40), (-6,), (-2, -3), (10**400,), (0, 10**15), ("6",), (1.0,), 6],
)
def test_a_header_that_claims_something_else_is_refused(tmp_path: Path, compression: int, shape: object) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(SMALL, shape=shape)}, compression)
    with pytest.raises(DataError, match=r"a\.npz: expected an \.npz archive"):
        read_npz(path, ["x_train"])


@pytest.mark.parametrize(
    "descr",
    ["|O", "O8", "<f8O", "V0", "", "f8, f8", [("a", "<f8")], "<U1000000000", "S0", "(" * 1000, "__import__('os')"],
)
def test_a_type_that_is_no_number_is_refused(tmp_path: Path, descr: object) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(SMALL, descr=descr)})
    with pytest.raises(DataError, match=r"a\.npz: expected"):
        read_npz(path, ["x_train"])


def test_a_member_in_fortran_order_is_read_as_numpy_does(tmp_path: Path) -> None:
    x = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    np.savez_compressed(tmp_path / "a.npz", x=np.asfortranarray(x), y=x.astype("<f4"), z=np.float64(3), w=x[:0])
    found = read_npz(tmp_path / "a.npz", ["x", "y", "z", "w"])
    assert found[0].tolist() == found[1].tolist() == x.tolist()
    assert [array.shape for array in found] == [(2, 3, 4), (2, 3, 4), (), (0, 3, 4)]
    assert found[0].dtype == ">i2"


def patched(path: Path, local: Callable[[bytearray, int], None]) -> None:
    """Change the central entry of the first member, and its local header."""
    content = bytearray(path.read_bytes())
    local(content, content.index(b"PK\x01\x02"))
    path.write_bytes(content)


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(SMALL)})

    def encrypt(content: bytearray, central: int) -> None:
        content[central + 8] |= 1
        content[6] |= 1

    patched(path, encrypt)
    with pytest.raises(DataError, match="is encrypted"):
        read_npz(path, ["x_train"])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_than_numpys_are_refused(tmp_path: Path, method: int) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(SMALL)}, method)
    with pytest.raises(DataError, match="compressed in another way"):
        read_npz(path, ["x_train"])

    def unknown(content: bytearray, central: int) -> None:
        content[central + 10] = content[8] = 99

    patched(path, unknown)
    with pytest.raises(DataError, match="compressed in another way"):
        read_npz(path, ["x_train"])


@pytest.mark.parametrize("field", [20, 24])  # the compressed and the plain size
def test_sizes_in_the_directory_of_an_archive_are_not_believed(tmp_path: Path, field: int) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(SMALL)}, zipfile.ZIP_DEFLATED)

    def claim(content: bytearray, central: int) -> None:
        content[central + field : central + field + 4] = struct.pack("<I", 2**31 - 1)

    patched(path, claim)
    with pytest.raises(DataError, match="claims"):
        read_npz(path, ["x_train"])


def test_a_bomb_in_an_archive_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("x_train.npy", "w", force_zip64=True) as m:
        header = {"descr": "|u1", "fortran_order": False, "shape": (2**28,)}
        text = (repr(header) + "\n").encode()
        m.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
        for _ in range(2**28 // 2**20):
            m.write(bytes(2**20))
    with pytest.raises(DataError, match="claims to become"):
        read_npz(path, ["x_train"])


@pytest.mark.parametrize("names", [["x_train.npy", "x_train.npy"], ["x_train", "x_train.npy"]])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, npy(SMALL))
    with pytest.raises(DataError, match="expected one array x_train, got 2"):
        read_npz(path, ["x_train"])


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x93NUMPY\x01", b"\x93NUMPY\x03\x00", b"\x93NUMPY\x09\x00" + bytes(9)]
)
def test_a_member_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": content})
    with pytest.raises(DataError, match="cannot be read safely"):
        read_npz(path, ["x_train"])


@pytest.mark.parametrize("honest", [True, False])
def test_a_compressed_file_becomes_as_much_as_there_is_room_for(
    tmp_path: Path, honest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evonas.data.room.ANY_SIZE", 2**22)
    packed = bytearray(gzip.compress(bytes(2**25)))
    if not honest:
        packed[-4:] = bytes(4)
    (tmp_path / "a.gz").write_bytes(packed)
    with pytest.raises(DataError, match=r"a\.gz: expected at most 4,194,304 bytes from"):
        read_bytes(tmp_path / "a.gz")


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.zeros(1000), y_train=np.zeros(1000))
    monkeypatch.setattr("evonas.data.room.usable_memory", lambda: 20_000)
    with pytest.raises(DataError, match="half of this machine's memory"):
        read_npz(tmp_path / "a.npz", ["x_train", "y_train"])
    with pytest.raises(DataError, match="half of this machine's memory"):
        read_bytes(tmp_path / "a.npz")


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "\ufeffa,b\r\n"])
def test_a_table_of_a_header_only_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="expected lines of numbers below the header, got none"):
        read_csv(tmp_path / "t.csv", ["a", "b"])


@pytest.mark.parametrize(
    ("shape", "n_classes", "message"),
    [
        ((4, 200_000), 2, "expected samples of at most 160,000 values, got 200,000"),
        ((4, 1, 400, 500), 2, "expected samples of at most 160,000 values, got 200,000"),
        ((10_000, 2), 5_000, "expected at most 2,000 classes, got 5,000"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is taken for as many classes")
def test_more_features_or_classes_than_networks_are_meant_for_are_refused(
    tmp_path: Path, shape: tuple[int, ...], n_classes: int, message: str
) -> None:
    x = np.zeros(shape, np.uint8)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.arange(len(x)) % n_classes)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.npz", task="classification")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_is_no_data_set(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(DataError, match="it is a pipe, expected a plain file"):
        read_npz(tmp_path / "a.npz", ["x_train"])


@given(st.data())
@settings(max_examples=150)
def test_any_damage_of_an_archive_is_one_sentence(data: st.DataObject) -> None:
    import tempfile

    written = io.BytesIO()
    save = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    save(written, x_train=np.arange(30.0).reshape(5, 6), y_train=np.arange(5))
    content = bytearray(written.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        run = data.draw(st.binary(min_size=1, max_size=8))
        content[place : place + len(run)] = run
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.npz")
        path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content) + 20))])
        try:
            x, y = read_npz(path, ["x_train", "y_train"])
        except DataError as error:
            message = str(error)
        else:
            assert x.nbytes + y.nbytes < 10_000
            return
    assert "a.npz: expected" in message


def test_a_checksum_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(SMALL)})
    content = path.read_bytes()
    path.write_bytes(content.replace(SMALL.tobytes(), (SMALL + 1).tobytes()))
    assert zlib.crc32(npy(SMALL)) != zlib.crc32(npy(SMALL + 1))
    with pytest.raises(DataError, match="Bad CRC-32"):
        read_npz(path, ["x_train"])
