"""The vector hypernetwork, asked with the published penalties: with the default settings, and along kappa."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from evonas.report.plot import save_figure

from .lab import Lab, mean, write
from .settings import SPACE

#: Penalties of pools, skips and convolutions; with the published accuracy, parameters and operations (Firsov 2025).
PENALTIES = {
    "A": ((0.33, 0.33, 0.33), "82.5 | 38304 | 12, 10, 6"), "B": ((0.15, 0.15, 0.70), "79.2 | 5120 | 17, 11, 0"),
    "C": ((0.70, 0.15, 0.15), "85.0 | 143488 | 0, 15, 13"), "D": ((0.15, 0.70, 0.15), "81.4 | 12320 | 18, 1, 9"),
}
#: Weights of the charge, a mean over the 28 edges here: the default, and the last as published, 50 on their sum. Then
#: tau, too, as published.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "kappa 10, tau .25": {"kappa": 10.0}, "kappa 120, tau .25": {"kappa": 120.0},
    "kappa 1400, tau .25": {"kappa": 1400.0}, "kappa 1400, tau 1": {"kappa": 50.0, "charge": "sum", "tau": 1.0},
}
_Rows: TypeAlias = Mapping[str, Sequence[Mapping[str, float]]]


def run_table(out: Path, n_seeds: int) -> None:
    """Write the counts of operations and the accuracies for each penalty."""
    lab = Lab(out, SPACE, 8)
    measured = _measured(lab, n_seeds, {})
    told = _told(lab, measured, n_seeds)
    write(lab.out, f"Mean ± deviation over {n_seeds} seeds. {told}", _header(lab), _rows(lab, measured))
    _plot(out, {"default settings": measured})


def run_kappa(out: Path, n_seeds: int) -> None:
    """The same for each of :data:`SETTINGS`."""
    lab = Lab(out, SPACE, 8)
    rows, told, found = [], [], {}
    for name, settings in SETTINGS.items():
        measured = _measured(lab, n_seeds, settings, name=name.replace(" ", "-").replace(",", ""))
        found[name] = measured
        rows += [f"{name} | {row}" for row in _rows(lab, measured)]
        told.append(f"{name}: {_told(lab, measured, n_seeds)}")
    write(lab.out, f"Mean ± deviation over {n_seeds} seeds. {' '.join(told)}", f"setting | {_header(lab)}", rows)
    _plot(out, found)


def _measured(lab: Lab, n_seeds: int, settings: Mapping[str, Any], *, name: str = "") -> _Rows:
    """Measurements of the genotype of each seed by penalty.

    Args:
        lab: Trains the hypernetworks.
        n_seeds: Number of seeds.
        settings: Settings of the search.
        name: Name of the variant.
    """
    nets = [lab.searched("hypernet-vector", seed, name=name, **settings) for seed in range(n_seeds)]
    return {
        each: [lab.measured(net.ask(lab.space, penalty), seed) for seed, net in enumerate(nets)]
        for each, (penalty, _) in PENALTIES.items()
    }


def _plot(out: Path, found: Mapping[str, _Rows]) -> None:
    """Accuracy over parameters of each penalty's networks, a panel for each setting."""
    figure = Figure(figsize=(3.6 * len(found), 3.4), layout="constrained")
    for place, (name, measured) in enumerate(found.items(), 1):
        axes = figure.add_subplot(
            1, len(found), place, xscale="log", title=name, xlabel="parameters", ylabel="test accuracy, %"
        )
        for penalty, each in measured.items():
            axes.scatter([row["params"] for row in each], [row["accuracy"] for row in each], label=penalty, alpha=0.8)
        axes.legend(title="penalty")
    save_figure(figure, out.with_suffix(".png"))


def _header(lab: Lab) -> str:
    names = lab.space.choices.operations
    return (f"penalty of {', '.join(names)} | accuracy, % | parameters | {' | '.join(names)} | "
            "published (kappa 50 on the sum over edges, tau 1): % | parameters | counts")


def _rows(lab: Lab, measured: _Rows) -> list[str]:
    names = lab.space.choices.operations
    return [
        f"{name} {PENALTIES[name][0]} | {mean(each, 'accuracy')} | {mean(each, 'params', '.0f')} | "
        f"{' | '.join(mean(each, operation) for operation in names)} | {PENALTIES[name][1]}"
        for name, each in measured.items()
    ]


def _told(lab: Lab, measured: _Rows, n_seeds: int) -> str:
    """Sentence on how often penalties did what they should.

    Args:
        lab: Trains the hypernetworks.
        measured: Result of :func:`_measured`.
        n_seeds: Number of seeds.
    """
    raised = [(rarer, name) for rarer, name in zip("CDB", lab.space.choices.operations, strict=True)]
    fewer = sum(measured[rarer][s][name] < measured["A"][s][name] for s in range(n_seeds) for rarer, name in raised)
    size = {name: [row["params"] for row in each] for name, each in measured.items()}
    ordered = sum(size["C"][s] > size["A"][s] > size["B"][s] for s in range(n_seeds))
    return (f"A raised penalty means fewer of the operation in {fewer} of {3 * n_seeds} cases; parameters are C > A > "
            f"B in {ordered} of {n_seeds} seeds.")
