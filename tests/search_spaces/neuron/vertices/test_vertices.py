"""The search with one simplex a vertex: shares, losses, gradients, and the networks that are read off."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from evonas.data.samples import Samples, Splits
from evonas.supernet.bilevel import Unroll
from evonas.supernet.optimizers import Batch
from evonas.supernet.settings import PriorName, RelaxationName
from evonas.training import Cancelled, Recipe, Stop
from evonas.types import Task
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.space import create
from search_spaces.neuron.trainer.base import Norm
from search_spaces.neuron.vertices.discretize import chosen_path, one_hot, to_network
from search_spaces.neuron.vertices.network import RelaxedNetwork, pairs_of
from search_spaces.neuron.vertices.search import Losses, Relaxed, StepContext, relax
from search_spaces.neuron.vertices.settings import FUNCTIONS, VertexSettings
from search_spaces.neuron.vertices.structure import Structure, structure_penalty, weight_penalty
from tests.search_spaces.neuron.reference import forward, parameters
from tests.search_spaces.neuron.trainer.training_cases import (
    CLASSES,
    TARGETS,
    assert_close,
    random_splits,
    teacher_of,
)

N_INPUTS, WIDTH, N_OUTPUTS, N_VERTICES = 12, 6, 3, 3
NORMS: tuple[Norm, ...] = get_args(Norm)
#: Of the published priors; by their parameter a Dirichlet concentration, a temperature, a share of the entropy.
PRIORS: tuple[PriorName, ...] = get_args(PriorName)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tensors are small here: a second thread would only wait."""
    torch.set_num_threads(1)


def network(norm: Norm = "none", seed: int = 0) -> RelaxedNetwork:
    """With biases and gains that are not at their first values."""
    generator = torch.Generator().manual_seed(seed)
    made = RelaxedNetwork((N_INPUTS, WIDTH, N_OUTPUTS), N_VERTICES, FUNCTIONS, norm, generator)
    with torch.no_grad():
        for parameter in made.trained:
            if parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn(len(parameter), generator=generator))
    return made


def structure(seed: int = 0, spread: float = 1.0) -> Structure:
    """With shares that differ."""
    sizes = [len(pairs) for pairs in pairs_of(N_VERTICES, FUNCTIONS)]
    generator = torch.Generator().manual_seed(seed)
    made = Structure(sizes, len(network().decayed), 1e-2, generator)
    made.values[: sum(sizes)] += spread * torch.randn(sum(sizes), generator=generator)
    return made


def frame(sizes: tuple[int, ...]) -> Any:
    space = create(Task("classification", (N_INPUTS,), N_OUTPUTS), {})
    return space._setting.frame(sizes, np.random.default_rng(0))


def inputs(n: int = 20, seed: int = 1) -> Tensor:
    return torch.randn(n, N_INPUTS, generator=torch.Generator().manual_seed(seed))


def search(splits: Splits, **options: Any) -> Relaxed:
    arguments: dict[str, Any] = {
        "width": WIDTH, "norm": "none", "settings": VertexSettings(), "epochs": 3, "seed": 0, "stop": Stop(), **options
    }
    return relax(splits, Recipe(batch_size=16), **arguments)


def test_vertices_choose_among_all_before_them_and_weightless_functions_read_no_inputs() -> None:
    first, second, outputs = pairs_of(2, FUNCTIONS)
    assert first == [(0, "dense"), (0, "dense-relu")]
    assert second == [(0, "dense"), (0, "dense-relu"), *((1, function) for function in FUNCTIONS)]
    assert outputs == [(1, "dense"), (2, "dense")]


@pytest.mark.parametrize("name", get_args(RelaxationName))
@given(seed=st.integers(0, 1000), temperature=st.floats(0.2, 1.0))
@settings(max_examples=10)
def test_gammas_are_points_of_one_simplex_a_vertex(name: RelaxationName, seed: int, temperature: float) -> None:
    made = structure(seed, spread=3.0)
    noise = made.noise(torch.Generator().manual_seed(seed))
    gammas = made.relax(name, temperature, noise)
    assert [len(gamma) for gamma in gammas] == [len(pairs) for pairs in pairs_of(N_VERTICES, FUNCTIONS)]
    for gamma in gammas:
        assert float(gamma.sum()) == pytest.approx(1, abs=1e-5)
        assert float(gamma.min()) >= 0


