"""The recipe of a training, which every trainer follows, and the result of training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Generic, Literal

import numpy as np

from evonas.types import Doubles, G, IntegerType, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Gradual magnitude pruning with a cubic schedule (Zhu 2017, https://arxiv.org/abs/1710.01878).

    Between ``begin`` and ``end`` the smallest weights are removed so that ``edges + (start - edges) * (1 -
    progress)**3`` connected edges remain.

    Attributes:
        edges: Edges that remain; None uses the target of the genotype, if it has one, else nothing is pruned.
        begin: Share of all steps after which pruning begins.
        end: Share of all steps after which it has ended.
        every: Steps between two removals, or a hundredth of all steps if that is less.
    """

    edges: int | None = None
    begin: float = 0.0
    end: float = 0.75
    every: int = 50

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range.
        """
        if (self.edges is not None and self.edges < 1) or self.every < 1:
            raise ValueError(f"edges and every must be at least 1, got {self.edges} and {self.every}")
        if not 0 <= self.begin <= self.end <= 1:
            raise ValueError(f"begin and end must be shares with begin <= end, got {self.begin} and {self.end}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrowth:
    """A share of the edges moves: dynamic sparse training.

    Not before pruning has ended, ``fraction * (1 + cos(pi * progress)) / 2`` of the edges with the smallest weights are
    dropped, and as many edges are added with weight 0.

    Attributes:
        fraction: Share of the edges that move at first.
        every: Steps between two moves; 0 moves edges after every epoch.
        end: Share of all steps after which no edge moves.
        decay: ``"cosine"``: fewer and fewer edges move, as above; ``"none"``: always ``fraction`` of them.
        scope: ``"layer-pair"``: edges are dropped and grow between the same two layers, as published; one that has been
            dropped may grow again, and keeps its weight then. ``"network"``: all edges compete, those that skip layers
            included, and what is dropped does not come back in the same step; runs from before there was a choice go
            on so.
        grow: ``"gradient"``: those with the largest \\|E[h_u * delta_v]\\| (RigL, Evci 2020,
            https://arxiv.org/abs/1911.11134); ``"random"`` ones (SET, Mocanu 2018,
            https://doi.org/10.1038/s41467-018-04316-3).
    """

    fraction: float = 0.1
    every: int = 100
    end: float = 0.8
    decay: Literal["cosine", "none"] = "cosine"
    scope: Literal["layer-pair", "network"] = "layer-pair"
    grow: Literal["gradient", "random"] = "gradient"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range.
        """
        if self.every < 0:
            raise ValueError(f"every must be a number of steps, or 0 for every epoch, got {self.every}")
        if not (0 <= self.fraction <= 1 and 0 <= self.end <= 1):
            raise ValueError(f"fraction and end must be shares from 0 to 1, got {self.fraction} and {self.end}")


#: Largest number of epochs of a small child, as a multiple of its trial's budget.
LONGEST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides a training run but the network, the data, the length and the seed.

    Attributes:
        batch_size: Samples a step.
        optimizer: ``"adamw"`` decays weights directly, ``"adam"`` adds the decay to the gradient; betas .9, .999,
            epsilon 1e-8.
        learning_rate: Peak learning rate.
        lr_reference_edges: Trials of networks that keep more edges than this learn more slowly where they begin with
            weights, of a parent or their own: the peak is multiplied by ``sqrt(lr_reference_edges / edges)``. Chosen
            for 784 inputs; a large number switches it off. Wider layers want lower rates (Yang 2022,
            https://arxiv.org/abs/2203.03466): on Fashion-MNIST 2 of 20 children of 36 000 to 51 000 edges were better
            than their parent of 25 000 with the full rate, and 10 of 12 with two thirds of it.
        longer_edges: Children of networks that keep fewer edges than this are trained for more epochs than the trial's
            budget: ``sqrt(longer_edges / edges)`` times as many, up to 4 times; 0 switches it off. Two networks of
            10 000 edges on CIFAR-10 went from 61.1 and 60.7 % on validation after 12 epochs to 61.8 and 61.6 after 24
            and 62.3 after 48; on Fashion-MNIST, where children have 18 epochs, searches with 8 000 gained nothing.
        child_epochs: Epochs of a trial that begins with a parent's weights, as shares of its budget: between the two,
            all numbers equally likely.
        schedule: ``"constant"``, ``"cosine"`` (to 0) or ``"one-cycle"`` (up for 30 % of the steps, then down to 0);
            the learning rate changes every step.
        warmup: Share of the steps over which ``constant`` and ``cosine`` rise linearly to the peak.
        weight_decay: Decay of the edge weights only, never of biases and gains.
        clip_norm: Largest global gradient norm.
        label_smoothing: Share of the target mass spread evenly over the classes.
        input_dropout: Probability that an input value is set to 0 (the others are scaled up) in training.
        hidden_dropout: The same of the activation of a hidden neuron, for spaces with a trainer of their own.
        shift: Most pixels by which images are moved along each axis, every batch of them another way (see
            :mod:`evonas.training.augmentation`).
        flip: Half of the batches are mirrored left to right.
        min_edges_for_augmentation: Networks that keep fewer edges than this (in cells: operations) see images as they
            are, whatever ``shift`` and ``flip``: they have no room for more. With shifts by a pixel on MNIST validation
            lost .2 points at 1 000 edges, and gained .2 at 2 650 and .4 from 6 600 on (3 and 4 runs).
        teacher_weight: Share of the teacher's outputs in the targets. It matters where the samples have a teacher
            (Hinton 2015, https://arxiv.org/abs/1503.02531; for classes at temperature 1).
        patience: Epochs without a lower validation loss after which training stops and gives the best epoch's weights;
            they count from the end of pruning.
        pruning: Prune while training.
        regrowth: Move edges while training.
        quantisation: Weights and activations are rounded in every pass, as in a program of integers of this type, and
            the gradient passes as if they were not (Jacob 2018, https://arxiv.org/abs/1712.05877); for networks that
            begin with weights, in spaces with a trainer of their own. The weights that come out are rounded.
    """

    batch_size: int = 64
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 3e-3
    lr_reference_edges: float = 20_000.0
    longer_edges: float = 0.0
    child_epochs: tuple[float, float] = (1.0, 1.0)
    schedule: Literal["constant", "cosine", "one-cycle"] = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.1
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    input_dropout: float = 0.0
    hidden_dropout: float = 0.0
    shift: int = 0
    flip: bool = False
    min_edges_for_augmentation: float = 0.0
    teacher_weight: float = 0.5
    patience: int | None = None
    pruning: Pruning | None = None
    regrowth: Regrowth | None = None
    quantisation: IntegerType | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range.
        """
        for name in ("label_smoothing", "input_dropout", "hidden_dropout", "warmup", "teacher_weight"):
            if not 0 <= getattr(self, name) <= 1 or (name.endswith("dropout") and getattr(self, name) == 1):
                raise ValueError(f"{name} must be a share from 0 to 1, got {getattr(self, name)}")
        if not 0 < self.child_epochs[0] <= self.child_epochs[1] < math.inf:
            raise ValueError(f"child_epochs must be two positive shares, the smaller first, got {self.child_epochs}")
        if self.quantisation is not None and (self.pruning is not None or self.regrowth is not None):
            raise ValueError("expected no pruning and no regrowth beside quantisation, since edges must stay: leave "
                             "these out, or quantise in a training of its own")
        if self.shift < 0:
            raise ValueError(f"shift must not be negative, got {self.shift}")
        for name in ("min_edges_for_augmentation", "longer_edges"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        positive = {"batch_size": self.batch_size, "learning_rate": self.learning_rate, "clip_norm": self.clip_norm,
                    "lr_reference_edges": self.lr_reference_edges}
        for name, value in positive.items():
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value}")
        if not 0 <= self.weight_decay < math.inf or (self.patience is not None and self.patience < 0):
            got = f"{self.weight_decay}, {self.patience}"
            raise ValueError(f"weight_decay and patience must be finite and not negative, got {got}")

    def of_size(self, edges: float) -> Recipe:
        """The recipe for a network with a number of edges, or fewer if this recipe prunes it further."""
        return self if self._kept(edges) >= self.min_edges_for_augmentation else replace(self, shift=0, flip=False)

    def final(self) -> Recipe:
        """The recipe for a network that has been chosen, without early stopping, pruning and regrowth."""
        return replace(self, patience=None, pruning=None, regrowth=None)

    def epochs_of_child(self, edges: float, budget: int, rng: np.random.Generator | None = None) -> int:
        """Epochs of a trial that begins with a parent's weights.

        Args:
            edges: Edges of the network; fewer count if this prunes it further.
            budget: Epochs of the trial.
            rng: Draws them where :attr:`child_epochs` leaves a choice; None takes the most.
        """
        longer = math.sqrt(self.longer_edges / max(self._kept(edges), 1.0))
        budget = round(budget * min(max(1.0, longer), LONGEST))
        fewest, most = (max(1, round(share * budget)) for share in self.child_epochs)
        return most if rng is None or fewest == most else int(rng.integers(fewest, most, endpoint=True))

    def continued(self, edges: float) -> Recipe:
        """The recipe for a trial of a network with a number of edges that begins with weights."""
        share = min(1.0, (self.lr_reference_edges / max(self._kept(edges), 1.0)) ** 0.5)
        return self if share == 1 else replace(self, learning_rate=share * self.learning_rate)

    def _kept(self, edges: float) -> float:
        target = None if self.pruning is None else self.pruning.edges
        return edges if target is None else min(edges, target)

    def learning_rates(self, n_steps: int) -> Doubles:
        """The learning rate of every step, shape ``(n_steps,)``."""
        step = np.arange(n_steps)
        if self.schedule == "one-cycle":
            rise = max(1, round(0.3 * n_steps))
            up = 0.04 + 0.96 * 0.5 * (1 - np.cos(np.pi * np.minimum(1, (step + 1) / rise)))
            down = 0.5 * (1 + np.cos(np.pi * np.clip((step + 1 - rise) / max(1, n_steps - rise), 0, 1)))
            return self.learning_rate * np.where(step < rise, up, down)
        rise = max(1, round(self.warmup * n_steps))
        rates = self.learning_rate * np.minimum(1, (step + 1) / rise)
        if self.schedule == "cosine":
            rates *= 0.5 * (1 + np.cos(np.pi * np.clip((step - rise) / max(1, n_steps - rise), 0, 1)))
        return rates


@dataclass(frozen=True, slots=True)
class Epoch:
    """One entry of a training history.

    Attributes:
        train_loss: Mean training loss.
        val_loss: Validation loss; None without patience, for which alone it is computed.
        n_edges: Number of connected edges.
    """

    train_loss: float
    val_loss: float | None
    n_edges: int


@dataclass(frozen=True, slots=True)
class Trained(Generic[G]):
    """The result of a training.

    Attributes:
        genotype: The genotype after training; pruning and regrowth change it.
        weights: Its weights.
        history: One entry per epoch.
        edge_updates: Connected edges times training samples seen, the cost of sparse training independent of the
            machine.
    """

    genotype: G
    weights: Weights
    history: tuple[Epoch, ...]
    edge_updates: float
