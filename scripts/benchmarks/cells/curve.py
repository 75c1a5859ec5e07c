"""Scalar hypernetwork along lambda, beside DARTS and as many random cells."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from evonas.report.plot import save_figure

from .lab import Lab, mean, write
from .settings import FAST, SPACE

#: Range of log10(lambda), a price for each parameter. These networks have a tenth of the parameters that they had in
#: the paper; the lower half of its range, from -8, brings them no gain, and sizes there are noise.
LOG_LAMBDA = (-6.5, -4.0)
#: Places in that range, from 0 to 1.
PLACES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def run_curve(out: Path, n_seeds: int) -> None:
    """Write parameters and accuracies along lambda."""
    lab = Lab(out, SPACE, 20)
    low, high = LOG_LAMBDA
    lambdas = [10 ** (low + place * (high - low)) for place in PLACES]
    groups: dict[str, list[dict[str, float]]] = {f"λ = {value:.1e}": [] for value in lambdas}
    groups |= {"DARTS": [], "random": []}
    n_monotone = 0
    for seed in range(n_seeds):
        net = lab.searched("hypernet-scalar", seed, log_lambda=LOG_LAMBDA, **FAST)
        family = [lab.measured(net.ask(lab.space, [value]), seed) for value in lambdas]
        for each, row in zip(groups.values(), family, strict=False):
            each.append(row)
        n_monotone += all(b["params"] <= a["params"] for a, b in pairwise(family))
        rng = np.random.default_rng(seed)
        darts = lab.searched("darts", seed, **FAST)
        groups["DARTS"].append(lab.measured(darts.family(lab.space, 1, rng)[0], seed))
        groups["random"] += [lab.measured(lab.space.sample(rng), seed) for _ in lambdas]
    names = lab.space.choices.operations
    write(
        lab.out,
        f"Mean ± deviation over {n_seeds} seeds; parameters fall monotonically along λ in {n_monotone} of them.",
        f"cells | parameters | accuracy, % | {' | '.join(names)}",
        [f"{name} | {mean(each, 'params', '.0f')} | {mean(each, 'accuracy')} | "
         f"{' | '.join(mean(each, operation) for operation in names)}" for name, each in groups.items()],
    )
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xscale="log", xlabel="parameters", ylabel="test accuracy, %")
    family = [row for name, each in groups.items() if name.startswith("λ") for row in each]
    for name, each in {"scalar hypernetwork": family, "random": groups["random"], "DARTS": groups["DARTS"]}.items():
        axes.scatter([row["params"] for row in each], [row["accuracy"] for row in each], label=name, alpha=0.8)
    axes.legend()
    save_figure(figure, lab.out.with_suffix(".png"))
