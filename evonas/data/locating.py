"""Look-up of a data set by name: its source and the folder of its files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evonas.data.own_files import NO_OPTIONS, SUFFIXES, FileOptions, in_folder, is_own_file
from evonas.data.own_sources import own_source
from evonas.data.sources import SOURCES, Source, stored
from evonas.types import DataError, Task, suggestion

#: Environment variable that names a folder of data sets.
DATA_VARIABLE = "EVONAS_DATA"


class MissingFiles(DataError):
    """Raised if no folder holds all files of a data set."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One entry of the list of data sets.

    Attributes:
        name: Name of the data set.
        task: Kind, shape of a sample and number of outputs.
        n_train: Number of samples outside the test set, as published.
        n_test: Number of test samples.
        folder: Folder in which all files were found; None if they were not, or if the data set is embedded.
        missing: The step that makes the data set usable, as one sentence; None if it can be used now.
        note: Caveats for users; may be empty.
    """

    name: str
    task: Task
    n_train: int
    n_test: int
    folder: Path | None
    missing: str | None
    note: str


def catalogue(root: str | Path | None = None) -> list[CatalogueEntry]:
    """Named data sets with the folder of each if it was found, and otherwise how to get it.

    Raises:
        DataError: If ``root`` is no folder.
    """
    entries = []
    for source in SOURCES.values():
        assert source.task is not None, "named data sets have a fixed task"
        folder, missing = None, None
        try:
            folder = locate(source, root) if source.files else None
        except MissingFiles as error:
            missing = str(error)
        entries.append(
            CatalogueEntry(source.name, source.task, source.n_train, source.n_test, folder, missing, source.note)
        )
    return entries


def resolve(name: str | Path, root: str | Path | None, options: FileOptions = NO_OPTIONS) -> tuple[Source, Path]:
    """The source of a data set and the folder of its files.

    Args:
        name: Name of the data set, or the path of a user's file.
        root: A folder to search first.
        options: Options of a user's file.

    Raises:
        DataError: If there is no such data set, or if its files are not found.
    """
    if is_own_file(name):
        path = expanded(name)
        require_file(path)
        return own_source(path, options), path.parent
    if name not in SOURCES and expanded(name).is_dir():
        raise DataError(f"data set: expected a known name or the path of a file ({', '.join(SUFFIXES)}), got the "
                        f"folder {name}{in_folder(expanded(name)) or '; give a file in it'}")
    if name not in SOURCES:
        raise DataError(f"data set: expected a known name or the path of a file ({', '.join(SUFFIXES)}), got "
                        f"{str(name)!r}{suggestion(str(name).lower(), SOURCES)}")
    for option, value in vars(options).items():
        if value and option not in ("classes", "columns", "categories"):
            raise DataError(f"{option} (--{option}): expected none for {name}, which is no file of one's own, got "
                            f"{value}; leave it out")
    source = SOURCES[str(name)]
    return source, locate(source, root)


def require_file(path: Path) -> None:
    """Raise :class:`MissingFiles` where there is no file of samples at a path."""
    if not path.is_file():
        kind = f"a {path.suffix}" if path.suffix not in ("", ".npz", ".npy") else f"an {path.suffix or '.npz'}"
        raise MissingFiles(f"data set: expected the path of {kind} file, got {path}, which is no file; check the path "
                           f"(it counts from {Path.cwd()})")


def absolute(path: str | Path) -> Path:
    """The path expanded and without links: the same from any working directory."""
    return Path(os.path.realpath(expanded(path)))


def expanded(path: str | Path) -> Path:
    """The path with the home folder for ``~``; unchanged if there is no such user."""
    return Path(os.path.expanduser(path))


def locate(source: Source, root: str | Path | None) -> Path:
    """The first folder that holds all files of ``source``, of ``root``, ``$EVONAS_DATA`` and the user's data folder.

    Raises:
        MissingFiles: If there is none; names the files, the folders searched, and the ways to get the data.
        DataError: If ``root`` is no folder.
    """
    if not source.files:  # embedded
        return Path() if root is None else data_folders(root)[0]
    download = f"; `evonas datasets fetch {source.name}` downloads and verifies it" if source.url else ""
    return find_folder(
        f"data set {source.name}", tuple(source.files), source.subfolders, root, f"{source.origin}{download}"
    )


def find_folder(
    what: str, files: Sequence[str], subfolders: Sequence[str], root: str | Path | None, origin: str
) -> Path:
    """The first folder that holds all of some files, among those of :func:`data_folders`.

    Args:
        what: Description of the files, for a sentence.
        files: Their names, each with or without ``.gz``.
        subfolders: Folders below a data folder that are searched.
        root: See :func:`data_folders`.
        origin: Way to get the files, as the end of a sentence.

    Raises:
        MissingFiles: If there is none.
        DataError: If ``root`` is no folder.
    """
    folders = [base / subfolder for base in data_folders(root) for subfolder in subfolders]
    lacking = {folder: [name for name in files if stored(folder, name) is None] for folder in folders}
    for folder, names in lacking.items():
        if not names:
            return folder
    closest = min(folders, key=lambda folder: len(lacking[folder]))
    partly = f" ({closest} lacks {', '.join(lacking[closest])})" if len(lacking[closest]) < len(files) else ""
    raise MissingFiles(
        f"{what}: expected {', '.join(files)} (plain or .gz) together in one of {', '.join(map(str, folders))}, got no "
        f"such folder{partly}; name the folder that holds them by root (--data-root) or ${DATA_VARIABLE}, or {origin}"
    )


def data_folders(root: str | Path | None) -> list[Path]:
    """The folders that are searched for data sets, in this order: ``root``, ``$EVONAS_DATA``, the user's own.

    Raises:
        DataError: If ``root`` is given and is no folder.
        MissingFiles: If there is none of them.
    """
    if root is not None and not expanded(root).is_dir():
        raise DataError(f"root (--data-root): expected an existing folder, got {root}; create it or correct the path")
    given = [root, os.environ.get(DATA_VARIABLE)]
    folders = [*[expanded(folder) for folder in given if folder], *[own for own in [user_data_folder()] if own]]
    if not folders:
        raise MissingFiles(f"data sets: expected a folder to look in, got none, and this user has no home folder; name "
                           f"one by root (--data-root) or ${DATA_VARIABLE}")
    return folders


def user_data_folder() -> Path | None:
    """The platform's folder for data of this program, which need not exist; None if the user has no home folder."""
    folder = expanded("~/.local/share")
    given = os.environ.get("XDG_DATA_HOME")
    if sys.platform == "win32":
        folder, given = expanded("~/AppData/Local"), os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        folder, given = expanded("~/Library/Application Support"), None
    return Path(given or folder) / "evonas" if given or folder.is_absolute() else None
