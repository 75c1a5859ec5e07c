"""The vector hypernetwork, asked with the published penalties."""

from __future__ import annotations

from pathlib import Path

from .lab import Lab, mean, write
from .settings import SPACE

#: Of pools, skips and convolutions; with the accuracy, parameters and operations that were published (Firsov 2025).
PENALTIES = {
    "A": ((0.33, 0.33, 0.33), "82.5 | 38304 | 12, 10, 6"), "B": ((0.15, 0.15, 0.70), "79.2 | 5120 | 17, 11, 0"),
    "C": ((0.70, 0.15, 0.15), "85.0 | 143488 | 0, 15, 13"), "D": ((0.15, 0.70, 0.15), "81.4 | 12320 | 18, 1, 9"),
}


def run_table(out: Path, n_seeds: int) -> None:
    """The counts and accuracies that each penalty gives."""
    lab = Lab(out, SPACE, 8)
    nets = [lab.searched("hypernet-vector", seed) for seed in range(n_seeds)]
    measured = {
        name: [lab.measured(net.ask(lab.space, penalty), seed) for seed, net in enumerate(nets)]
        for name, (penalty, _) in PENALTIES.items()
    }
    names = lab.space.choices.operations
    rows = [
        f"{name} {PENALTIES[name][0]} | {mean(each, 'accuracy')} | {mean(each, 'params', '.0f')} | "
        f"{' | '.join(mean(each, operation) for operation in names)} | {PENALTIES[name][1]}"
        for name, each in measured.items()
    ]
    raised = [(rarer, name) for rarer, name in zip("CDB", names, strict=True)]
    fewer = sum(measured[rarer][s][name] < measured["A"][s][name] for s in range(n_seeds) for rarer, name in raised)
    size = {name: [row["params"] for row in each] for name, each in measured.items()}
    ordered = sum(size["C"][s] > size["A"][s] > size["B"][s] for s in range(n_seeds))
    write(
        lab.out, f"Mean ± deviation over {n_seeds} seeds. A raised penalty means fewer of the operation in {fewer} of "
        f"{3 * n_seeds} cases; parameters are C > A > B in {ordered} of {n_seeds} seeds.",
        f"penalty of {', '.join(names)} | accuracy, % | parameters | {' | '.join(names)} | "
        "published: % | parameters | counts", rows,
    )
