"""Costs counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.neuron.cost import cost
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.trainer.base import Norm
from tests.search_spaces.neuron.reference import random_network

#: 2 inputs, 2 hidden neurons on one layer, 1 output, 5 edges.
SMALL = NeuronGenotype(
    2, 1, FIRST_HIDDEN_ID + np.arange(2), np.ones(2, np.int32), np.zeros((2, 2), np.float32),
    np.array([[0, 2], [1, 2], [1, 3], [2, 4], [3, 4]], np.int32),
)


@pytest.mark.parametrize(
    ("norm", "params", "flops_total"),
    [
        ("none", 5 + 3, 10 + 3 + 2),  # edges and biases; multiply-adds, biases, ReLU
        ("layer", 5 + 3, 10 + 3 + 2 + 5 * 2 + 5),
        ("layer-affine", 5 + 3 + 2, 10 + 3 + 2 + 5 * 2 + 5 + 2),
    ],
)
def test_a_small_network_is_counted_by_hand(norm: Norm, params: int, flops_total: int) -> None:
    assert cost(SMALL, norm) == {
        "edges": 5, "params": params, "flops": 10, "flops_total": flops_total, "neurons": 2, "depth": 2,
    }


def test_tied_edges_are_one_parameter_a_group() -> None:
    tied = replace(SMALL, ties=np.array([0, 0, 0, 7, -1], np.int32))
    assert cost(tied, "none")["params"] == 8 - 2
    assert cost(tied, "none")["flops"] == 10


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_parameters_are_those_of_the_phenotype(seed: int) -> None:
    from search_spaces.neuron.module import NeuronModule

    network = random_network(np.random.default_rng(seed), layers=(5, 4))
    trained = NeuronModule(network).state_dict()
    n_outputs = network.genotype.n_outputs  # the gains of outputs are there, but not used
    assert cost(network.genotype, "layer-affine")["params"] == sum(v.numel() for v in trained.values()) - n_outputs
