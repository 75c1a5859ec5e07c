"""The plain torch loop: trains any ``nn.Module`` on preloaded tensors, for spaces without their own trainer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evonas.data.samples import Samples, Splits
from evonas.training.augmentation import Augmentation
from evonas.training.early_stopping import EarlyStopping
from evonas.training.recipe import Epoch, Recipe
from evonas.training.stop import Stop
from evonas.types import Floats, Task

CPU = torch.device("cpu")
#: Samples per forward pass in predictions, which bounds memory only.
PREDICTION_BATCH = 1024


def fit(
    module: nn.Module, splits: Splits, recipe: Recipe, *, epochs: int, seed: np.random.SeedSequence, stop: Stop,
    teacher: Floats | None = None, device: torch.device = CPU,
) -> tuple[Epoch, ...]:
    """Train ``module`` in place, on the CPU with one thread; afterwards it is on the CPU again.

    Pruning, regrowth and dropout of hidden neurons belong to a space's own trainer; here they are refused.

    Args:
        module: Maps samples to outputs before softmax, ``(n, n_outputs)``.
        splits: The samples.
        recipe: Recipe of the training.
        epochs: Passes over the training samples.
        seed: The order of the samples and the dropout follow from it.
        stop: Polled at every step.
        teacher: Class probabilities or standardised targets that are mixed into the targets, float32 of shape
            ``(n_train, n_outputs)``.
        device: Device on which it is trained.

    Raises:
        ValueError: The recipe asks for one of these.
        FloatingPointError: The loss is not finite.
    """
    if recipe.pruning or recipe.regrowth:
        raise ValueError("pruning and regrowth need a space with a trainer of its own, not the plain torch loop")
    if recipe.quantisation:
        raise ValueError("quantisation needs a space with a trainer of its own, not the plain torch loop: leave it out")
    if recipe.hidden_dropout:
        raise ValueError("hidden_dropout needs a space with a trainer of its own, not the plain torch loop: leave it 0")
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    number = int(rng.integers(2**63))
    torch.manual_seed(number)
    step = _Step(module.to(device), splits, recipe, teacher, device)
    stopping: EarlyStopping[dict[str, Any]] = EarlyStopping(recipe.patience)
    n_samples = len(splits.train.x)
    augmentation = Augmentation(splits.train.x.shape[1:], recipe)
    n_batches = -(-n_samples // recipe.batch_size)
    rates = iter(recipe.learning_rates(epochs * n_batches))
    history: list[Epoch] = []
    n_params = sum(p.numel() for p in module.parameters())
    for epoch in range(epochs):
        module.train()
        total = 0.0
        shown = augmentation.of_steps(n_batches, seed=number, epoch=epoch)
        for view, batch in zip(shown, _batches(n_samples, recipe.batch_size, rng), strict=True):
            stop.check()
            total += step(batch, view, next(rates)) * len(batch)
        if not np.isfinite(total):
            raise FloatingPointError(f"the training loss is not finite after {epoch + 1} epochs")
        val_loss = stopping.validated(lambda: _validation_loss(module, splits, device))
        history.append(Epoch(total / n_samples, val_loss, n_params))
        if stopping.ends(val_loss, lambda: copy.deepcopy(module.state_dict())):
            break
    if stopping.best is not None:
        module.load_state_dict(stopping.best)
    module.to(CPU)
    return tuple(history)


class _Step:
    """The step of the optimizer on a batch."""

    def __init__(
        self, module: nn.Module, splits: Splits, recipe: Recipe, teacher: Floats | None, device: torch.device
    ) -> None:
        self._module, self._task, self._recipe = module, splits.task, recipe
        self._x, self._y = (tensor.to(device) for tensor in _tensors(splits.train))
        self._teacher, self._weight = (
            None if array is None else torch.from_numpy(array).to(device) for array in (teacher, splits.train.weight)
        )
        self._optimizer = _optimizer(module, recipe)

    def __call__(self, batch: Tensor, view: NDArray[np.int32] | None, rate: float) -> float:
        """Make a step, and return the loss before it.

        Args:
            batch: Indices of the samples.
            view: Their view, see :class:`evonas.training.augmentation.Augmentation`.
            rate: Learning rate of the step.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        batch = batch.to(self._x.device)
        inputs = self._x[batch]
        if view is not None:
            inputs = inputs.flatten(1)[:, torch.from_numpy(view).to(inputs.device)].reshape(inputs.shape)
        outputs = self._module(nn.functional.dropout(inputs, self._recipe.input_dropout))
        teacher, weight = (None if array is None else array[batch] for array in (self._teacher, self._weight))
        loss = _loss(outputs, self._y[batch], self._task, self._recipe, teacher, weight)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self._recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._module.parameters(), self._recipe.clip_norm)
        self._optimizer.step()
        return float(loss.detach())


