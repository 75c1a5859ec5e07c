"""Options of the neuron space."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evonas.types import suggestion
from search_spaces.neuron.mutation import LARGEST_STEPS, OPERATORS
from search_spaces.neuron.trainer import TrainerName
from search_spaces.neuron.trainer.base import Norm

#: Operators whose smallest step can be set.
SIZED = tuple(name for name in LARGEST_STEPS if name != "grow_and_prune")
#: Most edges of a bound; no memory holds as many.
MOST_EDGES = 2**40


class NeuronOptions(BaseModel):
    """Options of the space; every field has a default.

    Attributes:
        norm: Normalisation of hidden layers. Where it is left out a new run on a table has none.
        trainer: Backend for training; ``"auto"`` takes the fastest of the CPU that is there, ``"cuda"`` trains whole
            generations at once on a GPU.
        founders: ``"pruned"`` founders begin with many times the edges that training leaves them, ``"log-uniform"``
            ones are sparse at once; both are spread over orders of magnitude. ``"convolutional"`` ones share weights
            as convolutions do, from which the operator ``release`` makes networks of single neurons; at the cheap end
            they are pruned ones. ``"shared"`` ones are convolutions of few weights, where these and not edges are what
            counts, and a quarter of them pruned. ``"source"`` is the published rule. ``"auto"`` is ``"pruned"`` for
            tables; for images and signals ``"shared"`` if a search minimises parameters or flash, else
            ``"convolutional"``. Where it is left out a new run on a table has ``"dense-or-pruned"`` ones: a third of
            them are one layer with every edge, the others pruned.
        edges: Fewest and most edges of founders and children. None is from as many as inputs (at least 4 an output) to
            80 times as many as inputs or outputs, whichever are more, and whatever ``founder_edges`` has beyond.
        founder_edges: Fewest and most edges of founders and of the members of a seeder's family, as training leaves
            them; None is the default of ``edges`` as far as ``edges`` allows, and a decade wide where that has room.
        starting_edges: Most edges that founders and members of a family begin with, before training prunes them; None
            is as many as their sizes ask for. A new run sets it where those are too many for its samples, memory or
            time.
        shared_shift: Pixels by which images are moved, at most, while a network that stays tied is trained, whatever
            the recipe says of others, but no more than a pixel for every 12 on their shorter side. On Fashion-MNIST
            networks that were released from such parents had .2 to .8 points more at 6 600 edges, .3 to .4 at 20 700
            (3 plans, one seed each, on validation).
        small_edges: Networks that keep fewer edges than this and begin with weights learn faster: the rate is
            multiplied by the root of the ratio, up to 2; 0 switches it off. Pruned in eight steps from 88 000 edges,
            networks of 1 000 had .6 to .8 points more with it on Fashion-MNIST and MNIST, those of 1 700 to 4 000 -.1
            to .2 (3 runs).
        smoothing: Label smoothing of the others that begin with weights, and see images as they are: they learn their
            few samples by heart. On Fashion-MNIST it gained .2 to .35 points from 10 000 to 40 000 edges, .1 at 6 600,
            and cost .1 at 4 000 and .4 at 2 650 (3 runs); where images are moved it gained nothing.
        distance_base: Scale of the distance law before the slope, in pixels of a 28 x 28 grid. Mutations and founders
            that are sparse at once obey it; those that training prunes begin with a scale of their own.
        distance_slope: Amount that each layer adds to the scale.
        distance_strength: 0 switches the law off: all edges are equally likely.
        operators: Weights with which mutations are drawn, by name; those left out are not used. None is
            ``DEFAULT_WEIGHTS`` of :mod:`search_spaces.neuron.mutation`, and ``SHARED_WEIGHTS`` or ``FEW_WEIGHTS`` where
            founders are ``"convolutional"`` or ``"shared"``.
        largest_steps: Largest step of an operator as a share, by name; those left out keep the one of
            ``LARGEST_STEPS``.
        smallest_steps: Smallest step of an operator as a share, by name: steps are uniform between the two then, as
            published; those left out are log-uniform from one edge or neuron on.
        pair_share: Most of the edges that ``add_edges`` or ``remove_edges`` gives one of three layer pairs, as a share;
            their numbers are random then. None gives all three as many.
        hidden_positions: Positions of new neurons, and of the founders ``"source"`` and ``"log-uniform"``: anywhere
            (``"random"``), or at the mean of their predecessors as published.
        steps: Every operator that has a step is there once for each of these shares of its largest step, as
            ``"add_edges x0.1"`` where the share is not 1, with an equal part of the weight: several let a search that
            draws operators by what they gained learn how large steps should be.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    norm: Norm = "layer-affine"
    trainer: TrainerName = "auto"
    founders: Literal[
        "auto", "convolutional", "shared", "pruned", "dense-or-pruned", "log-uniform", "source"
    ] = "auto"
    edges: tuple[int, int] | None = None
    founder_edges: tuple[int, int] | None = None
    starting_edges: int | None = Field(default=None, ge=1)
    shared_shift: int = Field(1, ge=0)
    small_edges: float = Field(5000.0, ge=0, allow_inf_nan=False)
    smoothing: float = Field(0.1, ge=0, le=1)
    distance_base: float = Field(4.0, gt=0, allow_inf_nan=False)
    distance_slope: float = Field(1.5, ge=0, allow_inf_nan=False)
    distance_strength: float = Field(1.0, ge=0, allow_inf_nan=False)
    operators: dict[str, float] | None = None
    largest_steps: dict[str, float] = Field(default_factory=dict)
    smallest_steps: dict[str, float] = Field(default_factory=dict)
    pair_share: float | None = Field(default=None, gt=0, le=1)
    hidden_positions: Literal["random", "predecessors"] = "random"
    steps: tuple[float, ...] = (1.0,)

    @field_validator("edges", "founder_edges")
    @classmethod
    def _check_range(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[0] <= value[1] < MOST_EDGES:
            raise ValueError(f"expected (fewest, most) with 1 <= fewest <= most < 2^40, got {value}")
        return value

    @field_validator("operators")
    @classmethod
    def _check_operators(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None:
            _check_names("operator", value, OPERATORS)
            if not (all(0 <= weight < float("inf") for weight in value.values()) and any(value.values())):
                raise ValueError(f"expected non-negative weights, one of them positive, got {value}")
        return value

    @field_validator("largest_steps")
    @classmethod
    def _check_largest_steps(cls, value: dict[str, float]) -> dict[str, float]:
        _check_names("operator with a step", value, LARGEST_STEPS)
        for name, share in value.items():
            if not 0 < share <= 1:
                raise ValueError(f"expected a share in (0, 1] for {name}, got {share}")
        return value

    @field_validator("smallest_steps")
    @classmethod
    def _check_smallest_steps(cls, value: dict[str, float]) -> dict[str, float]:
        _check_names("operator with a smallest step", value, SIZED)
        for name, share in value.items():
            if not 0 <= share <= 1:
                raise ValueError(f"expected a share in [0, 1] for {name}, got {share}")
        return value

    @field_validator("steps")
    @classmethod
    def _check_steps(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or len(set(value)) < len(value) or not all(0 < share <= 1 for share in value):
            raise ValueError(f"expected one or more different shares in (0, 1], got {list(value)}")
        return value

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        for name, smallest in self.smallest_steps.items():
            largest = self.largest_steps.get(name, LARGEST_STEPS[name])
            if smallest > largest:
                raise ValueError(f"smallest_steps: expected at most the largest step of {name}, {largest:g}, got "
                                 f"{smallest:g}")
        if self.edges and self.founder_edges:
            (fewest, most), (low, high) = self.edges, self.founder_edges
            if not fewest <= low <= high <= most:
                raise ValueError(f"founder_edges must lie within edges, {self.edges}, got {self.founder_edges}")
        return self


def _check_names(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}{suggestion(name, known)}")
