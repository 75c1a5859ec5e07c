"""Files that a search leaves: a hypernetwork that gives genotypes on request, and a supernet's weights. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evonas.capabilities.choices import Choices, Relaxable
from evonas.serialization.arrays import load
from evonas.space import Encoded, G
from evonas.supernet.hypernet import Hypernet, hypernet_from, mixed_logits
from evonas.supernet.path_sampling import perturbed
from evonas.types import Doubles, Floats, UserError, Weights

#: Files in the search's folder: the hypernetwork, and the checkpoint with the weights of the supernet under a prefix.
FILE, CHECKPOINT, SUPERNET = "hypernet.safetensors", "search.safetensors", "supernet."
#: Prefix of the last layer's weights at the references, in the same file.
HEADS = "heads."
#: Complexities to try for each member before logits are sampled; and samples to draw before the logits are made
#: flatter.
TRIES = 10


@dataclass(frozen=True, eq=False)
class TrainedHypernet:
    """Logits at the references of a hypernetwork.

    Attributes:
        method: Method that trained it.
        operations: Columns of the logits.
        rule: Rule by which logits become a genotype.
        hypernet: Shares of the references for a complexity.
        references: Shape ``(n_references, n_choices, n_operations)``.
    """

    method: str
    operations: tuple[str, ...]
    rule: str
    hypernet: Hypernet
    references: Floats

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures that the entries of a complexity weigh; empty for operations, or for parameters alone."""
        return self.hypernet.measures

    def logits(self, complexity: Doubles) -> Doubles:
        """Return logits, shape ``(n_choices, n_operations)``."""
        return mixed_logits(self.hypernet.coefficients(complexity), self.references)

    def ask(self, space: Relaxable[G], complexity: Sequence[float]) -> G:
        """Return the genotype for a complexity.

        Raise ``ValueError`` with one sentence if the complexity is out of range.
        """
        return self._best(space, self.hypernet.check(complexity))

    def family(self, space: Relaxable[G], n_members: int, rng: np.random.Generator) -> list[G]:
        """The genotypes of :meth:`members`.

        Args:
            space: The space that was searched.
            n_members: Number of genotypes.
            rng: Generator of the samples.
        """
        return [genotype for genotype, _ in self.members(space, n_members, rng)]

    def members(
        self, space: Relaxable[G], n_members: int, rng: np.random.Generator
    ) -> list[tuple[G, Doubles]]:
        """Different genotypes over the range of complexities, each with its own: the best for each, then samples.

        Args:
            space: The space that was searched.
            n_members: Number of genotypes.
            rng: Draws the samples.

        Raises:
            ValueError: The space has fewer genotypes.
        """
        found: dict[str, tuple[G, Doubles]] = {}
        for index in range(TRIES * n_members):
            complexity = self.hypernet.quasi_random(index)
            best = self._best(space, complexity)
            found.setdefault(best.digest, (best, complexity))
            if len(found) == n_members:
                return list(found.values())
        for index in range(TRIES**2 * n_members):
            complexity = self.hypernet.quasi_random(index)
            logits = self.logits(complexity) / (1 + index / (TRIES * n_members))
            sample = space.discretize(perturbed(logits, rng), self.rule)
            found.setdefault(sample.digest, (sample, complexity))
            if len(found) == n_members:
                return list(found.values())
        raise ValueError(f"only {len(found)} different networks were found: ask for fewer members than {n_members}")

    def encode(self) -> Encoded:
        """Return the form for :func:`evonas.serialization.arrays.save`."""
        header = {
            "method": self.method, "operations": list(self.operations), "rule": self.rule,
            "hypernet": self.hypernet.to_json(),
        }
        return Encoded(header, {"references": self.references})

    def _best(self, space: Relaxable[G], complexity: Doubles) -> G:
        return space.discretize(self.logits(complexity).astype(np.float32), self.rule)


def load_hypernet(directory: Path, choices: Choices) -> TrainedHypernet:
    """Load the hypernetwork that a search left in its folder.

    Raises:
        UserError: There is none, it is damaged, or it has other choices.
    """
    path = directory / FILE
    data = load(path)
    if data is None:
        raise UserError(f"there is no trained hypernetwork {path}: seed a run with a hypernet method, to its end")
    try:
        header = data.header
        hypernet, operations = hypernet_from(header["hypernet"]), tuple(header["operations"])
        net = TrainedHypernet(header["method"], operations, header["rule"], hypernet, data.arrays["references"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}") from None
    if net.operations != choices.operations:
        got, expected = (", ".join(names) for names in (net.operations, choices.operations))
        raise UserError(f"{path} was trained with the operations {got}, the run's space has {expected}")
    expected_shape = hypernet.n_references, choices.n_choices, len(choices.operations)
    if net.references.shape != expected_shape:
        raise UserError(f"{path} has logits of shape {net.references.shape}, the run's space needs {expected_shape}")
    return net


def load_supernet(directory: Path) -> Weights:
    """Load the state of the supernet that a search has trained so far; raise :class:`UserError` if there is none."""
    data = load(directory / CHECKPOINT)
    if data is None:
        raise UserError(f"there is no supernet in {directory}: seed a run with a method that trains one")
    return data.part(SUPERNET)