def initialise(module: nn.Module, seed: np.random.SeedSequence) -> None:
    """Initialise all layers that have ``reset_parameters`` with new weights that the seed determines."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        for layer in module.modules():
            if callable(reset := getattr(layer, "reset_parameters", None)):
                reset()


def predict(module: nn.Module, samples: Samples, device: torch.device = CPU) -> Floats:
    """Outputs before softmax, shape ``(n, n_outputs)``; the module is left on the device.

    Args:
        module: The network.
        samples: The samples.
        device: Device on which outputs are computed.
    """
    torch.set_num_threads(1)
    x, _ = _tensors(samples)
    module.to(device).eval()
    with torch.inference_mode():
        batches = [x[begin : begin + PREDICTION_BATCH] for begin in range(0, len(x), PREDICTION_BATCH)]
        return np.concatenate([module(batch.to(device)).cpu().numpy() for batch in batches]).astype(np.float32)


def _tensors(samples: Samples) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(samples.x), torch.from_numpy(samples.y)


def _batches(n_samples: int, batch_size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    order = torch.from_numpy(rng.permutation(n_samples))
    return (order[begin : begin + batch_size] for begin in range(0, n_samples, batch_size))


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimizer, with decay on matrices only: biases, gains and norms have one dimension."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    plain = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind([g for g in groups if g["params"]], lr=recipe.learning_rate, fused=True)


def _loss(
    outputs: Tensor, y: Tensor, task: Task, recipe: Recipe, teacher: Tensor | None, weight: Tensor | None
) -> Tensor:
    """The mean loss over the samples, weighted if there are weights.

    Args:
        outputs: Outputs before softmax, ``(n, n_outputs)``.
        y: Labels or targets.
        task: The task.
        recipe: The recipe.
        teacher: Outputs of the teacher, ``(n, n_outputs)``; None without a teacher.
        weight: Weights of the samples, ``(n,)``; None without weights.
    """
    reduction = "mean" if weight is None else "none"
    if task.kind == "regression":
        target = y if teacher is None else torch.lerp(y, teacher, recipe.teacher_weight)
        loss = nn.functional.mse_loss(outputs, target, reduction=reduction)
    else:
        loss = nn.functional.cross_entropy(
            outputs, y, label_smoothing=recipe.label_smoothing, reduction=reduction
        )
        if teacher is not None:
            told = nn.functional.cross_entropy(outputs, teacher, reduction=reduction)
            loss = torch.lerp(loss, told, recipe.teacher_weight)
    return loss if weight is None else (loss.reshape(len(loss), -1).mean(1) * weight).mean()


def _validation_loss(module: nn.Module, splits: Splits, device: torch.device) -> float | None:
    if not len(splits.validation):
        return None
    outputs = torch.from_numpy(predict(module, splits.validation, device))
    weight = None if splits.validation.weight is None else torch.from_numpy(splits.validation.weight)
    return float(_loss(outputs, _tensors(splits.validation)[1], splits.task, Recipe(), None, weight))
