"""Exported packages keep what neurons share and how they are activated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import evonas
from evonas.data.samples import Scaling
from evonas.run.package import Package, export
from evonas.space import Encoded
from evonas.types import Task
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.space import create
from search_spaces.neuron.trainer.base import Network
from tests.search_spaces.neuron.convolutions import Level, convolutional

TASK = Task("classification", (1, 8, 8), 3)


@pytest.fixture
def network() -> Network:
    levels = [Level(3, 3, 2, activation=Activation.LINEAR), Level(3, 3, 1), Level(2, 3, 1, activation=Activation.RELU)]
    return convolutional(levels, (1, 8, 8), 3, pooled=True)


@pytest.fixture
def package(network: Network) -> Package:
    weights = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
    scaling = {"mean": [[[8.0]]], "std": [[[5.0]]]}
    encoded = create(TASK, {}).encode(network.genotype)
    return Package("neuron", {}, TASK, encoded, weights, scaling, {}, {"id": 1})


def test_a_loaded_network_shares_and_activates_as_the_exported_one(
    network: Network, package: Package, tmp_path: Path
) -> None:
    export(package, tmp_path / "network", "torch")
    loaded, raw = evonas.load(tmp_path / "network"), evonas.load(tmp_path / "network", raw=True)
    assert loaded.genotype == network.genotype
    x = torch.randn(9, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = NeuronModule(network)(x)
        assert torch.equal(loaded(x), expected)
        assert torch.allclose(raw(5 * x + 8), expected, atol=1e-4)


def test_fine_tuning_a_loaded_network_keeps_what_is_shared(package: Package, tmp_path: Path) -> None:
    export(package, tmp_path / "network", "torch")
    loaded = evonas.load(tmp_path / "network")
    optimizer = torch.optim.SGD(loaded.parameters(), 0.1)
    x = torch.randn(9, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.nn.functional.cross_entropy(loaded(x), torch.arange(9) % 3).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    tuned, ties = loaded.network(), loaded.genotype.ties
    assert not np.array_equal(tuned.edge, package.weights["edge"])
    assert all(len(np.unique(tuned.edge[ties == tie])) == 1 for tie in np.unique(ties[ties >= 0]))


def test_the_json_document_has_the_genes(network: Network, package: Package, tmp_path: Path) -> None:
    export(package, tmp_path / "network.json", "json")
    document = json.loads((tmp_path / "network.json").read_text())
    arrays = {name: np.array(values) for name, values in document["genotype_arrays"].items()}
    assert create(TASK, {}).decode(Encoded(document["genotype"], arrays)) == network.genotype
    assert Scaling(**document["normalisation"]).std == [[[5.0]]]
