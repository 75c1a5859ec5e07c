"""The laws that every search space obeys."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evonas.space import Encoded, InvalidGenotype, SearchSpace
from evonas.testing.capability_contract import CapabilityContract
from evonas.testing.lineage import SEEDS, frozen, generator, initial_weights, lineage, through_files


class SpaceContract(CapabilityContract):
    """Sampling, mutation and crossover; storage; cost; phenotypes; and every capability that the space has.

    A subclass sets ``task``, the task of the space, and ``space``, a space for it, as a value or as a fixture. Laws of
    capabilities that the space lacks are skipped, see :class:`evonas.testing.capability_contract.CapabilityContract`.
    """

    def test_founders_are_valid_and_follow_from_the_seed(self, space: SearchSpace[Any]) -> None:
        founders = [space.sample(generator(seed)) for seed in SEEDS]
        for founder in founders:
            space.validate(founder)
        again = [space.sample(generator(seed)) for seed in SEEDS]
        assert again == founders, "sample gives another genotype for the same generator: draw from rng alone"
        assert len({founder.digest for founder in founders}) > 1, "sample gives one genotype for every generator"

    def test_mutants_are_valid_new_and_follow_from_the_seed(self, space: SearchSpace[Any]) -> None:
        for seed in SEEDS:
            genotypes = lineage(space, seed)
            for parent, child in pairwise(genotypes):
                space.validate(child)
                assert child != parent, "mutate gives the parent itself: draw again until the child differs"
            again = lineage(space, seed)
            assert again == genotypes, "mutate gives another child for the same generator: draw from rng alone"

    def test_an_operator_that_is_asked_for_is_used_where_it_applies(self, space: SearchSpace[Any]) -> None:
        assert all(weight > 0 for weight in space.operators.values()), "weights of operators must be positive"
        parents = [space.sample(generator(seed)) for seed in SEEDS]
        for operator in space.operators:
            children = [space.mutate(parent, generator(7), operator) for parent in parents]
            again = [space.mutate(parent, generator(7), operator) for parent in parents]
            assert children == again, f"the operator {operator!r} gives another child for the same generator"
            used = [child.operator for child in children]
            assert operator in used, f"mutate was asked for {operator!r} and used {sorted(set(used))} on every parent"
            assert set(used) <= set(space.operators), "mutate names an operator that is not among `operators`"
            for child in children:
                space.validate(child.genotype)
        with pytest.raises(ValueError, match="unknown operator 'nothing'"):
            space.mutate(parents[0], generator(7), "nothing")

    def test_crossover_is_valid_and_follows_from_the_seed(self, space: SearchSpace[Any]) -> None:
        for seed in SEEDS:
            first, second = space.sample(generator(seed)), space.sample(generator(seed + 100))
            child = space.crossover(first, second, generator(seed))
            space.validate(child.genotype)
            assert child.operator, "crossover names no operator"
            again = space.crossover(first, second, generator(seed))
            assert again == child, "crossover gives another child for the same generator: draw from rng alone"

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
            assert frozen(space, first) == before[0], "mutate changes its argument: change a copy"
            space.crossover(first, second, generator(seed))
            assert (frozen(space, first), frozen(space, second)) == before, "crossover changes an argument of it"

    def test_what_is_stored_is_what_is_read(self, space: SearchSpace[Any]) -> None:
        for genotype in lineage(space, seed=0):
            read = space.decode(through_files(space.encode(genotype)))
            assert read == genotype, "decode does not invert encode: what is read is another genotype"
            assert read.digest == genotype.digest, "what is read has another digest than what was stored"
            assert frozen(space, read) == frozen(space, genotype), "what is read is stored in another form"

    def test_digests_are_equal_only_for_equal_genotypes(self, space: SearchSpace[Any]) -> None:
        genotypes = [genotype for seed in (*SEEDS, *SEEDS) for genotype in lineage(space, seed)]
        contents = {frozen(space, genotype) for genotype in genotypes}
        digests = {genotype.digest for genotype in genotypes}
        assert len(digests) == len(contents), "digests must be equal for equal genotypes, and for no others"
        pairs = {(genotype.digest, frozen(space, genotype)) for genotype in genotypes}
        assert len(pairs) == len(contents), "digests must be equal for equal genotypes, and for no others"

    def test_data_without_its_arrays_is_refused(self, space: SearchSpace[Any]) -> None:
        data = space.encode(space.sample(generator(0)))
        with pytest.raises(InvalidGenotype):
            space.decode(Encoded(data.header, {}))

    def test_odd_data_is_refused_in_one_sentence(self, space: SearchSpace[Any]) -> None:
        data = space.encode(space.sample(generator(0)))
        numbers = st.sampled_from(["i1", "u8", "i8", "f4", "f8", "?", "S3", "c8"])
        shapes = st.sampled_from([(), (0,), (3,), (2, 2), (0, 2), (1, 1, 1)])
        odd = st.tuples(shapes, numbers, st.integers(0, 2**64 - 1))
        values: list[Any] = [None, [], "x", -1, 0, 1.5, 2**70, True, {}, ["none"] * 9, [[]]]
        names, keys = sorted(data.arrays), sorted(data.header) or [""]

        @given(st.sampled_from(names), odd, st.sampled_from(keys), st.sampled_from(values))
        @settings(
            max_examples=60, deadline=None, report_multiple_bugs=False, suppress_health_check=[HealthCheck.too_slow]
        )
        def check(name: str, array: tuple[tuple[int, ...], str, int], key: str, value: Any) -> None:
            shape, dtype, number = array
            made = np.full(shape, number, np.uint64).astype(dtype)
            changed = data.arrays[name].copy()
            changed.reshape(-1)[:3] = np.full(3, number, np.uint64).astype(changed.dtype)[: changed.size]
            for arrays in ({**data.arrays, name: made}, {**data.arrays, name: changed}, dict(data.arrays)):
                for header in ({**data.header, key: value}, data.header, value):
                    _check_refusal(space, Encoded(header, arrays))

        check()

    def test_costs_are_finite_and_not_negative(self, space: SearchSpace[Any]) -> None:
        for genotype in lineage(space, seed=0):
            costs = space.cost(genotype)
            assert {"params", "flops"} <= set(costs), "cost must have params and flops"
            for name, value in costs.items():
                assert np.isfinite(value), f"the cost {name} is not finite"
                assert value >= 0, f"the cost {name} is negative"

    def test_phenotypes_run_on_a_batch(self, space: SearchSpace[Any]) -> None:
        batch = torch.randn(3, *self.task.input_shape, generator=torch.Generator().manual_seed(0))
        for genotype in lineage(space, seed=0, length=3):
            outputs = space.compile(genotype)(batch)
            assert outputs.shape == (3, self.task.n_outputs), "the outputs of a phenotype are not those of the task"
            assert torch.isfinite(outputs).all(), "outputs of a phenotype with fresh weights are not finite"

    def test_a_phenotype_loads_the_weights_it_is_given(self, space: SearchSpace[Any]) -> None:
        genotype = space.sample(generator(0))
        weights = {name: value + np.float32(0.5) for name, value in initial_weights(space, genotype).items()}
        loaded = space.compile(genotype, weights).state_dict()
        for name, value in weights.items():
            np.testing.assert_array_equal(
                loaded[name].numpy(), value, err_msg=f"compile does not load the weights {name} that it is given"
            )

    def test_weights_that_do_not_fit_are_refused(self, space: SearchSpace[Any]) -> None:
        genotype = space.sample(generator(0))
        name, *others = weights = initial_weights(space, genotype)
        with pytest.raises(ValueError, match=name):
            space.compile(genotype, {other: weights[other] for other in others})

    def test_a_space_sent_to_another_process_is_the_same(self, space: SearchSpace[Any]) -> None:
        copy = pickle.loads(pickle.dumps(space))
        assert copy.sample(generator(0)) == space.sample(generator(0)), "a pickled copy of the space samples otherwise"


def _check_refusal(space: SearchSpace[Any], data: Encoded) -> None:
    """Check that data are a valid genotype, or are refused in one sentence."""
    try:
        space.validate(space.decode(data))
    except InvalidGenotype as refusal:
        sentence = str(refusal)
    except Exception as error:
        raise AssertionError(
            f"decode raised {type(error).__name__} ({error}) for damaged data, where it must raise InvalidGenotype"
        ) from error
    else:
        return
    assert sentence, "InvalidGenotype says nothing, where it must say in one sentence what is wrong"
    assert "\n" not in sentence, "InvalidGenotype must say in one sentence what is wrong"
