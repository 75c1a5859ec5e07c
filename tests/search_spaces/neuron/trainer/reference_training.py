"""Training of the float64 reference with torch.optim: what every trainer must equal, written for clarity only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe
from evonas.training.augmentation import Augmentation
from evonas.types import Doubles, Floats, Ints, Task
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.counter_rng import dropout_mask, growth_scores, hidden_mask
from search_spaces.neuron.trainer.rounding import rounding_for
from search_spaces.neuron.trainer.sample_order import SCORE_SAMPLES, n_batches, sample_order
from search_spaces.neuron.trainer.schedule import learning_rates, prune_steps, regrow_steps
from tests.search_spaces.neuron.reference import forward, loss, parameters, states


def mean_loss(
    outputs: Tensor, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
) -> Tensor:
    """The training loss: targets are smoothed, then mixed with what a teacher says of the samples; samples count by
    their weights."""
    if samples.weight is not None:
        alike = replace(samples, weight=None)
        losses = [
            mean_loss(
                outputs[i : i + 1], alike.take(np.array([i])), task, recipe,
                None if teacher is None else teacher[i : i + 1],
            )
            for i in range(len(samples))
        ]
        return (torch.stack(losses) * torch.from_numpy(samples.weight.astype(np.float64))).mean()
    y = torch.from_numpy(samples.y)
    if teacher is None:
        return loss(outputs, y, task, label_smoothing=recipe.label_smoothing)
    said = torch.from_numpy(teacher.astype(np.float64))
    if task.kind == "regression":
        target = (1 - recipe.teacher_weight) * y + recipe.teacher_weight * said
        return (outputs - target).square().mean()
    hard = torch.nn.functional.one_hot(y, task.n_outputs).double()
    target = (1 - recipe.label_smoothing) * hard + recipe.label_smoothing / task.n_outputs
    target = (1 - recipe.teacher_weight) * target + recipe.teacher_weight * said
    return -(target * outputs.log_softmax(1)).sum(1).mean()


def score_matrix(
    network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
) -> Doubles:
    """E[h_u * delta_v] of every pair of neurons, shape ``(n_neurons, n_neurons)``; delta of inputs is 0."""
    x = torch.from_numpy(samples.flat.astype(np.float64))
    layers = states(network, x, *parameters(network))
    sums = [z for z, _ in layers]
    deltas = torch.autograd.grad(mean_loss(layers[-1][1], samples, task, recipe, teacher), sums)
    h = torch.cat([x, *(activation for _, activation in layers)], dim=1)
    delta = torch.cat([torch.zeros_like(x), *deltas], dim=1)
    return (h.T @ delta).detach().numpy()


@dataclass
class ReferenceRun:
    """A float64 training run: the network, the losses of its epochs, and the cost in edge updates."""

    network: Network
    train_losses: list[float]
    val_losses: list[float]
    n_edges: list[int]
    edge_updates: float


class ReferenceTrainer:
    """Float64 parameters under torch.optim; every step is a method."""

    def __init__(
        self, network: Network, splits: Splits, recipe: Recipe, *, epochs: int, seed: int,
        frozen: NDArray[np.bool_] | None = None, teacher: Floats | None = None,
    ) -> None:
        self.network, self.splits, self.recipe, self.epochs, self.seed = network, splits, recipe, epochs, seed
        self.teacher = teacher
        self.rounding = rounding_for(network, splits, recipe.quantisation)
        self.frozen = np.zeros(network.genotype.n_edges, bool) if frozen is None else frozen
        self.constant = torch.from_numpy(network.edge.astype(np.float64))
        #: The group of every edge and row, and the leaves: one value for each group.
        self.groups: dict[str, Ints] = {}
        self.leaves: dict[str, Tensor] = {}
        channels = np.concatenate([network.genotype.channels, np.full(network.genotype.n_outputs, -1)])
        sharing = {"edge": np.where(self.frozen, -1, network.genotype.ties), "bias": channels, "gain": channels}
        for name, numbers in sharing.items():
            alone = np.arange(len(numbers)) + numbers.max(initial=0) + 1
            self.groups[name] = np.unique(np.where(numbers < 0, alone, numbers), return_inverse=True)[1]
            sums = np.bincount(self.groups[name], getattr(network, name).astype(np.float64))
            self.leaves[name] = torch.from_numpy(sums / np.bincount(self.groups[name])).requires_grad_()
        self._make_optimizer()

    def _make_optimizer(self) -> None:
        kind = torch.optim.AdamW if self.recipe.optimizer == "adamw" else torch.optim.Adam
        decayed = {"params": [self.leaves["edge"]], "weight_decay": self.recipe.weight_decay}
        self.optimizer = kind([decayed, {"params": [self.leaves["bias"], self.leaves["gain"]], "weight_decay": 0.0}])

    def values(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of edges, biases and gains of rows."""
        edge, bias, gain = (self.leaves[name][torch.from_numpy(self.groups[name])] for name in self.leaves)
        edge = torch.where(torch.from_numpy(self.frozen), self.constant, edge)
        if self.rounding is not None:
            step, largest = torch.from_numpy(self.rounding.edge.astype(np.float64)), self.rounding.largest
            edge = edge + ((edge / step).clamp(-largest, largest).round() * step - edge).detach()
        return edge, bias, gain

    def edge(self) -> Tensor:
        return self.values()[0]

    def snapshot(self) -> Network:
        arrays = (t.detach().numpy().astype(np.float32) for t in self.values())
        return Network(self.network.genotype, *arrays, self.network.norm)

    def outputs(self, x: Doubles, mask: Floats | None = None) -> Tensor:
        rows = None if mask is None else torch.from_numpy(mask.astype(np.float64))
        return forward(self.network, torch.from_numpy(x), *self.values(), rows, self.rounding)

    def update(self, index: Ints, step: int, rate: float) -> float:
        recipe, task = self.recipe, self.splits.task
        samples = self.splits.train.take(index)
        x = samples.flat.astype(np.float64)
        n = n_batches(len(self.splits.train), recipe.batch_size)
        views = Augmentation(samples.x.shape[1:], recipe).of_steps(n, seed=self.seed, epoch=step // n)
        if (view := views[step % n]) is not None:
            x = x[:, view]
        if recipe.input_dropout:
            x = x * dropout_mask(index, task.n_inputs, rate=recipe.input_dropout, seed=self.seed, step=step)
        mask = None
        if recipe.hidden_dropout:
            sizes = self.network.genotype.n_inputs, self.network.genotype.n_hidden
            mask = hidden_mask(index, *sizes, rate=recipe.hidden_dropout, seed=self.seed, step=step)
        value = mean_loss(self.outputs(x, mask), samples, task, recipe, self.told(index))
        self.optimizer.zero_grad()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        value.backward()
        for parameter in self.leaves.values():
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        if recipe.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(list(self.leaves.values()), recipe.clip_norm)
        self.optimizer.step()
        return value.item()

    def told(self, index: Ints) -> Floats | None:
        """What the teacher says of some samples."""
        return None if self.teacher is None else self.teacher[index]

    def prune(self, keep: int) -> None:
        """Magnitude pruning; the weights are rounded to float32 first, as every trainer sees them."""
        weight = np.abs(self.edge().detach().numpy().astype(np.float32))
        rank = np.lexsort([np.arange(len(weight)), -weight, ~self.frozen])
        kept = np.sort(rank[: max(keep, int(self.frozen.sum()))])
        self.rebuild(self.network.genotype.edges[kept], kept)

    def regrow(self, share: float, index: Ints, step: int) -> None:
        """RigL: scores are those of the network before anything is dropped, with the targets of training."""
        genotype, weight = self.network.genotype, np.abs(self.edge().detach().numpy().astype(np.float32))
        samples = self.splits.train.take(index)
        if self.recipe.regrowth is not None and self.recipe.regrowth.grow == "random":
            n = genotype.n_neurons
            score = growth_scores(np.arange(n), n, seed=self.seed, step=step).T
        else:
            told = self.told(index)
            score = np.abs(score_matrix(self.snapshot(), samples, self.splits.task, self.recipe, told))
        if self.recipe.regrowth is not None and self.recipe.regrowth.scope == "layer-pair":
            self.regrow_by_pair(share, weight, score)
            return
        absent = genotype.layer_of[:, None] < genotype.layer_of[None, :]
        absent[genotype.edges[:, 0], genotype.edges[:, 1]] = False
        moved = min(round(share * genotype.n_edges), int((~self.frozen).sum()), int(absent.sum()))
        dropped = np.lexsort([np.arange(len(weight)), weight, self.frozen])[:moved]
        target, source = np.nonzero(absent.T)
        best = np.lexsort([source, target, -score[source, target]])[:moved]
        kept = np.setdiff1d(np.arange(len(weight)), dropped)
        grown = np.stack([source[best], target[best]], axis=1)
        self.rebuild(np.concatenate([genotype.edges[kept], grown]), np.concatenate([kept, np.full(moved, -1)]))

    def regrow_by_pair(self, share: float, weight: NDArray[np.floating], score: NDArray[np.floating]) -> None:
        """Algorithm 1 of Evci 2020, layer pair by layer pair: what is dropped competes with what is absent."""
        genotype = self.network.genotype
        layer = genotype.layer_of
        index = {(int(u), int(v)): e for e, (u, v) in enumerate(genotype.edges)}
        origin: dict[tuple[int, int], int] = {}
        for i in range(genotype.depth + 1):
            for j in range(i + 1, genotype.depth + 1):
                own = [e for (u, v), e in index.items() if layer[u] == i and layer[v] == j]
                free = [e for e in own if not self.frozen[e]]
                moved = min(round(share * len(own)), len(free))
                dropped = set(sorted(free, key=lambda e: (weight[e], e))[:moved])
                origin |= {edge: e for edge, e in index.items() if e in own and e not in dropped}
                pairs = [(u, v) for u in np.flatnonzero(layer == i) for v in np.flatnonzero(layer == j)]
                able = [(int(u), int(v)) for u, v in pairs if (int(u), int(v)) not in origin]
                for edge in sorted(able, key=lambda e: (-score[e], e[1], e[0]))[:moved]:
                    origin[edge] = index.get(edge, -1)
        self.rebuild(np.array(list(origin), np.int64), np.array(list(origin.values()), np.int64))

    def rebuild(self, edges: NDArray[np.integer], origin: Ints) -> None:
        """Go on with other edges: ``origin`` is the index of the edge each was (its state is kept), -1 for new ones."""
        old = self.network.genotype
        result = connected(old, edges, np.where(origin < 0, -1, old.ties[origin]).astype(np.int32))
        origin = origin[result.edges]
        rows = result.neurons[result.neurons >= old.n_inputs] - old.n_inputs
        self.constant = self._pick(self.edge().detach(), origin)
        self.frozen = np.where(origin < 0, False, self.frozen[origin])
        self.network = replace(self.network, genotype=result.genotype)
        leaves = {}
        for name, members in {"edge": origin, "bias": rows, "gain": rows}.items():
            n_leaves = len(self.leaves[name])
            fresh = n_leaves + np.arange(len(members))
            kept, self.groups[name] = np.unique(
                np.where(members < 0, fresh, self.groups[name][members]), return_inverse=True
            )
            leaves[name] = np.where(kept < n_leaves, kept, -1)
        self._go_on_with(leaves)

    def release(self) -> None:
        """Every edge and every row goes on by itself, with the moments of its group."""
        genotype = self.network.genotype
        alone = np.full(genotype.n_edges, -1, np.int32), np.full(genotype.n_hidden, -1, np.int32)
        released = replace(genotype, ties=alone[0], channels=alone[1], release_at=1.0)
        self.network = replace(self.network, genotype=released)
        groups, self.groups = self.groups, {name: np.arange(len(group)) for name, group in self.groups.items()}
        self._go_on_with(groups)

    def _go_on_with(self, index: dict[str, Ints]) -> None:
        """New leaves, with values and moments of the old ones at ``index``; -1 is a new one, 0."""
        state = {name: self.optimizer.state[leaf] for name, leaf in self.leaves.items()}
        self.leaves = {name: self._pick(self.leaves[name].detach(), index[name]).requires_grad_() for name in index}
        self._make_optimizer()
        for name, leaf in self.leaves.items():
            if state[name]:
                moments = {key: self._pick(state[name][key], index[name]) for key in ("exp_avg", "exp_avg_sq")}
                self.optimizer.state[leaf] = {"step": state[name]["step"].clone(), **moments}

    @staticmethod
    def _pick(values: Tensor, index: Ints) -> Tensor:
        picked = values[torch.from_numpy(np.maximum(index, 0))]
        return torch.where(torch.from_numpy(index < 0), torch.zeros_like(picked), picked)

    def run(self) -> ReferenceRun:
        n, batch_size = len(self.splits.train), self.recipe.batch_size
        n_steps = self.epochs * n_batches(n, batch_size)
        rates = learning_rates(self.recipe, self.network.genotype, n_steps)
        release_at = self.network.genotype.release_at
        release = round(release_at * n_steps) if release_at < 1 else -1
        prunes = prune_steps(self.recipe, n_steps, self.network.genotype.n_edges, release_at)
        settled = max(max(prunes, default=-1) + 1, release, 0)
        regrows = regrow_steps(self.recipe, n_steps, settled, n_batches(n, batch_size))
        if release == 0:
            self.release()
        result = ReferenceRun(self.network, [], [], [], 0.0)
        step = 0
        for epoch in range(self.epochs):
            order = sample_order(n, batch_size, seed=self.seed, epoch=epoch)
            total = 0.0
            for begin in range(0, n, batch_size):
                index = order[begin : begin + batch_size]
                result.edge_updates += len(index) * self.network.genotype.n_edges
                total += len(index) * self.update(index, step, float(rates[step]))
                if release == step + 1:
                    self.release()
                if step in prunes and prunes[step] < self.network.genotype.n_edges:
                    self.prune(prunes[step])
                if step in regrows:
                    self.regrow(regrows[step], order[begin : begin + SCORE_SAMPLES], step)
                step += 1
            result.train_losses.append(total / n)
            validation = self.splits.validation
            outputs = self.outputs(validation.flat.astype(np.float64))
            result.val_losses.append(mean_loss(outputs, validation, self.splits.task, Recipe()).item())
            result.n_edges.append(self.network.genotype.n_edges)
        result.network = self.snapshot()
        return result


def genotype_with(genotype: NeuronGenotype, ties: NDArray[np.int32]) -> NeuronGenotype:
    """The same network with other ties."""
    return replace(genotype, ties=ties)
