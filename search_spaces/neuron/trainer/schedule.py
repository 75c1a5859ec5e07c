"""Schedule of a training by its steps: rates, the end of sharing, and when edges go and come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evonas.training import Recipe
from evonas.types import Doubles
from search_spaces.neuron.genotype import NeuronGenotype

#: Fewest prunings that the whole training has room for: if edges are removed in a few large jumps, whole layers are
#: lost.
FEWEST_PRUNINGS = 100


def prune_steps(recipe: Recipe, n_steps: int, n_edges: int, release_at: float = 1.0) -> dict[int, int]:
    """Steps of pruning: step after whose update it happens -> edges to keep.

    At such a step the edges with the largest weights are kept (of equal ones the earlier; frozen ones always), then
    hidden neurons that have lost all inputs or all outputs leave their layer, and its norm, together with their edges.

    Where sharing ends at a share ``release_at`` of the steps, pruning begins only then, and takes at least as large a
    share of the steps that are left as it would have taken of all.

    Args:
        recipe: Its ``pruning`` says when to begin and end, and what to keep; without it nothing is pruned.
        n_steps: Steps of the whole training.
        n_edges: Edges with which training begins.
        release_at: Share of the steps after which nothing is shared; 1 where it stays so.
    """
    pruning = recipe.pruning
    if pruning is None or pruning.edges is None or pruning.edges >= n_edges:
        return {}
    first, last = pruning.begin, pruning.end
    if first < release_at < 1:
        first, last = release_at, max(last, release_at + (1 - release_at) * (last - first))
    begin, end = round(first * n_steps), max(1, round(last * n_steps))
    every = min(pruning.every, max(1, n_steps // FEWEST_PRUNINGS))
    steps = sorted({*range(begin + every, end, every), end})
    span = max(1, end - begin)
    left = {s: (1 - min(1, (s - begin) / span)) ** 3 for s in steps} | {end: 0.0}
    return {s - 1: round(pruning.edges + (n_edges - pruning.edges) * left[s]) for s in steps}


def regrow_steps(recipe: Recipe, n_steps: int, pruned_until: int, per_epoch: int = 1) -> dict[int, float]:
    """Steps in which edges move: step after whose update it happens -> share of the edges that move.

    Of the edges between each two layers ``round(share * n)`` with the smallest weights (of equal ones the earlier;
    never frozen ones) are dropped, and as many grow between the same layers: those with the largest absolute score on
    :data:`search_spaces.neuron.trainer.sample_order.SCORE_SAMPLES` samples, or with the largest random one of
    :func:`search_spaces.neuron.trainer.counter_rng.growth_scores` (of equal ones the first by target, then source),
    among the absent and the dropped. One that was dropped goes on as it was, the others begin with weight and optimiser
    state 0. With the scope ``"network"`` the same is done once for all edges, among the absent only. Then neurons
    without inputs or outputs leave as in pruning.

    Args:
        recipe: Its ``regrowth`` says when and how many; without it no edge moves.
        n_steps: Steps of the whole training.
        pruned_until: Steps after which there is no more pruning, and no more release.
        per_epoch: Steps of an epoch.
    """
    regrowth = recipe.regrowth
    if regrowth is None:
        return {}
    end, every = round(regrowth.end * n_steps), regrowth.every or per_epoch
    steps = range(pruned_until + every, end, every)
    if not regrowth.every:  # at the ends of epochs, whenever pruning has ended
        steps = range((pruned_until // every + 1) * every, end, every)
    if regrowth.decay == "none":
        return {s - 1: regrowth.fraction for s in steps}
    span = max(1, end - pruned_until)
    return {s - 1: float(regrowth.fraction * 0.5 * (1 + np.cos(np.pi * (s - pruned_until) / span))) for s in steps}


#: Rate while weights are shared: networks that have fewer weights than SHARED of their edges learn at SHARED_RATE times
#: the recipe's rate. On Fashion-MNIST and CIFAR-10 .01 was best for tied networks, .003 to .005 for single neurons.
SHARED, SHARED_RATE = 0.75, 3.0


def learning_rates(recipe: Recipe, genotype: NeuronGenotype, n_steps: int) -> Doubles:
    """The rate of every step, ``(n_steps,)``: the recipe's schedule for the shared phase, then again for the rest.

    Args:
        recipe: Gives the schedule.
        genotype: One with few weights for its edges learns faster while it shares them (:data:`SHARED`).
        n_steps: Steps of the whole training.
    """
    if genotype.n_weights >= SHARED * genotype.n_edges:
        return recipe.learning_rates(n_steps)
    n_shared = round(genotype.release_at * n_steps)
    shared = SHARED_RATE * recipe.learning_rates(n_shared)
    return np.concatenate([shared, recipe.learning_rates(n_steps - n_shared)])


class Schedule(NamedTuple):
    """Rates and events by the step of a training.

    Attributes:
        rates: See :func:`learning_rates`.
        release: Steps after which nothing is shared any more: every edge has its own weight, every neuron its own bias
            and gain, each with the optimiser state that its group had. -1: what is shared stays so.
        prunes: See :func:`prune_steps`.
        regrows: See :func:`regrow_steps`.
    """

    rates: Doubles
    release: int
    prunes: dict[int, int]
    regrows: dict[int, float]

    @property
    def settled(self) -> int:
        """Steps after which the network is released and has its final number of edges."""
        return max(max(self.prunes, default=-1) + 1, self.release, 0)


def schedule(recipe: Recipe, genotype: NeuronGenotype, n_steps: int, per_epoch: int = 1) -> Schedule:
    """The schedule of a training.

    Args:
        recipe: Gives rates, pruning and regrowth.
        genotype: The genotype with which training begins; it says when sharing ends.
        n_steps: Steps of the whole training.
        per_epoch: Steps of an epoch.
    """
    release = -1 if genotype.release_at == 1 else round(genotype.release_at * n_steps)
    rates = learning_rates(recipe, genotype, n_steps)
    without_moves = Schedule(rates, release, prune_steps(recipe, n_steps, genotype.n_edges, genotype.release_at), {})
    return without_moves._replace(regrows=regrow_steps(recipe, n_steps, without_moves.settled, per_epoch))
