"""Supernet searches as :class:`evonas.capabilities.family.OneShotSearch`: from samples to a family of genotypes with
weights.

Torch is imported when a search begins, since the command line lists methods and asks trained hypernetworks without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic

import numpy as np

from evonas.capabilities.choices import RelaxableSpace
from evonas.capabilities.export import HasTimedParts
from evonas.capabilities.family import FoundFamily, Report
from evonas.data.samples import Splits
from evonas.runtimes.latency_table import read_table
from evonas.serialization.arrays import save
from evonas.space import G
from evonas.supernet.checkpoint import FILE, TrainedHypernet
from evonas.supernet.hypernet import measure_matrix
from evonas.supernet.settings import (
    ProxylessSettings,
    RelaxedSettings,
    ScalarSettings,
    SlicedSettings,
    SupernetSettings,
    VectorSettings,
)
from evonas.training import Recipe, Stop
from evonas.types import Floats, UserError

#: Message about a method that :func:`evonas.supernet.settings.methods_for` leaves out.
NOT_NESTED = (
    "the search {!r} needs operations that are slices of the widest and share its weights, which this space does not "
    "have with these options: choose another search, or another space or option"
)


@dataclass(frozen=True)
class SupernetSearch(Generic[G]):
    """Method in a space.

    Attributes:
        space: The space.
        method: Name in :data:`evonas.supernet.settings.METHODS`.
        settings: Settings of the type that belongs to the name.
        folder: Folder of the run, which has the table of latencies if the method learns from one.
    """

    space: RelaxableSpace[G]
    method: str
    settings: SupernetSettings
    folder: Path = Path()

    #: Members continue from the supernet's weights with the defaults of the plain torch loop.
    training: ClassVar[Mapping[str, Any]] = {}
    epochs: ClassVar[int] = 20
    n_members: ClassVar[int] = 20

    def __post_init__(self) -> None:
        """Raise :class:`UserError` if the space lacks what the method needs."""
        settings, choices = self.settings, self.space.choices
        shape = choices.n_choices, len(choices.operations)
        if isinstance(settings, SlicedSettings) and not choices.nested:
            raise UserError(NOT_NESTED.format(self.method))
        if self.needs_table and not isinstance(self.space, HasTimedParts):
            remedy = "set cost to" if isinstance(settings, ProxylessSettings) else "name in complexity only"
            raise UserError(f"this space has no parts that could be timed: {remedy} 'flops' or 'params'")
        if isinstance(settings, RelaxedSettings) and settings.noise_per_image and not choices.per_image:
            raise UserError("the supernet of this space runs one architecture a batch: set noise_per_image to false")
        if isinstance(settings, ScalarSettings) and settings.classifier != "shared" and not choices.classifier:
            raise UserError("the supernet of this space names no last layer of its own: set classifier to 'shared'")
        try:
            self.space.discretize(np.zeros(shape, np.float32), settings.rule)
            counted = [name for name in settings.measures if name in choices.costs]
            if counted and isinstance(settings, VectorSettings):
                measure_matrix(choices.costs, counted)
        except ValueError as error:  # checked here, since the rule is applied after the whole training
            raise UserError(str(error)) from None

    @property
    def needs_table(self) -> bool:
        """Return whether the method learns from a table of latencies."""
        return "latency" in self.settings.measures

    def search(
        self, splits: Splits, recipe: Recipe, *, n_members: int, epochs: int, seed: np.random.SeedSequence, stop: Stop,
        directory: Path, report: Report, teacher: Floats | None = None,
    ) -> FoundFamily[G]:
        """Train the supernet, and read a family off; see :class:`evonas.capabilities.family.OneShotSearch`.

        Members keep the supernet's weights, with statistics of BatchNorm of their own. Hypernetworks give their best
        genotypes over the range of complexities, other logits their best genotype; where those are too few, samples
        from the logits follow, at rising temperatures. Without logits it is the front by loss on held-out training
        samples and FLOPs among random paths. What gives the logits is kept in ``directory``, see
        :mod:`evonas.supernet.checkpoint`.

        Args:
            splits, n_members, epochs, seed, stop, directory, report: See the protocol.
            recipe: The recipe of the members' training; not used here.
            teacher: Must be None: a supernet learns from the labels alone.

        Raises:
            ValueError: There is a teacher; or as the protocol says.
        """
        if teacher is not None:
            raise ValueError("a supernet does not learn from a teacher: leave the teacher out")
        from evonas.supernet.subnetworks import best_paths, read_off
        from evonas.supernet.training import SupernetTraining

        training = SupernetTraining(
            self.space, splits, self.settings, n_epochs=epochs, seed=seed, costs=self._measured_costs()
        )
        training.run(directory, stop, report)
        rng = np.random.default_rng(training.seed_of(epochs))
        if training.logits is None:
            genotypes, complexities = best_paths(training, n_members, rng, stop), []
        else:
            references = training.logits.references.detach().numpy()
            net = TrainedHypernet(
                self.method, self.space.choices.operations, self.settings.rule, training.hypernet, references
            )
            save(directory / FILE, net.encode())
            members = net.members(self.space, n_members, rng)
            genotypes, complexities = [genotype for genotype, _ in members], [each for _, each in members]
        return FoundFamily(read_off(training, genotypes, complexities), training.learner.updates)

    def _measured_costs(self) -> Mapping[str, Floats]:
        if not (self.needs_table and isinstance(self.space, HasTimedParts)):
            return {}
        parts = self.space.timed_parts
        return {"latency": read_table(self.folder, parts.names).of_choices(parts)}
