"""az_trainability: how well gradients keep their size from layer to layer (Lee 2024,
https://arxiv.org/abs/2403.19232). Higher is better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.evaluation.proxies.networks import Batch, Unfit, drawn_again, features


def score(network: nn.Module, batch: Batch) -> float:
    """Mean over layers of 2 - s - 1 / s, which is 0 if gradients keep their size.

    s is the largest singular value of the mean product of a random gradient of +-1 at a layer's features with the
    resulting gradient at the preceding features.

    Raises:
        Unfit: The network has less than two layers with features.
        FloatingPointError: A layer passes its input on unchanged.
    """
    generator = batch.generator
    drawn_again(network, generator, kaiming=True)
    found = features(network, batch.noise(len(batch.x)))
    if len(found) < 2:
        raise Unfit("it has no two layers with features")
    scores = []
    for before, after in zip(reversed(found[:-1]), reversed(found[1:]), strict=True):
        g_out = torch.randint(2, after.shape, generator=generator) * 2.0 - 1
        (g_in,) = torch.autograd.grad(after, before, g_out, retain_graph=True, allow_unused=True)
        g_in = torch.zeros_like(before) if g_in is None else g_in
        if g_in.shape == g_out.shape and torch.equal(g_in, g_out):
            raise FloatingPointError("a layer passes its input on unchanged")
        given, got = _rows(g_out), _rows(_of_size(g_in, g_out))
        s = torch.linalg.matrix_norm((got.t() @ given / len(given)).double(), 2)
        scores.append(float(2 - s - 1 / (s + 1e-6)))
    return sum(scores) / len(scores)


def _of_size(g_in: Tensor, g_out: Tensor) -> Tensor:
    """The gradient at the features before, with pixels of a larger image as channels of a smaller one."""
    if g_in.ndim == g_out.ndim == 2 or g_in.shape[2:] == g_out.shape[2:]:
        return g_in
    if g_out.ndim == 2:
        return g_in.flatten(1)
    ratio = -(-g_in.shape[-1] // g_out.shape[-1])
    padding = [n for side in reversed(range(2, g_in.ndim)) for n in (0, ratio * g_out.shape[side] - g_in.shape[side])]
    return nn.functional.pixel_unshuffle(nn.functional.pad(g_in, padding), ratio)


def _rows(y: Tensor) -> Tensor:
    """Features ``(n, channels, ...)`` as one row per pixel."""
    return y.movedim(1, -1).reshape(-1, y.shape[1])
