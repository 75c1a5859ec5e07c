"""Files are written whole and into nothing but what was meant, and read only where they are plain."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from evonas.serialization.files import (
    atomic_write,
    check_plain,
    is_stream,
    make_folder,
    read_regular,
    replacement,
    write_output,
)
from evonas.types import UserError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_as_a_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old and longer")
    (tmp_path / "a").chmod(0o640)
    atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert names(tmp_path) == ["a"]


def test_a_new_file_has_the_permissions_that_the_user_gives_every_file(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_output(tmp_path / "a", b"new")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", b"old")

    def interrupted() -> None:
        with replacement(tmp_path / "a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["a", "a.partial", ".a.partial", ".partial-a", "a.suffix"])
def test_a_link_at_a_name_that_could_be_foreseen_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    for other in ("a", "a.partial", ".a.partial", ".partial-a", f".a.{os.getpid()}", f".a.{os.getpid()}.partial"):
        (folder / other).symlink_to(tmp_path / "precious")
    atomic_write(folder / name, b"theirs")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (folder / name).read_bytes() == b"theirs"
    assert not (folder / name).is_symlink()


def test_a_link_of_the_users_is_written_through_and_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("middle")
    (tmp_path / "middle").symlink_to(tmp_path / "target")
    write_output(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    (tmp_path / "link to nothing").symlink_to("made")
    write_output(tmp_path / "link to nothing", b"new")
    assert (tmp_path / "made").read_text() == "new"


def test_no_link_is_followed_inside_a_run(tmp_path: Path) -> None:
    run, precious = tmp_path / "run", tmp_path / "precious"
    (run / "plots").mkdir(parents=True)
    (run / "run.db").touch()
    precious.mkdir()
    (precious / "notes").write_text("mine")
    (run / "report.html").symlink_to(precious / "notes")
    write_output(run / "report.html", b"page")
    assert (run / "report.html").read_bytes() == b"page"
    (run / "plots" / "links").symlink_to(precious)
    with pytest.raises(UserError, match=r"cannot write .*notes: it is a link, expected a folder"):
        write_output(run / "plots" / "links" / "notes", b"page")
    assert (precious / "notes").read_text() == "mine"
    os.mkfifo(run / "page")  # which the program must not wait for
    write_output(run / "page", b"page")
    assert (run / "page").read_bytes() == b"page"


@pytest.mark.parametrize("chain", [0, 1, 2])
def test_a_pipe_is_written_into(tmp_path: Path, chain: int) -> None:
    pipe, got = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    path = pipe
    for number in range(chain):
        (tmp_path / str(number)).symlink_to(path.name)
        path = tmp_path / str(number)
    content = bytes(range(256)) * 4096  # more than a pipe holds
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_output(path, content)
    reader.join(10)
    assert got == [content]
    assert is_stream(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_is_no_name_of_a_file_is_a_sentence() -> None:
    for path in ("/", ".", ""):
        with pytest.raises(UserError, match=r"^cannot write the plot \S+: Is a directory; name another path$"):
            write_output(Path(path), b"", what="the plot ")


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="streams of POSIX")
def test_an_output_whose_reader_has_ended_is_a_broken_pipe() -> None:
    code = "from evonas.serialization.files import *; write_output(Path('/dev/stdout'), b'x' * 10**6)"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert done.stderr.splitlines()[-1].startswith("BrokenPipeError")


def test_a_pipe_without_a_reader_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evonas.serialization.files.READER_PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"cannot write .*pipe: no program reads from this pipe"):
        write_output(tmp_path / "pipe", b"content")


def test_a_device_is_written_into_and_stays(tmp_path: Path) -> None:
    write_output(Path("/dev/null"), b"content")
    (tmp_path / "link").symlink_to("/dev/null")
    write_output(tmp_path / "link", b"content")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert (tmp_path / "link").is_symlink()
    if Path("/dev/full").exists():
        with pytest.raises(UserError, match="cannot write /dev/full: No space left on device"):
            write_output(Path("/dev/full"), b"content")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("into", ["pipe", "file"])
def test_the_standard_output_is_written_into_in_order(tmp_path: Path, name: str, into: str) -> None:
    if not os.path.exists(name) and name != "link":
        pytest.skip(f"this system has no {name}")
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = (
        "from pathlib import Path; from evonas.serialization.files import write_output, is_stream; import sys;"
        "print('before');"
        "path = Path(sys.argv[1]); write_output(path, b'content\\n'); print('after', is_stream(path))"
    )
    command = [sys.executable, "-c", code, name]
    if into == "pipe":
        printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    else:
        with (tmp_path / "out").open("wb") as file:
            subprocess.run(command, cwd=tmp_path, stdout=file, check=True)
        printed = (tmp_path / "out").read_bytes()
    assert printed == b"before\ncontent\nafter True\n"


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "folder", "large"])
def test_only_plain_files_of_a_bounded_size_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    (tmp_path / "other").write_bytes(b"1234")
    if kind == "link":
        path.symlink_to(tmp_path / "other")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"1234")
    with pytest.raises(OSError, match=r"expected a plain file|more than the 3 bytes"):
        read_regular(path, most=3)
    assert read_regular(tmp_path / "other", most=4) == b"1234"
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")


def test_a_folder_of_the_programs_own_is_no_link(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a")
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(OSError, match="it is a link, expected a folder") as caught:
        make_folder(tmp_path / "link")
    assert caught.value.errno == errno.EINVAL
    assert check_plain(tmp_path / "a", folder=True)
    assert not check_plain(tmp_path / "none")
