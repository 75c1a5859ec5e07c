"""The laws of what a search space may offer beside :class:`evonas.space.SearchSpace`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from evonas.capabilities.choices import HasChoices, Relaxable
from evonas.capabilities.display import Describable, Drawable, Readable
from evonas.capabilities.initialization import SpreadsFounders
from evonas.capabilities.layers import Lowerable
from evonas.capabilities.training import Trainable, Training, TrainsMany
from evonas.capabilities.variation import HasFeatures, HasNeighbours, InheritsWeights, MutatesTowards
from evonas.data.samples import Samples, Splits
from evonas.space import InvalidGenotype, SearchSpace
from evonas.testing.contract import Contract, required
from evonas.testing.layer_reference import outputs_of
from evonas.testing.lineage import SEEDS, frozen, generator, initial_weights, lineage
from evonas.training import Cancelled, Recipe, Stop, Trained
from evonas.types import Task


class CapabilityContract(Contract):
    """Capabilities of a search space; laws of those that it lacks are skipped.

    Inherited weights, founders by index, neighbours, features, intended costs; texts, tables and drawings; layers;
    choices and the supernet; a trainer of the space's own. :class:`evonas.testing.SpaceContract` inherits all of it.

    Attributes:
        task: Task of the space.
        space: The search space; a value or a fixture.
    """

    task: ClassVar[Task]
    space: ClassVar[Any] = required("space", "a search space for `task`")

    def test_inherited_weights_fit_the_child_and_leave_the_parents_alone(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, InheritsWeights):
            pytest.skip("this space does not inherit weights")
        for parent, child in pairwise(lineage(space, seed=0)):
            weights = initial_weights(space, parent)
            before = {name: value.copy() for name, value in weights.items()}
            inherited = space.inherit(child, parent, weights, generator(0))
            again = space.inherit(child, parent, weights, generator(0))
            space.compile(child, inherited)
            for name, value in inherited.items():
                np.testing.assert_array_equal(value, again[name], f"inherit gives other {name} for the same generator")
            for name, value in before.items():
                np.testing.assert_array_equal(value, weights[name], f"inherit changes the parent's {name}")

    def test_founders_are_valid_and_follow_from_their_index(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, SpreadsFounders):
            pytest.skip("founders of this space are plain samples")
        for index in range(6):
            founder = space.founder(index, generator(index))
            space.validate(founder)
            again = space.founder(index, generator(index))
            assert again == founder, f"founder {index} is another for the same generator: draw from rng alone"

    def test_neighbours_are_valid_others_and_each_is_listed_once(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, HasNeighbours):
            pytest.skip("this space lists no neighbours")
        for genotype in lineage(space, seed=0, length=1):
            before = frozen(space, genotype)
            neighbours = space.neighbours(genotype)
            for neighbour in neighbours:
                space.validate(neighbour)
            digests = [neighbour.digest for neighbour in neighbours]
            assert genotype.digest not in digests, "a genotype is listed among its own neighbours"
            assert len(set(digests)) == len(digests), "a neighbour is listed more than once"
            assert list(space.neighbours(genotype)) == list(neighbours), "neighbours are others at a second call"
            assert frozen(space, genotype) == before, "neighbours changes its argument"

    def test_features_are_finite_and_as_many_for_every_genotype(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, HasFeatures):
            pytest.skip("this space has no features for a regression")
        rows = [space.features(genotype) for genotype in lineage(space, seed=0)]
        assert {row.ndim for row in rows} == {1}, "features must be one vector for each genotype"
        assert len({row.shape for row in rows}) == 1, "genotypes have different numbers of features"
        assert np.isfinite(np.stack(rows)).all(), "features are not finite"

    def test_mutants_with_intended_costs_are_valid_new_and_follow_from_the_seed(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, MutatesTowards):
            pytest.skip("this space does not aim at costs")
        for seed in SEEDS:
            parent = space.sample(generator(seed))
            before = frozen(space, parent)
            for factor in (0.5, 2.0):
                costs = {"flops": factor * space.cost(parent)["flops"]}
                child = space.mutate_towards(parent, costs, generator(seed))
                space.validate(child.genotype)
                assert child.genotype != parent, "mutate_towards gives the parent itself"
                assert child.operator in space.operators, "mutate_towards names no operator of the space"
                again = space.mutate_towards(parent, costs, generator(seed))
                assert again == child, "mutate_towards gives another child for the same generator"
            assert frozen(space, parent) == before, "mutate_towards changes its argument"

    @pytest.mark.parametrize("text", ["", "no genotype", "(", "[1, 2", "7"])
    def test_a_text_that_is_no_genotype_is_refused_in_one_sentence(self, space: SearchSpace[Any], text: str) -> None:
        if not isinstance(space, Readable):
            pytest.skip("this space reads no texts")
        with pytest.raises(InvalidGenotype) as refusal:
            space.parse(text)
        assert str(refusal.value), "InvalidGenotype must say in one sentence what is wrong"
        assert "\n" not in str(refusal.value), "InvalidGenotype must say in one sentence what is wrong"

    def test_tables_that_describe_a_genotype_have_full_rows_of_text(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, Describable):
            pytest.skip("this space describes nothing")
        for genotype in lineage(space, seed=0):
            for title, columns, rows in space.describe(genotype):
                for row in rows:
                    assert len(row) == len(columns), f"a row of the table {title!r} has another length than its head"
                    assert all(isinstance(cell, str) for cell in row), f"a cell of the table {title!r} is no text"

    def test_a_drawing_lies_in_its_rectangle(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, Drawable):
            pytest.skip("this space draws nothing")
        for genotype in lineage(space, seed=0):
            for weights in (None, initial_weights(space, genotype)):
                diagram = space.diagram(genotype, weights)
                assert np.isfinite(diagram.positions).all(), "a node is drawn at no finite position"
                assert (diagram.positions >= 0).all(), "a node is drawn left of or above the rectangle"
                right, bottom = diagram.width, 1
                assert (diagram.positions <= [right, bottom]).all(), "a node is drawn right of or below the rectangle"
                assert len(diagram.edges), "a network is drawn without edges"
                assert diagram.edges.max() < len(diagram.positions), "an edge leads to a node that is not drawn"
                assert set(diagram.layer) <= set(range(len(diagram.layers))), "a node is in a layer without a caption"
                assert set(diagram.kind) <= set(range(len(diagram.kinds))), "a node is of a kind without a name"

    def test_layers_compute_what_the_phenotype_does(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, Lowerable):
            pytest.skip("this space does not say what its networks compute")
        for seed in SEEDS:
            genotype, rng = space.sample(generator(seed)), generator(seed)
            weights = {
                name: value + rng.uniform(0.1, 0.5, value.shape).astype(np.float32)
                for name, value in initial_weights(space, genotype).items()
            }
            x = rng.normal(size=(3, *self.task.input_shape)).astype(np.float32)
            with torch.no_grad():
                expected = space.compile(genotype, weights).eval()(torch.from_numpy(x)).numpy()
            outputs = outputs_of(space.layers(genotype, weights), x)
            np.testing.assert_allclose(
                outputs, expected, atol=1e-5 * max(1.0, np.abs(expected).max()),
                err_msg="layers compute other outputs than the module that compile returns",
            )

    def test_a_genotype_has_rows_of_choices_and_is_what_they_choose(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, HasChoices):
            pytest.skip("genotypes of this space are no choices")
        shape = space.choices.n_choices, len(space.choices.operations)
        for name, costs in space.choices.costs.items():
            assert costs.shape == shape, f"the costs {name} of choices must have shape {shape}"
        for genotype in lineage(space, seed=0):
            arch = space.arch_of(genotype)
            assert arch.shape == shape, f"arch_of must have shape {shape}"
            assert np.isin(arch, (0, 1)).all(), "rows of arch_of must be one-hot, or zeros"
            assert (arch.sum(axis=1) <= 1).all(), "rows of arch_of must be one-hot, or zeros"
            assert space.discretize(arch) == genotype, "discretize does not give back the genotype of arch_of"

    @pytest.mark.parametrize(("extra", "value", "rule"), [(1, 0.0, "argmax"), (0, np.nan, "argmax"), (0, 0.0, "none")])
    def test_choices_that_do_not_fit_are_refused(
        self, space: SearchSpace[Any], extra: int, value: float, rule: str
    ) -> None:
        if not isinstance(space, HasChoices):
            pytest.skip("genotypes of this space are no choices")
        shape = space.choices.n_choices + extra, len(space.choices.operations)
        with pytest.raises(ValueError, match=r"."):
            space.discretize(np.full(shape, value, np.float32), rule)

    def test_a_network_cut_out_of_the_supernet_computes_what_its_path_does(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, Relaxable):
            pytest.skip("this space has no supernet")
        batch = torch.randn(2, *self.task.input_shape, generator=torch.Generator().manual_seed(0))
        supernet = space.supernet(0).eval()
        for genotype in lineage(space, seed=0, length=1):
            network = space.compile(genotype, space.extract(supernet, genotype)).eval()
            arch = torch.from_numpy(space.arch_of(genotype))
            with torch.no_grad():
                torch.testing.assert_close(
                    supernet(batch, arch), network(batch), rtol=1e-4, atol=1e-5,
                    msg=lambda text: f"the supernet computes other outputs than the network cut out of it: {text}",
                )

    def test_training_is_a_function_of_its_arguments_and_predicts_what_the_phenotype_does(
        self, space: SearchSpace[Any]
    ) -> None:
        if not isinstance(space, Trainable):
            pytest.skip("this space has no trainer of its own")
        genotype, splits = space.sample(generator(0)), noise(self.task)
        before, weights = frozen(space, genotype), initial_weights(space, genotype)
        start = {name: value.copy() for name, value in weights.items()}
        recipe = Recipe(batch_size=8)  # several steps, for spaces that prune in training
        arguments: dict[str, Any] = {"epochs": 2, "seed": np.random.SeedSequence(5), "stop": Stop()}
        first = space.train(genotype, weights, splits, recipe, **arguments)
        space.validate(first.genotype)
        for name, value in start.items():
            np.testing.assert_array_equal(value, weights[name], f"train changes the weights {name} that it begins with")
        assert frozen(space, genotype) == before, "train changes the genotype that it is given"
        again = space.train(genotype, weights, splits, recipe, **arguments)
        assert again.genotype == first.genotype, "train gives another genotype for the same arguments"
        for name, value in first.weights.items():
            np.testing.assert_array_equal(value, again.weights[name], f"train gives other {name} at a second call")
        with torch.no_grad():
            outputs = space.compile(first.genotype, first.weights).eval()(torch.from_numpy(splits.validation.x))
        np.testing.assert_allclose(
            space.predict(first.genotype, first.weights, splits.validation), outputs.numpy(), rtol=1e-4, atol=1e-5,
            err_msg="predict gives other outputs than the module that compile returns",
        )

    def test_training_that_is_asked_to_stop_ends(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, Trainable):
            pytest.skip("this space has no trainer of its own")
        stop = Stop()
        stop.request()
        with pytest.raises(Cancelled):
            space.train(
                space.sample(generator(0)), None, noise(self.task), Recipe(), epochs=1, seed=np.random.SeedSequence(5),
                stop=stop,
            )

    def test_networks_that_are_trained_together_are_those_that_are_trained_alone(self, space: SearchSpace[Any]) -> None:
        if not (isinstance(space, Trainable) and isinstance(space, TrainsMany) and space.trains_many):
            pytest.skip("this space does not train many networks at once")
        whole: Any = space
        splits, recipe, seeds = noise(self.task, 16), Recipe(batch_size=8), [np.random.SeedSequence(i) for i in (5, 6)]
        genotypes = [whole.sample(generator(i)) for i in (0, 1)]
        trainings: list[Training[Any]] = [
            Training(genotype, initial_weights(whole, genotype), recipe, 1, seed, Stop())
            for genotype, seed in zip(genotypes, seeds, strict=True)
        ]
        found = dict(pair for group in space.train_many(trainings, splits) for pair in group)
        assert sorted(found) == [0, 1], "train_many must yield one result for each training"
        for index, one in enumerate(trainings):
            alone = whole.train(one.genotype, one.weights, splits, recipe, epochs=1, seed=one.seed, stop=Stop())
            together = found[index]
            assert isinstance(together, Trained), f"train_many fails where train does not: {together}"
            assert together.genotype == alone.genotype, "train_many gives another genotype than train"
            for name, value in alone.weights.items():
                np.testing.assert_array_equal(
                    value, together.weights[name], f"train_many gives other {name} than train: it depends on the others"
                )


def noise(task: Task, n: int = 64) -> Splits:
    """Random samples of a task, the same for training and for validation."""
    rng = generator(1)
    x = rng.standard_normal((n, *task.input_shape)).astype(np.float32)
    if task.kind == "classification":
        samples = Samples(x, rng.integers(0, task.n_outputs, n))
    else:
        samples = Samples(x, rng.standard_normal((n, task.n_outputs)).astype(np.float32))
    return Splits("noise", task, samples, samples, "")
