"""vkdnw: how evenly the eigenvalues of the Fisher information are spread, and the number of layers (Tybl 2025,
https://arxiv.org/abs/2502.04975). Higher is better. For classification only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evonas.evaluation.proxies.networks import Batch, drawn_again, weight_layers

#: Number of random inputs, largest number of tensors of which a coordinate is taken, and share of the uniform
#: distribution in the probabilities.
SAMPLES, TENSORS, SMOOTHING = 16, 128, 0.05


def score(network: nn.Module, batch: Batch) -> float:
    """Number of tensors of parameters plus the entropy of the deciles of the Fisher information's eigenvalues.

    The Fisher information is that of one coordinate of each of the first tensors, under Kaiming weights and random
    inputs; a layer whose weights are part of a vector of the network counts as a tensor.
    """
    drawn_again(network, batch.generator, kaiming=True)
    n_tensors = len(_coordinates(network))
    x = batch.noise(SAMPLES)
    _normalise_by(network, x)
    # Each sample has a graph of its own: through one of all samples every gradient would pass all of them.
    J = torch.cat([_fisher_rows(network(sample)[0], network) for sample in x[:, None]])
    values = torch.linalg.svdvals(J).square() / SAMPLES
    values = torch.cat([values, values.new_zeros(J.shape[1] - len(values))])
    deciles = values.quantile(torch.arange(1, 10).double() / 10)
    shares = deciles / deciles.sum()
    return n_tensors - float(torch.special.xlogy(shares, shares).sum())


def _fisher_rows(logits: Tensor, network: nn.Module) -> Tensor:
    """A square root of one sample's Fisher information, ``(n_outputs, n_coordinates)``, for logits ``(n_outputs,)``."""
    coordinates = _coordinates(network)[:TENSORS]
    parameters = list({id(p): p for p, _ in coordinates}.values())
    rows = []
    for logit in logits:
        found = torch.autograd.grad(logit, parameters, retain_graph=True, allow_unused=True)
        by_id = {id(p): g for p, g in zip(parameters, found, strict=True)}
        row = [0.0 if (g := by_id[id(p)]) is None else float(g.flatten()[place]) for p, place in coordinates]
        rows.append(torch.tensor(row, dtype=torch.float64))
    p = logits.detach().double().softmax(0) * (1 - SMOOTHING) + SMOOTHING / len(logits)
    values, vectors = torch.linalg.eigh(torch.diag(p) - torch.outer(p, p))
    root: Tensor = (vectors * values.clamp(min=0).sqrt()).t() @ torch.stack(rows)
    return root


def _coordinates(network: nn.Module) -> list[tuple[nn.Parameter, int]]:
    """Tensors of trained parameters, each with the position of one coordinate; a vector has one per layer."""
    parts: dict[int, list[int]] = {}
    for layer in weight_layers(network):
        if layer.part is not None:
            parts.setdefault(id(layer.parameter), []).append(layer.part.start)
    trained = [p for p in network.parameters() if p.requires_grad]
    return [(p, place) for p in trained for place in parts.get(id(p), [0])]


def _normalise_by(network: nn.Module, x: Tensor) -> None:
    """Make BatchNorm normalise by its statistics of ``x`` from now on, each sample alone."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(x)
    network.eval()
