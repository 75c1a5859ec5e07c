"""Weight sharing without relaxation: paths through a supernet. No torch.

SPOS (Guo 2019, https://arxiv.org/abs/1904.00420) and FairNAS (Chu 2019, https://arxiv.org/abs/1907.01845).
"""

from __future__ import annotations

import numpy as np

from evonas.capabilities.choices import Relaxable
from evonas.space import G
from evonas.types import Doubles, Floats

#: Draws for each genotype before the space counts as exhausted.
DRAWS = 20


def perturbed(logits: Doubles, rng: np.random.Generator) -> Floats:
    """Add Gumbel noise to logits: each operation has the largest entry of its row with its own probability.

    For :meth:`evonas.capabilities.choices.Relaxable.discretize` they hold more than the operations drawn: the strength
    of each, by which a space that keeps only some edges can choose these.
    """
    return (logits + rng.gumbel(size=logits.shape)).astype(np.float32)


def uniform_path(space: Relaxable[G], shape: tuple[int, int], rule: str, rng: np.random.Generator) -> Floats:
    """Return rows of ``arch`` that run a random genotype: each operation of a row has equal probability (SPOS).

    If the space keeps only some edges, only these are run, all equally often: paths are trained as they are scored.

    Args:
        space: The space.
        shape: Shape of ``arch``.
        rule: Rule by which logits become a genotype.
        rng: Draws the path.
    """
    return space.arch_of(space.discretize(perturbed(np.zeros(shape), rng), rule))


def fair_paths(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return one-hot rows of all paths of a training step, ``(n_operations, *shape)``: each operation of a row once.

    This is the rule of FairNAS. If the space keeps only some edges, paths still run all edges, and candidates are
    scored with fewer edges than were trained together: with edges left out, so small a number of paths could not have
    every operation once.
    """
    n_choices, n_operations = shape
    columns = rng.permuted(np.tile(np.arange(n_operations), (n_choices, 1)), axis=1).T
    paths: Floats = np.eye(n_operations, dtype=np.float32)[columns]
    return paths


def extreme_paths(costs: Floats) -> tuple[Floats, Floats]:
    """One-hot rows of the widest path and of the narrowest, by what operations cost, ``(n_choices, n_operations)``."""
    one_hot = np.eye(costs.shape[1], dtype=np.float32)
    return one_hot[costs.argmax(axis=1)], one_hot[costs.argmin(axis=1)]


def random_genotypes(
    space: Relaxable[G], rule: str, rng: np.random.Generator, *, wanted: int, needed: int, uniform: bool = False
) -> list[G]:
    """Different genotypes, each with its own frequencies of operations: so all costs are there, not only middle ones.

    Args:
        space: Gives what there is to choose.
        rule: Rule by which perturbed logits become a genotype.
        rng: Draws them.
        wanted: Number of genotypes, as far as there are as many.
        needed: Genotypes at least.
        uniform: All operations are equally frequent instead.

    Raises:
        ValueError: The space has fewer than ``needed``.
    """
    shape = space.choices.n_choices, len(space.choices.operations)
    found: dict[str, G] = {}
    for _ in range(DRAWS * wanted):
        logits = np.zeros(shape) if uniform else np.broadcast_to(np.log(rng.dirichlet(np.ones(shape[1]))), shape)
        genotype = space.discretize(perturbed(logits, rng), rule)
        found.setdefault(genotype.digest, genotype)
        if len(found) == wanted:
            break
    if len(found) < needed:
        raise ValueError(f"only {len(found)} different networks were found: ask for fewer members than {needed}")
    return list(found.values())
