"""The plain torch loop, for spaces without a trainer of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from evonas.data.samples import Samples, Splits
from evonas.evaluation import Job, TrainedEvaluator
from evonas.individual import Individual, Start, Trial
from evonas.testing.toy import Digits, ToySpace
from evonas.training import Cancelled, Recipe, Stop
from evonas.training.calibration import recalibrate
from evonas.training.loop import fit, initialise, predict
from evonas.types import Task, Weights

RECIPE = Recipe(batch_size=16, learning_rate=0.02)


def splits() -> Splits:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 4)).astype(np.float32)
    samples = Samples(x, (x[:, 0] * x[:, 1] > 0).astype(np.int64))
    return Splits("quadrants", Task("classification", (4,), 2), samples, samples, "")


class Heirs(ToySpace):
    """Children begin with their parent's weights; nothing else beside what every space can do."""

    def compile(self, genotype: Digits, weights: Weights | None = None) -> nn.Module:
        module = network()
        if weights is not None:
            module.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
        return module

    def inherit(self, child: Digits, parent: Digits, weights: Weights, rng: np.random.Generator) -> Weights:
        return weights


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))


def train(recipe: Recipe, epochs: int = 12, stop: Stop | None = None) -> tuple[nn.Module, list[float]]:
    module = network()
    history = fit(module, splits(), recipe, epochs=epochs, seed=np.random.SeedSequence(1), stop=stop or Stop())
    return module, [epoch.train_loss for epoch in history]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_a_module_with_matrices_and_biases_learns_over_all_epochs(schedule: str) -> None:
    module, losses = train(replace(RECIPE, schedule=schedule))  # type: ignore[arg-type]
    assert len(losses) == 12
    assert losses[-1] < 0.6 * losses[0]
    accuracy = (predict(module, splits().train).argmax(1) == splits().train.y).mean()
    assert accuracy > 0.85


def test_the_same_seed_trains_the_same_network() -> None:
    assert train(RECIPE)[1] == train(RECIPE)[1]


def test_patience_stops_when_validation_does_not_improve() -> None:
    frozen = replace(RECIPE, learning_rate=1e-30, weight_decay=0.0, patience=2)
    assert len(train(frozen)[1]) == 3


def test_patience_gives_back_the_weights_of_the_best_epoch() -> None:
    restless = replace(RECIPE, schedule="constant", warmup=0.0, learning_rate=0.2)
    module, losses = train(replace(restless, patience=1), epochs=100)
    assert 1 < len(losses) < 100
    best, _ = train(restless, epochs=len(losses) - 1)
    for actual, expected in zip(module.parameters(), best.parameters(), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_a_space_needs_only_to_inherit_for_children_to_begin_with_their_parents_weights() -> None:
    frozen = replace(RECIPE, learning_rate=1e-30, weight_decay=0.0)
    weights = {name: tensor.numpy() + 1 for name, tensor in network().state_dict().items()}
    child = Trial(Individual(1, Digits((2,) * 8), 1, "", (0,)), 1)
    job = Job(child, np.random.SeedSequence(0), Start(Digits((1,) * 8), weights, continues=False), Stop())
    trained = TrainedEvaluator(Heirs(), splits(), frozen)(job).weights
    assert trained is not None
    for name, value in weights.items():
        np.testing.assert_allclose(trained[name], value)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_teacher_is_mixed_into_the_targets_of_its_own_samples(kind: Literal["classification", "regression"]) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(24, 4)).astype(np.float32), rng.integers(0, 2, 24)
    one_hot = np.eye(2, dtype=np.float32)[y]
    teacher = rng.dirichlet([1, 1], 24).astype(np.float32)
    samples = Samples(x, y if kind == "classification" else one_hot)
    data = Splits("taught", Task(kind, (4,), 2), samples, samples, "")
    recipe = Recipe(batch_size=8, learning_rate=1e-30, weight_decay=0.0, teacher_weight=0.3)
    module = network()
    history = fit(module, data, recipe, epochs=1, seed=np.random.SeedSequence(1), stop=Stop(), teacher=teacher)
    outputs, target = torch.from_numpy(predict(module, samples)), torch.from_numpy(0.7 * one_hot + 0.3 * teacher)
    loss = nn.functional.cross_entropy if kind == "classification" else nn.functional.mse_loss
    assert history[0].train_loss == pytest.approx(float(loss(outputs, target)), rel=1e-5)


