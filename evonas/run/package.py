"""One trained network with all that is needed to use it elsewhere, and the files it can become."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy

from evonas.data.samples import Scaling
from evonas.run.plugins import create_space
from evonas.serialization import renamed
from evonas.serialization.arrays import BAD_DATA, read_arrays
from evonas.serialization.files import read_regular, write_output
from evonas.space import Encoded
from evonas.types import Json, Metrics, Task, UserError, Weights, task_from

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
        genotype: Genotype as the space encodes it.
        normalisation: The fields of :class:`evonas.data.samples.Scaling`: from the data's units to the network's.
        metrics: Metrics as measured in the run, on the validation set.
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
        """Header, as JSON: the package without its arrays."""
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
        """The network as :func:`load` gives it; ``ValueError`` if the weights do not fit the genotype."""
        module = self.compile()
        if raw:
            from evonas.export.module import InDataUnits  # imports torch

            module = InDataUnits(module, self._scaling())
        module.header = self.header()
        return module.eval()

    def _scaling(self) -> Scaling:
        """The normalisation, checked; ``ValueError`` where it is none of this task."""
        try:
            scaling = Scaling(**self.normalisation)
            shapes = {"mean": self.task.input_shape, "std": self.task.input_shape}
            shapes |= {} if scaling.fill is None else {"fill": self.task.input_shape}
            shapes |= {"target_mean": (self.task.n_outputs,), "target_std": (self.task.n_outputs,)}
            for name, shape in shapes.items():
                numbers = np.asarray(getattr(scaling, name), np.float64)
                if not np.isfinite(np.broadcast_to(numbers, shape)).all():
                    raise ValueError(f"{name} is not finite")
        except (TypeError, ValueError) as error:
            raise ValueError(f"its normalisation cannot be used: {error}") from None
        return scaling


def torch_file(package: Package) -> bytes:
    """Contents of a safetensors file: tensors ``genotype.*`` and ``weights.*``, the JSON header in its metadata."""
    arrays = {f"genotype.{k}": v for k, v in package.genotype.arrays.items()}
    arrays |= {f"weights.{k}": v for k, v in package.weights.items()}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors.numpy.save(contiguous, metadata={_KEY: json.dumps(package.header())})


def write_torch(package: Package, path: Path) -> None:
    """One file as of :func:`torch_file`."""
    write_files({path: torch_file(package)})


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

    Args:
        package: The network.
        path: File to write.
        format: ``"torch"`` or ``"json"``.

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
    if header["format"] > FORMAT:
        raise UserError(f"{path} has format {header['format']}, this evonas reads up to {FORMAT}: upgrade evonas")
    try:
        return _package(header, arrays).module(raw=raw)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except BAD_DATA as error:
        raise UserError(f"{path} is not a network exported by evonas: {type(error).__name__}: {error}") from error


def _package(header: dict[str, Any], arrays: dict[str, Any]) -> Package:
    task = task_from(header["task"])
    genotype = Encoded(header["genotype"], _with_prefix(arrays, "genotype."))
    options = renamed.space_options(header["space"], header["options"], renamed.ignore)
    metrics = renamed.keys(header["metrics"], renamed.METRICS, renamed.ignore)
    return Package(
        header["space"], options, task, genotype, _with_prefix(arrays, "weights."), header["normalisation"], metrics,
        header["source"],
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        arrays, metadata = read_arrays(read_regular(path, follow=True))
        header = json.loads(metadata[_KEY])
        if not isinstance(header, dict) or type(header.setdefault("format", 0)) is not int:
            raise ValueError("it has no header")
        return header, arrays
    except FileNotFoundError:
        raise UserError(f"there is no file {path}: check the path (it counts from {Path.cwd()})") from None
    except (OSError, *BAD_DATA) as error:
        reason = f"{error.strerror}" if isinstance(error, OSError) and error.strerror else error
        raise UserError(f"{path} is not a network exported by evonas (--format torch): {reason}") from None


def _with_prefix(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each as :func:`evonas.serialization.files.write_output` does; raises :class:`UserError` where one
    cannot be.
    """
    for path, content in contents.items():
        write_output(path, content)
