"""Search space of one's own: perceptrons that evolve the number and the widths of their hidden layers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from evonas.capabilities.option_models import Factory
from evonas.space import Encoded, InvalidGenotype, Offspring
from evonas.types import Metrics, Task, Weights, suggestion

if TYPE_CHECKING:
    from torch import nn


class WidthOptions(BaseModel):
    """Settings for ``--space-option``; ``evonas spaces widths`` lists them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    widest: int = Field(64, ge=2, description="Most neurons of a hidden layer.")
    deepest: int = Field(3, ge=1, description="Most hidden layers.")


@dataclass(frozen=True)
class Widths:
    """Genotype of a perceptron.

    Attributes:
        values: Neurons of each hidden layer.
    """

    values: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Hex digest, equal for equal genotypes only, in every process."""
        return hashlib.blake2b(repr(self.values).encode(), digest_size=16).hexdigest()


class WidthSpace:
    """Search space for one task; implements :class:`evonas.space.SearchSpace`."""

    operators: ClassVar[Mapping[str, float]] = {"widen": 1.0, "narrow": 1.0, "add_layer": 0.5, "remove_layer": 0.5}

    def __init__(self, task: Task, options: WidthOptions) -> None:
        self.task, self.options = task, options

    def sample(self, rng: np.random.Generator) -> Widths:
        """Draw a random founder."""
        depth = rng.integers(1, self.options.deepest + 1)
        return Widths(tuple(rng.integers(1, self.options.widest + 1, depth).tolist()))

    def mutate(self, parent: Widths, rng: np.random.Generator, operator: str | None = None) -> Offspring[Widths]:
        """Return a neighbour, by the operator if it can change the parent, else by one that can.

        Args:
            parent: Stays as it is.
            rng: Draws operator and neighbour.
            operator: The operator to try first, of :attr:`operators`; None draws one.

        Raises:
            ValueError: There is no such operator.
        """
        names = list(self.operators)
        if operator is not None and operator not in names:
            raise ValueError(f"unknown operator {operator!r}{suggestion(operator, names)}")
        weights = np.array(list(self.operators.values()))
        drawn = rng.choice(names, size=len(names), replace=False, p=weights / weights.sum()).tolist()
        tries = drawn if operator is None else [operator, *drawn]
        children = ((name, self._changed(list(parent.values), name, rng)) for name in tries)
        return next(Offspring(Widths(tuple(child)), name) for name, child in children if child != list(parent.values))

    def _changed(self, widths: list[int], operator: str, rng: np.random.Generator) -> list[int]:
        """Return the widths after an operator, unchanged if it does not apply.

        Args:
            widths: Widths of the parent.
            operator: Name of the operator.
            rng: Draws the change.
        """
        most = self.options.widest
        places = {
            "widen": [i for i, width in enumerate(widths) if width < most],
            "narrow": [i for i, width in enumerate(widths) if width > 1],
            "add_layer": list(range(len(widths) + 1)) if len(widths) < self.options.deepest else [],
            "remove_layer": list(range(len(widths))) if len(widths) > 1 else [],
        }[operator]
        if not places:
            return widths
        place = int(rng.choice(places))
        match operator:
            case "widen":
                new = [int(rng.integers(widths[place] + 1, min(2 * widths[place], most) + 1))]
            case "narrow":
                new = [int(rng.integers(max(1, widths[place] // 2), widths[place]))]
            case "add_layer":
                return [*widths[:place], int(rng.integers(1, most + 1)), *widths[place:]]
            case _:
                new = []
        return [*widths[:place], *new, *widths[place + 1 :]]

    def crossover(self, first: Widths, second: Widths, rng: np.random.Generator) -> Offspring[Widths]:
        """Join the first layers of one parent and the last of the other.

        Args:
            first: Gives the first layers.
            second: Gives the last layers.
            rng: Draws their numbers.
        """
        head = first.values[: int(rng.integers(1, len(first.values) + 1))]
        tail = second.values[int(rng.integers(len(second.values) + 1)) :]
        return Offspring(Widths((*head, *tail)[: self.options.deepest]), "join")

    def validate(self, genotype: Widths) -> None:
        """Raise :class:`InvalidGenotype` for a genotype that is not of this space."""
        deepest, widest = self.options.deepest, self.options.widest
        if not 1 <= len(genotype.values) <= deepest or not all(1 <= width <= widest for width in genotype.values):
            raise InvalidGenotype(f"expected 1 to {deepest} layers of 1 to {widest} neurons, got {genotype.values}")

    def encode(self, genotype: Widths) -> Encoded:
        """Return the stored form: a header, which is empty here, and arrays."""
        return Encoded({}, {"widths": np.array(genotype.values, np.int64)})

    def decode(self, data: Encoded) -> Widths:
        """Invert :meth:`encode`; a run directory may come from anywhere, so everything is checked."""
        widths = data.arrays.get("widths")
        if widths is None or widths.ndim != 1 or widths.dtype.kind not in "iu":
            raise InvalidGenotype("expected an array of whole numbers, widths")
        genotype = Widths(tuple(widths.tolist()))
        self.validate(genotype)
        return genotype

    def cost(self, genotype: Widths) -> Metrics:
        """Return metrics that need no training; each can be an objective or a constraint."""
        sizes = [self.task.n_inputs, *genotype.values, self.task.n_outputs]
        edges = float(sum(a * b for a, b in pairwise(sizes)))
        biases = float(sum(sizes[1:]))
        return {"edges": edges, "params": edges + biases, "flops": 2 * edges, "depth": float(len(sizes) - 1)}

    def compile(self, genotype: Widths, weights: Weights | None = None) -> nn.Module:
        """Build the network as a module."""
        import torch  # imported here, since it takes seconds that ``evonas --help`` must not
        from torch import nn

        sizes = [self.task.n_inputs, *genotype.values, self.task.n_outputs]
        layers: list[nn.Module] = [nn.Flatten()]
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), nn.ReLU()]
        module = nn.Sequential(*layers[:-1])
        if weights is not None:
            try:
                module.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
            except RuntimeError as error:
                raise ValueError(f"the weights do not fit: {error}") from None
        return module


#: Makes the space for a task from checked options; the entry point names it.
create = Factory(WidthSpace, WidthOptions, name="widths")
