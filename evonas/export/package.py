"""One trained network with all that is needed to use it elsewhere, and the files it can become."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

from evonas.data.samples import Scaling
from evonas.plugins import create_space
from evonas.space import Encoded, InvalidGenotype
from evonas.types import Json, Metrics, Task, UserError, Weights

if TYPE_CHECKING:
    from torch import nn

#: 2: neurons may have activations, which readers of format 1 would leave out without a word.
FORMAT = 2
_KEY = "evonas"


@dataclass(frozen=True)
class Package:
    """A network on its way out.

    Attributes:
        space: Name of the search space that compiles it.
        options: The space's options.
        genotype: As the space encodes it.
        normalisation: The fields of :class:`evonas.data.samples.Scaling`: from the data's units to the network's.
        metrics: As measured in the run, on the validation set.
        source: Run, individual and lineage, for the record.
    """

    space: str
    options: Json
    task: Task
    genotype: Encoded
    weights: Weights
    normalisation: Json
    metrics: Metrics
    source: Json

    def header(self) -> Json:
        """All but the arrays, as JSON."""
        return {
            "format": FORMAT, "space": self.space, "options": self.options, "task": asdict(self.task),
            "genotype": self.genotype.header, "normalisation": self.normalisation, "metrics": dict(self.metrics),
            "source": self.source,
        }

    def compile(self) -> nn.Module:
        """The network as a module; ``ValueError`` if the weights do not fit the genotype."""
        space = create_space(self.space, self.task, self.options)
        return space.compile(space.decode(self.genotype), self.weights)

    def module(self, *, raw: bool = False) -> nn.Module:
        """As :func:`load` gives it; ``ValueError`` if the weights do not fit the genotype."""
        module = self.compile()
        if raw:
            from evonas.runtimes.module import InDataUnits  # imports torch

            module = InDataUnits(module, Scaling(**self.normalisation))
        module.header = self.header()
        return module.eval()


def write_torch(package: Package, path: Path) -> None:
    """One safetensors file: tensors ``genotype.*`` and ``weights.*``, the JSON header in its metadata."""
    arrays = {f"genotype.{k}": v for k, v in package.genotype.arrays.items()}
    arrays |= {f"weights.{k}": v for k, v in package.weights.items()}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_files({path: safetensors.numpy.save(contiguous, metadata={_KEY: json.dumps(package.header())})})


def write_json(package: Package, path: Path) -> None:
    """One JSON document with the header and every array as a list."""
    document = package.header() | {
        "genotype_arrays": {name: array.tolist() for name, array in package.genotype.arrays.items()},
        "weights": {name: array.tolist() for name, array in package.weights.items()},
    }
    write_files({path: json.dumps(document).encode()})


FORMATS: MappingProxyType[str, Callable[[Package, Path], None]] = MappingProxyType(
    {"torch": write_torch, "json": write_json}
)


def export(package: Package, path: Path, format: str) -> None:
    """Write a package; whole or not at all, and only if it can be loaded again.

    Raises:
        UserError: The weights do not fit the genotype, or the file cannot be written.
    """
    try:
        package.compile()
    except ValueError as error:
        raise UserError(f"this network cannot be exported: {error}") from error
    FORMATS[format](package, path)


def load(path: Path | str, *, raw: bool = False) -> nn.Module:
    """The network in a file written by ``evonas export --format torch``, ready to use, in evaluation mode.

    Its attribute ``header`` (a dict) has the task, the normalisation, the metrics and where the network came from.

    Args:
        raw: The module takes samples ``(n, *input_shape)`` in the units of the data set's files (pixels, say) and gives
            regression outputs in theirs. Else it takes and gives normalised values, as in the search: for fine-tuning.

    Raises:
        UserError: The file is missing, damaged, from a newer version, or its weights do not fit its genotype.
    """
    path = Path(path)
    header, arrays = _read(path)
    if header.get("format", 0) > FORMAT:
        raise UserError(f"{path} has format {header['format']}, this evonas reads up to {FORMAT}: upgrade evonas")
    try:
        return _package(header, arrays).module(raw=raw)
    except (KeyError, TypeError, InvalidGenotype) as error:
        raise UserError(f"{path} is not a network exported by evonas: {error}") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def _package(header: dict[str, Any], arrays: dict[str, Any]) -> Package:
    task = Task(**{**header["task"], "input_shape": tuple(header["task"]["input_shape"])})
    genotype = Encoded(header["genotype"], _with_prefix(arrays, "genotype."))
    return Package(
        header["space"], header["options"], task, genotype, _with_prefix(arrays, "weights."), header["normalisation"],
        header["metrics"], header["source"],
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return json.loads(metadata[_KEY]), arrays
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a network exported by evonas (--format torch): {error}") from None


def _with_prefix(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each whole or not at all; raises :class:`UserError` where one cannot be written."""
    for path, content in contents.items():
        partial = path.with_name(path.name + ".partial")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        except OSError as error:
            with suppress(OSError):  # where nothing can be written, nothing can be removed
                partial.unlink()
            raise UserError(f"cannot write {path}: {error.strerror}") from None
