"""The laws that every search space obeys. Subclass, set ``task``, and give a fixture ``space``."""

from __future__ import annotations

import json
import pickle
from abc import ABC, abstractmethod
from contextlib import suppress
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.numpy
import torch
from contracts.layer_reference import outputs_of
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.capabilities.display import Drawable
from evonas.capabilities.initialization import SpreadsFounders
from evonas.capabilities.layers import Lowerable
from evonas.capabilities.variation import InheritsWeights
from evonas.space import Encoded, InvalidGenotype, SearchSpace
from evonas.types import Task, Weights

SEEDS = range(4)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def through_files(data: Encoded) -> Encoded:
    """The header as JSON and the arrays as safetensors, written and read again."""
    arrays = safetensors.numpy.load(safetensors.numpy.save({k: np.asarray(v) for k, v in data.arrays.items()}))
    return Encoded(json.loads(json.dumps(data.header)), arrays)


def frozen(space: SearchSpace[Any], genotype: Any) -> bytes:
    """All that is stored of a genotype, as bytes: what must not change behind its back."""
    data = space.encode(genotype)
    arrays = [np.asarray(array).tobytes() for _, array in sorted(data.arrays.items())]
    return json.dumps(data.header).encode() + b"".join(arrays)


def lineage(space: SearchSpace[Any], seed: int, length: int = 6) -> list[Any]:
    """A founder and its descendants by mutation."""
    rng = generator(seed)
    genotypes = [space.sample(rng)]
    for _ in range(length):
        genotypes.append(space.mutate(genotypes[-1], rng).genotype)
    return genotypes


def initial_weights(space: SearchSpace[Any], genotype: Any) -> Weights:
    """The state of an untrained phenotype."""
    return {name: value.numpy().copy() for name, value in space.compile(genotype).state_dict().items()}


