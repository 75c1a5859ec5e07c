"""A network as a folder: weights, C, ONNX and a model card, to be uploaded as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from evonas.capabilities.export import Precision
from evonas.data.samples import Splits
from evonas.export.formats import program_formats
from evonas.run.export import Written, checked_files, prepare
from evonas.run.hub.card import Command, model_card
from evonas.run.package import Package, torch_file
from evonas.run.plugins import create_space
from evonas.runtimes.targets import Target
from evonas.serialization.files import make_hidden_folder
from evonas.types import UserError

#: Name of the programs' files without suffix.
STEM = "network"
#: What each file is.
CONTENTS = {
    "model.safetensors": "weights, structure and normalisation, for `evonas.load`",
    f"{STEM}.c": "the network as C99 without a heap", f"{STEM}.h": "its header", f"{STEM}.onnx": "the network as ONNX",
}


def write_folder(
    package: Package, splits: Splits, folder: Path, precision: Precision = "float32", commands: Sequence[Command] = (),
    targets: Sequence[Target] = (),
) -> Written:
    """Write a network with all that the Hugging Face Hub shows of it; the folder appears whole or not at all.

    C and ONNX are checked as in :func:`evonas.run.export.write_program`; a remark says why one is left out.

    Args:
        package: The network.
        splits: The data set of its run.
        folder: The new folder; an empty one may be there.
        precision: Precision of the weights in C.
        commands: How the network was made, for the card.
        targets: Targets on which C is built, and run on a few validation samples.

    Raises:
        UserError: The folder has content or cannot be written, a program does not compute what torch does, or there is
            no C for what is about it: targets, or another precision.
    """
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out must be a new or empty folder for the format package, got {folder}: name another")
    files = {"model.safetensors": torch_file(package)}
    remarks: list[str] = []
    about_c = ["--target"] * bool(targets) + [f"--precision {precision}"] * (precision != "float32")
    offered = program_formats(create_space(package.space, package.task, package.options))
    for format in ("c", "onnx"):
        try:
            if format not in offered:
                raise UserError("this space has no such format")
            program = prepare(package, splits, STEM, format, precision if format == "c" else "float32")
        except UserError as error:
            if format == "c" and about_c:
                raise UserError(f"the package would have no C, which {' and '.join(about_c)} is about: {error}; leave "
                                "that out, and it is written without C") from None
            remarks.append(f"no {format}: {error}")
            continue
        contents, own = checked_files(program, package, splits, targets if format == "c" else ())
        files |= {f"{STEM}{suffix}": content for suffix, content in contents.items()}
        remarks += [f"{format}: {remark}" for remark in own]
    listed = {name: CONTENTS[name] for name in files}
    files["README.md"] = model_card(package, splits, listed, remarks, commands).encode()
    return Written(_written(folder, files), tuple(remarks))


def _written(folder: Path, files: dict[str, bytes]) -> tuple[Path, ...]:
    try:
        partial = make_hidden_folder(folder)
        try:
            for name, content in files.items():
                (partial / name).write_bytes(content)
            if folder.is_dir():
                folder.rmdir()
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise UserError(f"cannot write the folder {folder}: {error.strerror or error}") from None
    return tuple(folder / name for name in files)
