"""What trains the supernet of blocks: a step of each method, and searches from samples to families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from evonas.capabilities.family import FoundFamily
from evonas.data import load
from evonas.evaluation.base import Job
from evonas.evaluation.shared import SharedEvaluator
from evonas.individual import Individual, Trial
from evonas.supernet.checkpoint import load_supernet
from evonas.supernet.optimizers import Batch, WeightLearner
from evonas.supernet.search import SupernetSearch
from evonas.supernet.settings import METHODS, SandwichSettings, SposSettings, WidestSettings, methods_for
from evonas.supernet.steps import PathStep, SandwichStep, StepContext
from evonas.training import Cancelled, Recipe, Stop
from evonas.types import Task, UserError
from search_spaces.block.genotype import BlockGenotype
from search_spaces.block.space import BlockSpace, create
from search_spaces.block.supernet import SlicedBodies

WIDEST, NARROWEST = (BlockGenotype("resnet", (name,) * 8) for name in ("conv7_x2", "conv3_x0.5"))


def small(sharing: str = "slimmable") -> BlockSpace:
    return create(Task("classification", (3, 9, 8), 4), {"sharing": sharing, "width": 2})


def arch_of(space: BlockSpace, genotype: BlockGenotype) -> Tensor:
    return torch.from_numpy(space.arch_of(genotype))


class Recorder(WeightLearner):
    """Knows which paths learned from the targets, and which from a teacher's outputs."""

    def __init__(self, space: BlockSpace, settings: Any) -> None:
        super().__init__(space.supernet(0), space.choices, space.task, settings)
        self.space = space
        self.own: list[BlockGenotype] = []
        self.taught: list[tuple[BlockGenotype, Tensor]] = []
        self.outputs: list[Tensor] = []

    def outputs_and_loss(self, batch: Batch, arch: Tensor, mix: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.own.append(self.space.discretize(arch.numpy()))
        outputs, loss = super().outputs_and_loss(batch, arch, mix)
        self.outputs.append(outputs.detach())
        return outputs, loss

    def distillation_loss(self, batch: Batch, arch: Tensor, teacher: Tensor) -> Tensor:
        self.taught.append((self.space.discretize(arch.numpy()), teacher.detach()))
        return super().distillation_loss(batch, arch, teacher)


def context() -> StepContext:
    return StepContext(0.5, np.random.default_rng(0), torch.Generator().manual_seed(0))


def examples() -> Batch:
    return Batch(torch.randn(8, 3, 9, 8, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 4)


def test_the_widest_path_learns_from_targets_and_teaches_the_narrowest_and_two_random_ones() -> None:
    space, settings = small(), SandwichSettings()
    learner = Recorder(space, settings)
    before = [weight.detach().clone() for weight in learner.weights]
    loss = SandwichStep(learner, space, settings)(examples(), examples, context())
    assert np.isfinite(loss)
    assert learner.own == [WIDEST]
    assert learner.taught[0][0] == NARROWEST
    assert len({genotype.digest for genotype, _ in learner.taught}) == 3
    for _, teacher in learner.taught:
        torch.testing.assert_close(teacher, learner.outputs[0])
    assert any(not torch.equal(a, b) for a, b in zip(before, learner.weights, strict=True))


def test_without_distillation_all_paths_learn_from_the_targets() -> None:
    space, settings = small(), SandwichSettings(distillation=False, random_paths=1)
    learner = Recorder(space, settings)
    SandwichStep(learner, space, settings)(examples(), examples, context())
    assert not learner.taught
    assert learner.own[:2] == [WIDEST, NARROWEST]
    assert len(learner.own) == 3


def test_what_the_widest_says_is_taught_by_its_probabilities() -> None:
    space = small()
    learner = WeightLearner(space.supernet(0), space.choices, space.task, SandwichSettings())
    teacher = torch.randn(8, 4, generator=torch.Generator().manual_seed(3), requires_grad=True)
    path = arch_of(space, NARROWEST)
    loss = learner.distillation_loss(examples(), path, teacher)
    logs = learner.supernet(examples().x, path).log_softmax(1)
    torch.testing.assert_close(loss, -(teacher.softmax(1) * logs).sum(1).mean())
    loss.backward()  # type: ignore[no-untyped-call]
    assert teacher.grad is None, "a teacher learns nothing from its pupils"


def test_pruning_trains_the_widest_path_alone() -> None:
    space, settings = small(), WidestSettings()
    learner = Recorder(space, settings)
    PathStep(learner, space, settings)(examples(), examples, context())
    assert learner.own == [WIDEST]


def test_passes_are_counted_by_the_parameters_of_their_paths() -> None:
    for sharing in ("slimmable", "separate"):
        space = small(sharing)
        learner = WeightLearner(space.supernet(0), space.choices, space.task, SposSettings())
        for genotype in (WIDEST, NARROWEST):
            before = learner.updates
            learner.loss(examples(), arch_of(space, genotype))
            assert learner.updates - before == 8 * space.cost(genotype)["params"]


def search(space: BlockSpace, method: str, folder: Path, stop_after: int | None = None) -> FoundFamily[BlockGenotype]:
    folder.mkdir(exist_ok=True)
    options: dict[str, Any] = {"batch_size": 16}
    options |= {"candidates": 4} if method not in ("proxyless", "gdas") else {}
    stop = Stop()

    def report(epoch: int, n_epochs: int, metrics: Any) -> None:
        assert np.isfinite(metrics["train_loss"])
        if epoch == stop_after:
            stop.request()

    return SupernetSearch(space, method, METHODS[method](**options)).search(
        load("digits", n_train=64, validation=30), Recipe(), n_members=3, epochs=2, seed=np.random.SeedSequence(0),
        stop=stop, directory=folder, report=report,
    )


def contents(family: FoundFamily[BlockGenotype]) -> list[Any]:
    return [family.edge_updates, *(
        (member.genotype, {name: value.tobytes() for name, value in member.weights.items()})
        for member in family.members
    )]


def digits_space(operations: str, sharing: str) -> BlockSpace:
    options = {"operations": operations, "sharing": sharing, "width": 2}
    return create(Task("classification", (1, 8, 8), 10), options)


@pytest.mark.parametrize(
    ("method", "operations", "sharing"),
    [
        ("spos", "resnet", "slimmable"), ("fairnas", "resnet", "separate"), ("proxyless", "mbconv", "separate"),
        ("gdas", "mbconv", "slimmable"), ("sandwich", "resnet", "slimmable"), ("widest", "mbconv", "slimmable"),
    ],
)
def test_searches_end_in_networks_with_weights_of_their_own(
    method: str, operations: str, sharing: str, tmp_path: Path
) -> None:
    space, splits = digits_space(operations, sharing), load("digits", n_train=64, validation=30)
    family = search(space, method, tmp_path)
    assert len({member.genotype.digest for member in family.members}) == 3
    for genotype, weights in family.members:
        network = space.compile(genotype, weights).eval()
        assert bool(network(torch.from_numpy(splits.validation.x)).isfinite().all())


@pytest.mark.parametrize("method", ["sandwich", "widest"])
def test_a_killed_search_ends_as_an_uninterrupted_one(method: str, tmp_path: Path) -> None:
    space = digits_space("resnet", "slimmable")
    whole = contents(search(space, method, tmp_path / "whole"))
    with pytest.raises(Cancelled):
        search(space, method, tmp_path / "killed", stop_after=1)
    assert contents(search(space, method, tmp_path / "killed")) == whole
    assert contents(search(space, method, tmp_path / "whole")) == whole


def test_networks_of_pruning_are_cut_by_norm_also_when_they_are_scored_later(tmp_path: Path) -> None:
    space, splits = digits_space("resnet", "slimmable"), load("digits", n_train=64, validation=30)
    family = search(space, "widest", tmp_path)
    state = load_supernet(tmp_path)
    orders = {name: value for name, value in state.items() if name.endswith(".order")}
    assert len(orders) == 8
    supernet = space.supernet(0)
    supernet.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    bodies = [module for module in supernet.modules() if isinstance(module, SlicedBodies)]
    for body in bodies:
        weight = body.convolutions[-1].weight
        assert isinstance(weight, Tensor)
        read = weight.detach().abs().sum(dim=(0, 2, 3))[body.order]
        assert (read[:-1] >= read[1:]).all()
    genotype, weights = family.members[0]
    job = Job(Trial(Individual(0, genotype, 0, "random"), 0), np.random.SeedSequence(0), None, Stop())
    scored = SharedEvaluator(space, splits, state)(job).weights
    assert scored is not None
    for name in ("blocks.2.body.convolutions.0.weight", "blocks.7.body.convolutions.1.weight"):
        np.testing.assert_array_equal(scored[name], weights[name])


def test_methods_of_slices_are_refused_where_operations_share_nothing() -> None:
    space = small("separate")
    assert set(METHODS) - set(methods_for(space.choices)) == {"sandwich", "widest"}
    assert set(methods_for(small().choices)) == set(METHODS)
    for method in ("sandwich", "widest"):
        with pytest.raises(UserError, match=f"the search '{method}' needs operations that are slices of the widest"):
            SupernetSearch(space, method, METHODS[method]())
    with pytest.raises(ValueError, match="random_paths must not be negative, got -1"):
        SandwichSettings(random_paths=-1)