class SpaceContract(ABC):
    """Sampling, mutation and crossover; storage; cost; phenotypes; inheritance where the space has it."""

    task: ClassVar[Task]

    @pytest.fixture
    @abstractmethod
    def space(self) -> SearchSpace[Any]:
        """A space for ``task``."""

    def test_founders_are_valid_and_follow_from_the_seed(self, space: SearchSpace[Any]) -> None:
        founders = [space.sample(generator(seed)) for seed in SEEDS]
        for founder in founders:
            space.validate(founder)
        assert [space.sample(generator(seed)) for seed in SEEDS] == founders
        assert len({founder.digest for founder in founders}) > 1

    def test_mutants_are_valid_new_and_follow_from_the_seed(self, space: SearchSpace[Any]) -> None:
        for seed in SEEDS:
            genotypes = lineage(space, seed)
            for parent, child in pairwise(genotypes):
                space.validate(child)
                assert child != parent
            assert lineage(space, seed) == genotypes

    def test_an_operator_that_is_asked_for_is_used_where_it_applies(self, space: SearchSpace[Any]) -> None:
        assert all(weight > 0 for weight in space.operators.values())
        parents = [space.sample(generator(seed)) for seed in SEEDS]
        for operator in space.operators:
            children = [space.mutate(parent, generator(7), operator) for parent in parents]
            assert children == [space.mutate(parent, generator(7), operator) for parent in parents]
            used = [child.operator for child in children]
            assert operator in used
            assert set(used) <= set(space.operators)
            for child in children:
                space.validate(child.genotype)
        with pytest.raises(ValueError, match="unknown operator 'nothing'"):
            space.mutate(parents[0], generator(7), "nothing")

    def test_crossover_is_valid_and_follows_from_the_seed(self, space: SearchSpace[Any]) -> None:
        for seed in SEEDS:
            first, second = space.sample(generator(seed)), space.sample(generator(seed + 100))
            child = space.crossover(first, second, generator(seed))
            space.validate(child.genotype)
            assert child.operator
            assert space.crossover(first, second, generator(seed)) == child

    def test_crossover_of_relatives_is_valid(self, space: SearchSpace[Any]) -> None:
        for seed in SEEDS:
            ancestor, *_, descendant = lineage(space, seed)
            space.validate(space.crossover(ancestor, descendant, generator(seed)).genotype)
            space.validate(space.crossover(descendant, ancestor, generator(seed)).genotype)

    def test_operators_do_not_change_their_arguments(self, space: SearchSpace[Any]) -> None:
        first, second = space.sample(generator(0)), space.sample(generator(1))
        before = frozen(space, first), frozen(space, second)
        for seed in SEEDS:
            space.mutate(first, generator(seed))
            space.crossover(first, second, generator(seed))
        assert (frozen(space, first), frozen(space, second)) == before

    def test_what_is_stored_is_what_is_read(self, space: SearchSpace[Any]) -> None:
        for genotype in lineage(space, seed=0):
            read = space.decode(through_files(space.encode(genotype)))
            assert read == genotype
            assert read.digest == genotype.digest
            assert frozen(space, read) == frozen(space, genotype)

    def test_digests_are_equal_only_for_equal_genotypes(self, space: SearchSpace[Any]) -> None:
        genotypes = [genotype for seed in SEEDS for genotype in lineage(space, seed)]
        assert len({g.digest for g in genotypes}) == len({frozen(space, g) for g in genotypes})

    def test_data_without_its_arrays_is_refused(self, space: SearchSpace[Any]) -> None:
        data = space.encode(space.sample(generator(0)))
        with pytest.raises(InvalidGenotype):
            space.decode(Encoded(data.header, {}))

    def test_odd_data_is_refused_in_one_sentence(self, space: SearchSpace[Any]) -> None:
        data = space.encode(space.sample(generator(0)))
        numbers = st.sampled_from(["i1", "u8", "i8", "f4", "f8", "?", "S3", "c8"])
        shapes = st.sampled_from([(), (0,), (3,), (2, 2), (0, 2), (1, 1, 1)])
        odd = st.tuples(shapes, numbers, st.integers(0, 2**64 - 1))
        headers = st.sampled_from([None, [], "x", -1, 0, 1.5, 2**70, True, {}, ["none"] * 9, [[]]])

        @given(st.sampled_from(sorted(data.arrays)), odd, st.sampled_from(sorted(data.header) or [""]), headers)
        @settings(max_examples=60, deadline=None)
        def check(name: str, array: tuple[tuple[int, ...], str, int], key: str, value: Any) -> None:
            shape, dtype, number = array
            made = np.full(shape, number, np.uint64).astype(dtype)
            changed = data.arrays[name].copy()
            changed.reshape(-1)[:3] = np.full(3, number, np.uint64).astype(changed.dtype)[: changed.size]
            for arrays in ({**data.arrays, name: made}, {**data.arrays, name: changed}, dict(data.arrays)):
                for header in ({**data.header, key: value}, data.header, value):
                    with suppress(InvalidGenotype):
                        space.validate(space.decode(Encoded(header, arrays)))

        check()

    def test_costs_are_finite_and_not_negative(self, space: SearchSpace[Any]) -> None:
        for genotype in lineage(space, seed=0):
            costs = space.cost(genotype)
            assert {"params", "flops"} <= set(costs)
            assert all(np.isfinite(value) and value >= 0 for value in costs.values())

    def test_phenotypes_run_on_a_batch(self, space: SearchSpace[Any]) -> None:
        batch = torch.randn(3, *self.task.input_shape, generator=torch.Generator().manual_seed(0))
        for genotype in lineage(space, seed=0, length=3):
            outputs = space.compile(genotype)(batch)
            assert outputs.shape == (3, self.task.n_outputs)
            assert torch.isfinite(outputs).all()

    def test_a_phenotype_loads_the_weights_it_is_given(self, space: SearchSpace[Any]) -> None:
        genotype = space.sample(generator(0))
        weights = {name: value + np.float32(0.5) for name, value in initial_weights(space, genotype).items()}
        loaded = space.compile(genotype, weights).state_dict()
        for name, value in weights.items():
            np.testing.assert_array_equal(loaded[name].numpy(), value)

    def test_weights_that_do_not_fit_are_refused(self, space: SearchSpace[Any]) -> None:
        genotype = space.sample(generator(0))
        name, *others = weights = initial_weights(space, genotype)
        with pytest.raises(ValueError, match=name):
            space.compile(genotype, {other: weights[other] for other in others})

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
                np.testing.assert_array_equal(value, again[name])
            for name, value in before.items():
                np.testing.assert_array_equal(value, weights[name])

    def test_founders_are_valid_and_follow_from_their_index(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, SpreadsFounders):
            pytest.skip("founders of this space are plain samples")
        for index in range(6):
            founder = space.founder(index, generator(index))
            space.validate(founder)
            assert space.founder(index, generator(index)) == founder

    def test_a_drawing_lies_in_its_rectangle(self, space: SearchSpace[Any]) -> None:
        if not isinstance(space, Drawable):
            pytest.skip("this space draws nothing")
        for genotype in lineage(space, seed=0):
            for weights in (None, initial_weights(space, genotype)):
                diagram = space.diagram(genotype, weights)
                assert np.isfinite(diagram.positions).all()
                assert (diagram.positions >= 0).all()
                assert (diagram.positions <= [diagram.width, 1]).all()
                assert len(diagram.edges)
                assert diagram.edges.max() < len(diagram.positions)
                assert set(diagram.layer) <= set(range(len(diagram.layers)))
                assert set(diagram.kind) <= set(range(len(diagram.kinds)))

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
            np.testing.assert_allclose(outputs, expected, atol=1e-5 * max(1.0, np.abs(expected).max()))

    def test_a_space_sent_to_another_process_is_the_same(self, space: SearchSpace[Any]) -> None:
        copy = pickle.loads(pickle.dumps(space))
        assert copy.sample(generator(0)) == space.sample(generator(0))
