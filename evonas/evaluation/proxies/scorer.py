"""Proxies of genotypes, with the same samples and the same seed for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Splits
from evonas.evaluation.proxies import check_names, parts_of
from evonas.space import G, SearchSpace
from evonas.training import Stop
from evonas.types import Doubles, UserError

if TYPE_CHECKING:
    from evonas.evaluation.proxies.networks import Batch

#: Number of samples on which networks are scored.
N_SAMPLES = 64
#: Number of random networks that show the sizes of a space.
N_SIZES = 100
#: Number of founders of which at least one must have what a proxy measures.
N_FOUNDERS = 3


@dataclass(frozen=True)
class Scorer(Generic[G]):
    """Scores of networks with fresh weights on the first training samples.

    Attributes:
        space: Search space of the genotypes.
        splits: The data set.
        seed: Seed of random inputs.
        n_samples: Number of samples.
        weights_seed: Seed of the weights; None leaves those that the space gives a network, always the same.
        sizes: Preferred thousands of parameters, and width of the preference, for ``reg_swap``; None is by the space's
            networks.
    """

    space: SearchSpace[G]
    splits: Splits
    seed: int = 0
    n_samples: int = N_SAMPLES
    weights_seed: int | None = None
    sizes: tuple[float, float] | None = None

    @cached_property
    def _batch(self) -> Batch:
        import torch

        from evonas.evaluation.proxies.networks import Batch

        samples = self.splits.train
        x, y = (torch.tensor(array[: self.n_samples]) for array in (samples.x, samples.y))
        return Batch(x, y, self.splits.task, self.seed)

    @cached_property
    def _sizes(self) -> tuple[float, float] | None:
        """Preference for a size: as it is set, else by random networks; None if the space counts no parameters."""
        from evonas.evaluation.proxies.reg_swap import sizes_of

        if self.sizes is not None:
            return self.sizes
        rng = np.random.default_rng(self.seed)
        costs = [self.space.cost(self.space.sample(rng)) for _ in range(N_SIZES)]
        return sizes_of([cost["params"] for cost in costs]) if "params" in costs[0] else None

    def scores(self, genotype: G, names: Sequence[str], stop: Stop | None = None) -> tuple[
        dict[str, float], dict[str, str]
    ]:
        """Proxies of one network by name, and the reasons of those that failed.

        Args:
            genotype: The genotype.
            names: Names of proxies, none of which combines others.
            stop: Request to stop, polled between two proxies.
        """
        import torch

        from evonas.evaluation.proxies.compute import compute
        from evonas.training.loop import initialise

        torch.set_num_threads(1)
        network = self.space.compile(genotype)
        if self.weights_seed is not None:
            initialise(network, np.random.SeedSequence(self.weights_seed))
        batch = replace(self._batch, sizes=self._sizes) if "reg_swap" in names else self._batch
        found: dict[str, float] = {}
        failed: dict[str, str] = {}
        for name in names:
            if stop is not None:
                stop.check()
            try:
                found[name] = compute(name, network, batch)
            except (ArithmeticError, ValueError, RuntimeError) as error:  # torch's linear algebra raises RuntimeError
                failed[name] = f"{type(error).__name__}: {error}"
        return found, failed

    def table(self, genotypes: Sequence[G], names: Sequence[str]) -> dict[str, Doubles]:
        """Scores ``(n,)`` of candidates by name, including combinations of ranks; NaN if one failed."""
        parts = list(dict.fromkeys(part for name in names for part in parts_of(name)))
        rows = [self.scores(genotype, parts)[0] for genotype in genotypes]
        single = {part: np.array([row.get(part, np.nan) for row in rows]) for part in parts}
        return {name: joined([single[p] for p in parts_of(name)]) if name not in single else single[name]
                for name in names}

    def check(self, names: Sequence[str]) -> None:
        """Check that the space's networks can have proxies.

        Raises:
            UserError: One of them is unknown, or not defined for the task or the networks.
        """
        check_names(names, self.splits.task)
        rng, reasons = np.random.default_rng(self.seed), dict.fromkeys(names, "")
        for _ in range(N_FOUNDERS):
            reasons = self._unfit(self.space.sample(rng), list(reasons))
        for name, reason in reasons.items():
            raise UserError(f"networks of this space cannot have the proxy {name}: {reason}; choose another")

    def _unfit(self, genotype: G, names: Sequence[str]) -> dict[str, str]:
        """The reasons of the proxies that a network cannot have."""
        _, failed = self.scores(genotype, list(dict.fromkeys(part for name in names for part in parts_of(name))))
        unfit = {name: text.partition(": ")[2] for name, text in failed.items() if text.startswith("Unfit: ")}
        return {name: unfit[part] for name in names for part in parts_of(name) if part in unfit}


def joined(parts: Sequence[Doubles]) -> Doubles:
    """Sum of ln(rank / number of candidates) over the parts ``(n,)``, the best rank being the highest.

    A candidate with NaN in some part gets NaN.
    """
    from scipy.stats import rankdata  # imported here, since completion of shells waits for all imports

    good: NDArray[np.bool_] = np.isfinite(np.stack(parts).sum(axis=0))
    result = np.full(len(good), np.nan)
    if good.any():
        result[good] = sum(np.log(rankdata(part[good]) / good.sum()) for part in parts)
    return result
