"""The neuron space: the laws of all spaces on four tasks, its options, bounds and tables."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from evonas.capabilities.display import Describable, Drawable
from evonas.capabilities.training import Trainable
from evonas.capabilities.variation import InheritsWeights
from evonas.data.samples import Samples, Splits
from evonas.space import InvalidGenotype
from evonas.testing.lineage import generator
from evonas.testing.space_contract import SpaceContract
from evonas.training import Pruning, Recipe, Stop, Trained
from evonas.types import Task
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.space import NeuronSpace, create
from search_spaces.neuron.weights import fresh

DIGITS = Task("classification", (1, 8, 8), 10)


class NeuronSpaceContract(SpaceContract):
    founders: ClassVar[str] = "log-uniform"

    @pytest.fixture
    def space(self) -> NeuronSpace:
        return create(self.task, {"trainer": "torch", "founders": self.founders})


class TestGreyImages(NeuronSpaceContract):
    task = Task("classification", (1, 28, 28), 10)


class TestColourImages(NeuronSpaceContract):
    task = Task("classification", (3, 8, 8), 10)


class TestDigits(NeuronSpaceContract):
    task = DIGITS


class TestTables(NeuronSpaceContract):
    task = Task("regression", (13,), 1)


class TestPrunedFounders(NeuronSpaceContract):
    task, founders = DIGITS, "pruned"


class TestConvolutionalFounders(NeuronSpaceContract):
    task, founders = Task("classification", (1, 28, 28), 10), "convolutional"


class TestConvolutionalFoundersOfSignals(NeuronSpaceContract):
    task, founders = Task("classification", (3, 60), 4), "convolutional"


class TestPrunedFoundersOfTables(NeuronSpaceContract):
    task, founders = Task("regression", (13,), 1), "pruned"


def test_the_space_has_its_capabilities() -> None:
    space = create(DIGITS, {})
    assert isinstance(space, InheritsWeights)
    assert isinstance(space, Describable)
    assert isinstance(space, Drawable)
    assert isinstance(space, Trainable)


def test_importing_the_space_does_not_import_torch() -> None:
    code = "import search_spaces.neuron, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"nrom": "none"}, "unknown option 'nrom' of the neuron space, did you mean 'norm'?"),
        ({"operators": {"add_node": 1}}, "unknown operator 'add_node', did you mean 'add_nodes'?"),
        ({"operators": {"add_nodes": 0}}, "option operators of the neuron space: expected non-negative weights"),
        ({"largest_steps": {"remove_layer": 0.5}}, "unknown operator with a step 'remove_layer'"),
        ({"largest_steps": {"add_nodes": 2}}, "expected a share in (0, 1] for add_nodes, got 2.0"),
        ({"steps": [1.0, 0.0]}, "option steps of the neuron space: expected one or more different shares in (0, 1]"),
        ({"steps": [0.5, 0.5]}, "expected one or more different shares in (0, 1], got [0.5, 0.5]"),
        ({"norm": "batch"}, "option norm of the neuron space: expected 'layer'"),
        ({"founder_edges": (9, 3)}, "option founder_edges of the neuron space: expected (fewest, most)"),
        ({"founder_edges": (500, 900), "edges": (64, 400)}, "founder_edges must lie within edges, (64, 400)"),
        ({"distance_base": 0}, "option distance_base of the neuron space: expected greater than 0, got 0"),
        ({"edges": (1, 5)}, "the most edges must be at least the number of outputs, 10"),
        ({"edges": (9, 3)}, "option edges of the neuron space: expected (fewest, most)"),
    ],
)
def test_a_bad_option_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as error:
        create(DIGITS, options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("founders", ["pruned", "log-uniform", "source"])
def test_founders_and_children_stay_within_edges(founders: str) -> None:
    space = create(DIGITS, {"edges": (200, 300), "founders": founders})
    rng = generator(0)
    genotypes = [space.sample(rng) for _ in range(6)]
    for _ in range(60):
        parent = genotypes[rng.integers(len(genotypes))]
        genotypes.append(space.mutate(parent, rng).genotype)
        genotypes.append(space.crossover(parent, genotypes[rng.integers(len(genotypes))], rng).genotype)
    sizes = [g.n_trained_edges for g in genotypes]
    assert 200 <= min(sizes) < 210
    assert 290 < max(sizes) <= 300


@pytest.mark.parametrize(("n_edges", "bounds"), [(64, (500, 600)), (600, (64, 100))])
def test_a_child_of_a_parent_outside_of_the_bounds_comes_nearer(n_edges: int, bounds: tuple[int, int]) -> None:
    parent = create(DIGITS, {"founders": "log-uniform", "founder_edges": (n_edges, n_edges)}).sample(generator(0))
    space = create(DIGITS, {"edges": bounds})
    rng = generator(1)
    children = [space.mutate(parent, rng) for _ in range(60)]
    sizes = np.array([child.genotype.n_trained_edges for child in children])
    assert (abs(sizes - np.mean(bounds)) < abs(n_edges - np.mean(bounds))).all()
    grown_and_pruned = sizes[[child.operator == "grow_and_prune" for child in children]]
    assert (min(bounds[0], 2.6 * n_edges) <= grown_and_pruned).all()  # more than growth without a bound would give
    assert (grown_and_pruned <= bounds[1]).all()


def test_only_operators_with_a_weight_are_drawn() -> None:
    space = create(
        DIGITS, {"founders": "log-uniform", "operators": {"add_edges": 1, "tie_weights": 0.5, "add_nodes": 0}}
    )
    parent = space.sample(generator(0))
    assert {space.mutate(parent, generator(seed)).operator for seed in range(20)} == {"add_edges", "tie_weights"}


def test_operators_are_there_with_each_step_and_an_equal_part_of_the_weight() -> None:
    options = {"operators": {"remove_edges": 3, "remove_layer": 1}, "founders": "log-uniform"}
    space = create(DIGITS, {**options, "steps": [1.0, 0.1], "largest_steps": {"remove_edges": 0.5}})
    assert space.operators == {"remove_edges": 1.5, "remove_edges x0.1": 1.5, "remove_layer": 1}
    parent = space.sample(generator(0))
    gone: dict[str, list[float]] = {"remove_edges": [], "remove_edges x0.1": []}
    for seed in range(200):
        child = space.mutate(parent, generator(seed), ("remove_edges", "remove_edges x0.1")[seed % 2])
        gone[child.operator].append(1 - child.genotype.n_edges / parent.n_edges)
    assert 0.02 < max(gone["remove_edges x0.1"]) < 0.08 < 0.3 < max(gone["remove_edges"])


def test_a_parent_that_no_operator_in_use_changes_is_an_error_with_a_remedy() -> None:
    space = create(
        Task("regression", (1,), 1),
        {"founders": "log-uniform", "operators": {"remove_edges": 1}, "founder_edges": (1, 1)},
    )
    with pytest.raises(ValueError, match="give another operator a weight"):
        space.mutate(space.sample(generator(0)), generator(0))


def test_a_mutant_differs_even_if_the_operator_may_restore_what_it_took() -> None:
    # the skip edge a -> second output may go; the output then gets a new edge, from a again or from b
    space = create(Task("classification", (1,), 2), {"operators": {"remove_edges": 1}, "edges": (2, 9)})
    parent = NeuronGenotype(
        1, 2, FIRST_HIDDEN_ID + np.arange(2), np.array([1, 2], np.int32), np.zeros((2, 2), np.float32),
        np.array([[0, 1], [1, 2], [2, 3], [1, 4]], np.int32),
    )
    assert all(space.mutate(parent, generator(seed)).genotype != parent for seed in range(10))


def test_crossover_with_itself_is_a_mutation() -> None:
    space = create(DIGITS, {"founders": "log-uniform"})
    parent = space.sample(generator(0))
    assert space.crossover(parent, parent, generator(0)).operator != "crossover"


def test_a_genotype_of_another_task_is_refused() -> None:
    genotype = create(Task("regression", (13,), 1), {}).sample(generator(0))
    with pytest.raises(InvalidGenotype, match=r"\(64, 10\), got \(13, 1\)"):
        create(DIGITS, {}).validate(genotype)


def test_tables_add_up() -> None:
    space = create(DIGITS, {"founders": "log-uniform"})
    genotype = space.sample(generator(3))
    (_, _, layers), (_, columns, pairs) = space.describe(genotype)
    assert sum(int(neurons) for _, neurons, _ in layers) == genotype.n_neurons
    assert sum(int(row[columns.index("edges")]) for row in pairs) == genotype.n_edges


def test_training_is_a_function_of_its_arguments() -> None:
    space = create(DIGITS, {"trainer": "torch", "founders": "log-uniform"})
    genotype = space.sample(generator(0))
    rng = generator(1)
    samples = Samples(rng.standard_normal((64, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 64))
    splits = Splits("random", DIGITS, samples, samples, "")
    seed = np.random.SeedSequence(5)

    def train(recipe: Recipe) -> Trained[NeuronGenotype]:
        return space.train(genotype, None, splits, recipe, epochs=2, seed=seed, stop=Stop())

    first, second = train(Recipe()), train(Recipe())
    space.compile(first.genotype, first.weights)
    assert first.genotype == genotype
    assert len(first.history) == 2
    np.testing.assert_array_equal(first.weights["edge"], second.weights["edge"])
    untrained = space.train(genotype, None, splits, Recipe(), epochs=0, seed=seed, stop=Stop())
    assert (untrained.weights["edge"] != first.weights["edge"]).any()


@pytest.mark.parametrize("trainer", ["torch", "auto"])
@pytest.mark.parametrize(("epochs", "release_at"), [(0, 0.5), (3, 0.5), (0, 1.0), (3, 1.0)])
def test_what_comes_out_of_training_is_released_where_the_genotype_asks_for_it(
    trainer: str, epochs: int, release_at: float
) -> None:
    rng, space = generator(0), create(DIGITS, {"trainer": trainer, "founders": "log-uniform"})
    genotype = space.sample(rng)
    shared = replace(
        genotype, ties=rng.integers(0, 9, genotype.n_edges).astype(np.int32), release_at=release_at,
        channels=rng.integers(0, 3, genotype.n_hidden).astype(np.int32),
    )
    samples = Samples(rng.standard_normal((64, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 64))
    splits = Splits("random", DIGITS, samples, samples, "")
    seed = np.random.SeedSequence(0)
    trained = space.train(shared, None, splits, Recipe(batch_size=16), epochs=epochs, seed=seed, stop=Stop())
    assert trained.genotype.is_shared == (release_at == 1)
    assert trained.genotype.release_at == 1
    assert (len(np.unique(trained.weights["edge"])) > 9) == (release_at < 1 and epochs > 0)


def test_training_prunes_a_child_to_be_pruned_and_what_comes_out_is_done() -> None:
    space = create(DIGITS, {"founders": "log-uniform", "trainer": "torch", "operators": {"grow_and_prune": 1}})
    parent = space.sample(generator(0))
    child, operator = space.mutate(parent, generator(1))
    rng = generator(2)
    samples = Samples(rng.standard_normal((640, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 640))
    splits = Splits("random", DIGITS, samples, samples, "")
    trained = space.train(
        child, space.inherit(child, parent, fresh(parent, rng), rng), splits, Recipe(), epochs=6,
        seed=np.random.SeedSequence(0), stop=Stop(),
    )
    assert operator == "grow_and_prune"
    assert child.n_edges > 1.4 * parent.n_edges
    assert 0.8 * child.prune_to < trained.genotype.n_edges <= child.prune_to
    assert trained.genotype.prune_to == 0
    assert space.cost(trained.genotype)["edges"] <= space.cost(child)["edges"] == child.prune_to
    assert trained.history[0].n_edges > trained.history[-1].n_edges


def test_predictions_are_those_of_the_phenotype() -> None:
    import torch

    space = create(DIGITS, {"trainer": "torch"})
    genotype = space.sample(generator(0))
    weights = fresh(genotype, generator(0))
    x = generator(0).standard_normal((5, 1, 8, 8)).astype(np.float32)
    predicted = space.predict(genotype, weights, Samples(x, np.zeros(5, np.int64)))
    expected = space.compile(genotype, weights)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trainer", ["torch", "auto"])
def test_a_network_that_pruning_cuts_through_is_an_error(trainer: str) -> None:
    space = create(DIGITS, {"founders": "log-uniform", "trainer": trainer, "founder_edges": (64, 64)})
    rng = generator(0)
    samples = Samples(rng.standard_normal((640, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 640))
    splits = Splits("random", DIGITS, samples, samples, "")
    recipe = Recipe(pruning=Pruning(edges=1, every=1))
    genotype = next(g for g in (space.sample(generator(seed)) for seed in range(9)) if g.depth > 3)
    with pytest.raises(InvalidGenotype, match=r"cut every path .*: more epochs or more samples"):
        space.train(genotype, None, splits, recipe, epochs=2, seed=np.random.SeedSequence(0), stop=Stop())


@pytest.mark.parametrize(
    ("input_shape", "given", "expected"),
    [
        ((2,), {}, {"norm": "none", "founders": "dense-or-pruned", "founder_edges": [8, 1000]}),
        ((30,), {}, {"norm": "none", "founders": "dense-or-pruned"}),
        ((2,), {"norm": "layer"}, {"founders": "dense-or-pruned", "founder_edges": [8, 1000]}),
        ((2,), {"norm": "layer-affine", "founders": "pruned", "founder_edges": [8, 40]}, {}),
        ((2,), {"edges": [8, 400]}, {"norm": "none", "founders": "dense-or-pruned"}),
        ((1, 8, 8), {}, {}),
        ((3, 60), {}, {}),
    ],
)
def test_a_new_run_on_a_table_has_no_norm_and_room_for_neurons_unless_the_user_says_otherwise(
    input_shape: tuple[int, ...], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    space = create(Task("classification", input_shape, 2), given)
    assert space.suitable_options() == expected
    chosen = create(Task("classification", input_shape, 2), {**given, **expected})
    assert chosen.suitable_options() == {}, "a run that is resumed chooses nothing anew"


@pytest.mark.parametrize(("n_features", "edges", "widest"), [(2, (8, 1000), 100), (13, (13, 1040), 65)])
def test_a_third_of_the_founders_of_a_table_are_one_dense_layer_within_the_bounds(
    n_features: int, edges: tuple[int, int], widest: int
) -> None:
    n_outputs = 2 if n_features == 2 else 3
    bounds = {"founder_edges": list(edges)}
    task = Task("classification", (n_features,), n_outputs)
    space = create(task, {"founders": "dense-or-pruned", "norm": "none", **bounds})
    founders = [space.sample(generator(seed)) for seed in range(60)]
    dense = [g for g in founders if not g.prune_to]
    assert 10 < len(dense) < 35
    for g in dense:
        assert g.depth == 2
        assert g.n_edges == g.n_hidden * (n_features + n_outputs)
        assert g.n_hidden <= widest
    assert max(g.n_hidden for g in dense) > widest / 2 > min(g.n_hidden for g in dense)