def test_a_vertex_is_the_sum_of_its_pairs_by_their_shares() -> None:
    made, gammas, x = network("layer-affine"), structure().gammas, inputs()
    states = [x]
    for vertex, (pairs, gamma) in enumerate(zip(made.pairs, gammas, strict=True), 1):
        total = torch.zeros(len(x), made.sizes[vertex])
        for column, (source, function) in enumerate(pairs):
            h = states[source]
            if function.startswith("dense"):
                part: Any = made.part(vertex, column)
                h = h @ part.weight.T
                if function == "dense-relu":
                    h = (h - h.mean(1, keepdim=True)) / (h.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
                    h = h * part.gain
                h = h + part.bias
            total = total + gamma[column] * (h.relu() if function.endswith("relu") else h)
        states.append(total)
    torch.testing.assert_close(made(x, gammas), states[-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_the_network_that_is_read_off_computes_what_one_hot_gammas_do(norm: Norm, seed: int) -> None:
    relaxed, gammas = network(norm, seed), structure(seed, spread=3.0).gammas
    found = to_network(relaxed, gammas, frame)
    found.genotype.validate()
    x = inputs()
    with torch.no_grad():
        in_float32 = NeuronModule(found).eval()(x)
        expected = relaxed.double()(x.double(), one_hot([gamma.double() for gamma in gammas]))
        exact = forward(found, x.double(), *parameters(found))
    np.testing.assert_allclose(exact.numpy(), expected.numpy(), rtol=1e-6, atol=1e-6)
    assert_close(in_float32, expected, rtol=1e-3, atol=1e-4)


def with_choices(*choices: tuple[int, str]) -> list[Tensor]:
    """Gammas that prefer these pairs at the vertices in order."""
    gammas = []
    for pairs, choice in zip(pairs_of(len(choices) - 1, FUNCTIONS), choices, strict=True):
        gamma = torch.full((len(pairs),), 0.1)
        gamma[pairs.index(choice)] = 0.9  # type: ignore[arg-type]
        gammas.append(gamma)
    return gammas


@pytest.mark.parametrize(("choices", "layers"), [
    ([(0, "dense-relu"), (1, "identity"), (2, "dense")], [Activation.NORM]),
    ([(0, "dense"), (1, "relu"), (2, "dense")], [Activation.RELU]),
    ([(0, "dense-relu"), (1, "relu"), (2, "dense")], [Activation.NORM]),
    ([(0, "dense"), (1, "dense-relu"), (2, "dense")], [Activation.LINEAR, Activation.NORM]),
    ([(0, "dense"), (1, "dense-relu"), (1, "dense")], [Activation.LINEAR]),
])
def test_each_function_becomes_a_layer_an_activation_or_nothing(choices: Any, layers: list[Activation]) -> None:
    generator = torch.Generator().manual_seed(0)
    relaxed = RelaxedNetwork((N_INPUTS, WIDTH, N_OUTPUTS), 2, FUNCTIONS, "layer", generator)
    genotype = to_network(relaxed, with_choices(*choices), frame).genotype
    assert genotype.depth == len(layers) + 1
    assert genotype.activations.tolist() == np.repeat([int(layer) for layer in layers], WIDTH).tolist()
    edges = N_INPUTS * WIDTH + (len(layers) - 1) * WIDTH**2 + WIDTH * N_OUTPUTS
    assert genotype.n_edges == edges


def test_what_no_output_depends_on_is_no_part_of_the_path() -> None:
    gammas = with_choices((0, "dense"), (1, "dense-relu"), (1, "dense"))
    assert chosen_path(pairs_of(2, FUNCTIONS), gammas) == [(1, 0), (3, 0)]


def problem_of(kind: str) -> tuple[Task, Batch, Batch]:
    splits = random_splits(3, 64, TARGETS if kind == "regression" else CLASSES)
    x = torch.from_numpy(splits.train.x).double()
    y = torch.from_numpy(splits.train.y)
    y = y.double() if kind == "regression" else torch.nn.functional.one_hot(y, N_OUTPUTS).double()
    return splits.task, Batch(x[:32], y[:32]), Batch(x[32:], y[32:])


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_gradient_of_decays_and_logits_follows_finite_differences_of_the_loss_after_a_step(kind: str) -> None:
    task, for_weights, held_out = problem_of(kind)
    relaxed, made, rate = network("layer").double(), structure(), 0.05
    made.values = made.values.double().requires_grad_()
    context = StepContext(0.7, tuple(each.double() for each in made.noise(torch.Generator().manual_seed(0))))
    losses = Losses(relaxed, made, task, VertexSettings(prior_weight=0.01))
    gradient = losses.structure_gradient(for_weights, held_out, context, Unroll(rate))
    weights, kept = relaxed.trained, [weight.detach().clone() for weight in relaxed.trained]

    def after_a_step(index: int, change: float) -> float:
        """Q at the weights after one step on L, both with one value of the structure changed."""
        with torch.no_grad():
            made.values[index] += change
        slopes = torch.autograd.grad(losses.of_weights(for_weights, context), weights, allow_unused=True)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight -= 0 if slope is None else rate * slope
        value = float(losses.of_structure(held_out, context).detach())
        with torch.no_grad():
            made.values[index] -= change
            for weight, before in zip(weights, kept, strict=True):
                weight.copy_(before)
        return value

    n_logits = sum(len(logits) for logits in made.logits)
    indices = [*range(0, n_logits, 5), *range(n_logits, len(made.values))]
    differences = torch.tensor([(after_a_step(i, 1e-4) - after_a_step(i, -1e-4)) / 2e-4 for i in indices])
    expected = differences.double()
    of_decays = gradient[n_logits:]
    assert bool((of_decays != 0).all())
    torch.testing.assert_close(of_decays, expected[-len(of_decays) :], rtol=1e-3, atol=1e-9)
    torch.testing.assert_close(gradient[indices], expected, rtol=2e-2, atol=2e-5)


def test_the_penalty_of_weights_is_a_quadratic_form_with_one_decay_a_function() -> None:
    weights, decays = network().decayed, structure().decays
    a = np.concatenate([np.full(w.numel(), float(d)) for w, d in zip(weights, decays, strict=True)])
    w = np.concatenate([weight.detach().numpy().ravel() for weight in weights]).astype(np.float64)
    assert float(weight_penalty(weights, decays).detach()) == pytest.approx(0.5 * w @ (a * w), rel=1e-5)


def test_the_dirichlet_prior_is_scipys_density() -> None:
    made = structure()
    gammas = [gamma.double() / gamma.double().sum() for gamma in made.gammas]
    expected = -sum(stats.dirichlet.logpdf(gamma.numpy(), np.full(len(gamma), 0.5)) for gamma in gammas)
    assert float(structure_penalty("dirichlet", 0.5, made.logits, gammas)) == pytest.approx(expected, rel=1e-5)


def test_the_gumbel_softmax_prior_is_the_density_of_its_formula() -> None:
    made, t = structure(), 0.7
    expected = 0.0
    for gamma in (each.double().numpy() for each in made.gammas):
        k = len(gamma)
        density = math.factorial(k - 1) * t ** (k - 1) * np.prod(gamma ** -(t + 1)) / np.sum(gamma**-t) ** k
        expected -= math.log(density)
    assert float(structure_penalty("gumbel-softmax", t, made.logits, made.gammas)) == pytest.approx(expected, rel=1e-4)


def test_the_entropy_prior_is_about_all_vertices_together() -> None:
    made = structure()
    entropies = [stats.entropy(gamma.double().numpy()) for gamma in made.gammas]
    largest = sum(math.log(len(gamma)) for gamma in made.gammas)
    expected = (0.3 * largest - sum(entropies)) ** 2
    assert float(structure_penalty("entropy", 0.3, made.logits, made.gammas)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", PRIORS)
def test_a_strong_prior_gets_structures_that_are_likelier_by_it(name: PriorName) -> None:
    parameter = {"dirichlet": 0.3, "gumbel-softmax": 0.02, "entropy": 0.0}[name]
    splits = random_splits(0, 96)
    free = VertexSettings(prior=None, relaxation="softmax", arch_learning_rate=0.1, warm_up=0.0)
    bound = replace(free, prior=name, prior_weight=10.0, prior_parameter=parameter)
    strong, none = (search(splits, epochs=10, settings=options) for options in (bound, free))
    penalties = [
        float(structure_penalty(name, parameter, [gamma.log() for gamma in found.gammas], found.gammas))
        for found in (strong, none)
    ]
    assert penalties[0] < penalties[1] - 1


def test_decays_are_learned_unless_they_are_not_to_be() -> None:
    splits = random_splits(0, 96)
    learned, kept = (search(splits, settings=VertexSettings(learn_decay=learns)) for learns in (True, False))
    assert (learned.decays != np.float32(1e-3)).all()
    np.testing.assert_allclose(kept.decays, 1e-3, rtol=1e-5)


def test_noise_that_weights_can_learn_by_heart_raises_decays_and_a_signal_does_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, N_INPUTS)).astype(np.float32)
    targets = {"noise": rng.normal(size=(160, 1)), "signal": x[:, :1] - x[:, 1:2]}
    means = {}
    for name, y in targets.items():
        task, samples = Task("regression", (N_INPUTS,), 1), Samples(x, y.astype(np.float32))
        found = search(
            Splits(name, task, samples, samples, "none"), epochs=20, width=16,
            settings=VertexSettings(arch_learning_rate=0.03, learning_rate=0.02),
        )
        means[name] = float(np.log(found.decays).mean())
    assert means["noise"] > math.log(1e-3)
    assert means["noise"] > means["signal"]


@pytest.mark.parametrize("is_taught", [False, True])
@pytest.mark.parametrize("task", [CLASSES, TARGETS])
def test_regression_and_classification_are_searched_and_learn(is_taught: bool, task: Task) -> None:
    told: list[dict[str, float]] = []
    splits = random_splits(1, task=task)
    teacher = teacher_of(splits.train, task) if is_taught else None
    search(splits, epochs=12, report=lambda epoch, metrics: told.append(dict(metrics)), teacher=teacher)
    assert len(told) == 12
    assert told[-1]["train_loss"] < told[0]["train_loss"]
    assert 0 < told[-1]["gamma"] <= 1
    assert 2 <= told[-1]["layers"] <= 4
    assert told[-1]["decay"] > 0


def test_a_search_follows_from_its_seed_and_knows_no_validation_samples() -> None:
    splits = random_splits(2, 80)
    poisoned = Samples(np.full((9, 12), np.nan, np.float32), np.zeros(9, np.int64))
    first, again, other = (
        search(each, epochs=2, seed=seed)
        for each, seed in ((splits, 1), (replace(splits, validation=poisoned), 1), (splits, 2))
    )
    for one, two in zip(first.gammas, again.gammas, strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first.gammas[0], other.gammas[0])
    assert first.edge_updates == again.edge_updates > 0


def test_weights_and_structure_learn_from_a_teacher_of_the_same_samples() -> None:
    splits = random_splits(3, 80)
    said = teacher_of(splits.train)
    alone, taught = (search(splits, epochs=2, teacher=teacher) for teacher in (None, said))
    assert not all(torch.equal(one, two) for one, two in zip(alone.gammas, taught.gammas, strict=True))
    with pytest.raises(ValueError, match="teacher must have shape"):
        search(splits, epochs=2, teacher=said[:40])


def test_stop_stops() -> None:
    stop = Stop()
    stop.request()
    with pytest.raises(Cancelled):
        search(random_splits(0, 40), stop=stop)


@pytest.mark.parametrize(("options", "message"), [
    ({"epochs": 0}, "epochs must be at least 1, got 0"), ({"width": 0}, "width must be at least 1, got 0"),
    ({"splits": random_splits(0, 1)}, "expected at least 2 for training, got 1"),
])
def test_bad_arguments_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(**{"splits": random_splits(0, 40), **options})


@pytest.mark.parametrize(("options", "message"), [
    ({"functions": ("relu", "identity")}, "dense or dense-relu among them, since nothing else reads inputs, got relu"),
    ({"functions": ()}, "got none"), ({"functions": ("dense", "dense")}, "functions must be different ones"),
    ({"vertices": 0}, "vertices must be from 1 to 16, got 0"),
    ({"first_decay": 0.0}, "first_decay must be positive and finite, got 0.0"),
    ({"prior_weight": -1.0}, "prior_weight must be finite and not negative"),
    ({"momentum": 1.0}, "momentum must be from 0 to below 1, got 1.0"),
    ({"prior_parameter": 0.0}, "prior_parameter must be positive"),
    ({"relaxation": "straight-through"}, "the prior 'dirichlet' needs relaxed gammas"),
    ({"learning_rate": math.nan}, "learning_rate must be positive and finite, got nan"),
])
def test_bad_settings_are_refused_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VertexSettings(**options)
