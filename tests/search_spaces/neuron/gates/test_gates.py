"""The differentiable search: densities, gates, and the networks that are read off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.data.samples import Samples, Splits
from evonas.space import InvalidGenotype
from evonas.supernet.priors import gumbel_softmax_log_density
from evonas.training import Cancelled, Recipe, Stop
from evonas.types import Floats, Task
from search_spaces.neuron.gates.discretize import discretize, relevance
from search_spaces.neuron.gates.family import RelevanceSettings
from search_spaces.neuron.gates.gates import Gates, Strength
from search_spaces.neuron.gates.priors import PRIORS, GumbelSoftmax, HardConcrete, PriorName
from search_spaces.neuron.gates.search import select
from search_spaces.neuron.genotype import connected
from search_spaces.neuron.trainer.base import Network
from tests.search_spaces.neuron.reference import forward, parameters, random_network
from tests.search_spaces.neuron.trainer.training_cases import TARGETS, assert_close, random_splits, teacher_of

NAMES: tuple[PriorName, ...] = get_args(PriorName)
#: Inputs of the made-up problem that decide the class; the others are noise.
INFORMATIVE = 4


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tensors are small here: a second thread would only wait."""
    torch.set_num_threads(1)


def made_up(n: int = 600) -> Splits:
    """Three classes that follow from the first inputs of twelve."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n, 12)).astype(np.float32)
    y = (x[:, :INFORMATIVE] @ rng.normal(size=(INFORMATIVE, 3))).argmax(1)
    return Splits("made up", Task("classification", (12,), 3), Samples(x, y), Samples(x[:0], y[:0]), "none")


def dense(norm: Any = "layer-affine", seed: int = 3) -> Network:
    """12 inputs, 16 hidden neurons and 3 outputs with all edges between all layers."""
    return random_network(np.random.default_rng(seed), norm, layers=(16,), density=1.0)


def run(network: Network, splits: Splits, edges: list[int], prior: PriorName = "dirichlet", **options: Any) -> Any:
    arguments = {"epochs": 10, "seed": 0, "stop": Stop(), "prior": prior, **options}
    return select(network, splits, Recipe(batch_size=32), edges=edges, **arguments).networks


def test_gumbel_softmax_density_is_that_of_its_samples() -> None:
    logits, temperature = torch.full((200_000,), 0.4), GumbelSoftmax.TEMPERATURE
    gates = PRIORS["gumbel-softmax"].gates(logits, torch.Generator().manual_seed(0))
    grid = torch.linspace(0.3, 0.7, 2001, dtype=torch.float64)
    density = gumbel_softmax_log_density(
        torch.stack([1 - grid, grid], -1), torch.tensor([0.0, 0.4], dtype=torch.float64), temperature
    ).exp()
    share = ((gates > 0.3) & (gates < 0.7)).double().mean()
    assert float(share) == pytest.approx(float(torch.trapezoid(density, grid)), abs=5e-3)


@given(logit=st.floats(-4, 4))
@settings(max_examples=10)
def test_expected_l0_of_hard_concrete_is_the_share_of_gates_that_are_not_zero(logit: float) -> None:
    logits = torch.full((100_000,), logit)
    gates = HardConcrete().gates(logits, torch.Generator().manual_seed(1))
    assert float(HardConcrete().penalty(logits, gates)[0]) == pytest.approx(float((gates > 0).float().mean()), abs=8e-3)
    assert gates.min() >= 0
    assert gates.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_gates_that_only_the_prior_moves_close(name: PriorName) -> None:
    gates = Gates(50, PRIORS[name], n_steps=100, seed=0)
    gates.step(lambda values: torch.full_like(values, -1e-3), 50.0)
    for _ in range(200):
        gates.step(torch.zeros_like, 1.0)
    assert gates.n_open < 2.5


@pytest.mark.parametrize("name", NAMES)
def test_gates_that_the_loss_needs_stay_open_longer(name: PriorName) -> None:
    gates, needed = Gates(40, PRIORS[name], n_steps=100, seed=0), torch.arange(40) < 10
    for _ in range(100):
        gates.step(lambda _: torch.where(needed, -1.0, 0.0), 10.0)
    probability = gates.open_probability
    assert probability[needed].min() > probability[~needed].max()


def test_strength_grows_while_too_many_are_open_and_falls_while_too_few() -> None:
    strength = Strength(0.1)
    values = [strength.value]
    for excess in (2.0, 2.0, 2.0, 0.5, 0.5):
        strength.follow(excess)
        values.append(strength.value)
    assert values[1] < values[2] < values[3]
    assert values[3] > values[4] > values[5]


@pytest.mark.parametrize("name", NAMES)
def test_noise_inputs_are_pruned_before_informative_ones(name: PriorName) -> None:
    start = dense()
    (found,) = run(replace(start, edge=start.edge * np.float32(0.2)), made_up(), [30], name, epochs=15)
    sources = found.genotype.edges[:, 0]
    assert (sources < INFORMATIVE).sum() > 4 * ((sources >= INFORMATIVE) & (sources < 12)).sum()


@pytest.mark.parametrize("norm", ["none", "layer", "layer-affine"])
@pytest.mark.parametrize("name", NAMES)
def test_results_are_valid_connected_and_near_their_budgets(name: PriorName, norm: Any) -> None:
    edges = [20, 276, 60, 120]
    for asked, network in zip(edges, run(dense(norm), made_up(200), edges, name, epochs=3), strict=True):
        genotype = network.genotype
        genotype.validate()
        assert connected(genotype, genotype.edges).genotype.n_edges == genotype.n_edges
        assert 0.8 * asked <= genotype.n_edges <= asked
        assert network.norm == norm
        assert len(network.edge) == genotype.n_edges
        assert len(network.bias) == len(network.gain) == genotype.n_hidden + genotype.n_outputs
        assert all(np.isfinite(values).all() for values in (network.edge, network.bias, network.gain))


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_budget_gives_a_path_from_an_input_to_an_output(name: PriorName) -> None:
    (found,) = run(dense(), made_up(), [3], name, epochs=12)
    found.genotype.validate()
    assert 1 <= found.genotype.n_edges <= 3


def test_regression_and_several_layers_with_skips_are_searched_too() -> None:
    start = random_network(np.random.default_rng(3), layers=(8, 6), density=0.8)
    (found,) = run(start, random_splits(1, 64, TARGETS), [40], "hard-concrete", epochs=2)
    found.genotype.validate()
    assert set(found.genotype.ids) <= set(start.genotype.ids)


def test_validation_samples_do_not_matter() -> None:
    splits = made_up(100)
    poisoned = Samples(np.full((9, 12), np.nan, np.float32), np.zeros(9, np.int64))
    first, second = (run(dense(), s, [50], epochs=2)[0] for s in (splits, replace(splits, validation=poisoned)))
    np.testing.assert_array_equal(first.edge, second.edge)


def test_weights_and_gates_learn_from_a_teacher_of_the_same_samples() -> None:
    splits = made_up(200)
    said = teacher_of(splits.train)
    alone, taught = (run(dense(), splits, [50], epochs=2, teacher=teacher)[0] for teacher in (None, said))
    assert not np.array_equal(alone.edge, taught.edge)
    with pytest.raises(ValueError, match="teacher"):
        run(dense(), splits, [50], epochs=2, teacher=said[:100])


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_networks_and_another_does_not(name: PriorName) -> None:
    first, again, other = (run(dense(), made_up(200), [90, 40], name, epochs=2, seed=seed) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert one.genotype == two.genotype
        np.testing.assert_array_equal(one.edge, two.edge)
    assert not np.array_equal(first[1].edge, other[1].edge)


def test_every_epoch_is_reported_and_its_edge_updates_are_those_of_weights_and_gates() -> None:
    told: list[tuple[int, float]] = []
    selection = select(dense(), made_up(200), Recipe(batch_size=32), edges=[276], epochs=4, seed=0, stop=Stop(),
                       report=lambda epoch, loss: told.append((epoch, loss)))
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4]
    assert told[-1][1] < told[0][1]
    first = round(0.15 * 16)  # steps before the gates learn
    assert selection.edge_updates == 276 * (4 * 100 + 4 * 100 - (first * 32))


def test_the_start_is_not_changed() -> None:
    start = dense()
    before = start.edge.copy()
    run(start, made_up(100), [50], epochs=2)
    np.testing.assert_array_equal(start.edge, before)


def test_stop_stops() -> None:
    stop = Stop()
    stop.request()
    with pytest.raises(Cancelled):
        run(dense(), made_up(100), [50], stop=stop)


@pytest.mark.parametrize(("options", "message"), [
    ({"prior": "spike"}, "prior must be one of hard-concrete, gumbel-softmax, dirichlet, got 'spike'"),
    ({"edges": [50, -1]}, r"edges must be from 3 \(the outputs\) to 276 \(the edges of the start\), got -1"),
    ({"edges": [277]}, r"edges must be from 3 .* to 276 .*, got 277"),
    ({"edges": []}, "edges must name at least one number of edges, got none"),
    ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ({"splits": made_up(1)}, "expected at least 2 for training, got 1"),
    ({"splits": random_splits(1, 64, TARGETS), "network": random_network(np.random.default_rng(0), n_inputs=5)},
     "samples must have 5 float32 inputs, got 12"),
])
def test_bad_arguments_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    arguments = {"network": dense(), "splits": made_up(50), "edges": [50], **options}
    with pytest.raises(ValueError, match=message):
        run(**arguments)


def test_too_few_edges_to_connect_anything_are_refused() -> None:
    network = random_network(np.random.default_rng(2), layers=(1, 1, 1, 1), density=1.0)
    chain = network.genotype.layer_of[network.genotype.edges]
    adjacent = connected(network.genotype, network.genotype.edges[np.diff(chain, axis=1)[:, 0] == 1]).genotype
    values = np.ones(adjacent.n_edges, np.float32)
    network = replace(network, genotype=adjacent, edge=values)
    with pytest.raises(InvalidGenotype, match="ask for more edges"):
        discretize(network, relevance(values, values, values), 3)


def test_edges_are_ranked_by_gated_weight_and_closed_ones_by_probability() -> None:
    def floats(*values: float) -> Floats:
        return np.array(values, np.float32)

    ranking = relevance(floats(1, -3, 5, 2), floats(1, 0.5, 0, 0), floats(0.9, 0.6, 0.1, 0.2))
    assert ranking.tolist() == [1, 0, 3, 2]


def test_a_network_that_is_read_off_computes_what_the_start_does_without_the_other_edges() -> None:
    network = dense()
    found = discretize(network, relevance(network.edge, np.ones(276, np.float32), np.ones(276, np.float32)), 240)
    assert found.genotype.n_hidden == network.genotype.n_hidden
    least = np.sort(np.abs(found.edge))[0]
    silenced = replace(network, edge=np.where(np.abs(network.edge) >= least, network.edge, np.float32(0)))
    x = torch.randn(20, 12, generator=torch.Generator().manual_seed(0)).double()
    outputs = [forward(one, x, *parameters(one)).detach().numpy() for one in (found, silenced)]
    assert_close(*outputs)


def test_every_prior_can_be_asked_for_in_the_settings_of_the_search() -> None:
    assert set(get_args(get_type_hints(RelevanceSettings)["prior"])) == set(PRIORS)