def test_images_are_moved_and_mirrored_in_training_and_nowhere_else() -> None:
    rng = np.random.default_rng(0)
    samples = Samples(rng.normal(size=(12, 1, 3, 4)).astype(np.float32), np.arange(12) % 2)
    images = Splits("images", Task("classification", (1, 3, 4), 2), samples, samples, "")
    seen: list[tuple[bool, torch.Tensor]] = []
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    module.register_forward_pre_hook(lambda module, args: seen.append((module.training, args[0])))
    recipe = replace(RECIPE, batch_size=4, shift=1, flip=True, patience=100)
    fit(module, images, recipe, epochs=30, seed=np.random.SeedSequence(0), stop=Stop())
    padded = np.pad(samples.x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    moved = [padded[..., i : i + 3, j : j + 4] for i in range(3) for j in range(3)]
    ways = {image.tobytes(): way for way, x in enumerate(moved + [x[..., ::-1] for x in moved]) for image in x}
    trained = [{ways[image.numpy().tobytes()] for image in batch} for training, batch in seen if training]
    assert len(trained) == 90
    assert all(len(batch) == 1 for batch in trained)
    assert {way for batch in trained for way in batch} == set(range(18))
    assert all(torch.equal(batch, torch.from_numpy(samples.x)) for training, batch in seen if not training)


def test_a_request_to_stop_is_heard() -> None:
    stop = Stop()
    stop.request()
    with pytest.raises(Cancelled):
        train(RECIPE, stop=stop)


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        train(replace(RECIPE, learning_rate=1e30, optimizer="adam"))


def test_the_seed_decides_fresh_weights() -> None:
    first, again, other = network(), network(), network()
    for module, seed in ((first, 1), (again, 1), (other, 2)):
        initialise(module, np.random.SeedSequence(seed))
    state, same, different = (m.state_dict() for m in (first, again, other))
    for name in state:
        torch.testing.assert_close(state[name], same[name])
        assert not torch.equal(state[name], different[name])
        assert not torch.equal(state[name], network().state_dict()[name])


def test_recalibrated_statistics_are_those_of_the_batches_and_all_else_stays() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4, momentum=0.1), nn.Dropout(0.5), nn.BatchNorm1d(4, affine=False))
    module[0].running_mean += 100  # of other weights
    batches = [torch.randn(50, 4) * 3 + 2 for _ in range(2)]
    for training in (True, False):
        recalibrate(module.train(training), [(batch,) for batch in batches])
        torch.testing.assert_close(module[0].running_mean, torch.stack([b.mean(0) for b in batches]).mean(0))
        torch.testing.assert_close(module[0].running_var, torch.stack([b.var(0) for b in batches]).mean(0))
        assert module[2].running_var.min() > 0.9  # without dropout, what comes in is normalised already
        assert module[2].running_var.max() < 1.1
        assert all(layer.training == training for layer in module.modules())
        assert module[0].momentum == 0.1


@pytest.mark.parametrize("task", [Task("classification", (4,), 2), Task("regression", (4,), 2)], ids=lambda t: t.kind)
def test_a_whole_weight_counts_as_that_many_copies_of_a_sample(task: Task) -> None:
    rng = np.random.default_rng(4)
    x, copies = rng.normal(size=(20, 4)).astype(np.float32), rng.integers(1, 4, 20)
    y = rng.integers(0, 2, 20) if task.kind == "classification" else rng.normal(size=(20, 2)).astype(np.float32)
    rows = np.repeat(np.arange(20), copies)
    weighted = Samples(x, y, weight=(copies / copies.mean()).astype(np.float32))
    recipe = replace(RECIPE, batch_size=100, patience=99)  # one batch holds all
    losses = []
    for samples in (weighted, Samples(x[rows], y[rows])):
        same = Splits("copies", task, samples, samples, "")
        history = fit(network(), same, recipe, epochs=5, seed=np.random.SeedSequence(1), stop=Stop())
        losses.append([(epoch.train_loss, epoch.val_loss) for epoch in history])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
