"""Agreement of scores with the ranking by training from scratch: JSON, a table, a plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evonas.report.correlation import rank_correlation
from evonas.report.plot import save_figure
from evonas.types import Doubles
from scripts.benchmarks.stored import store

from .settings import CONTESTANTS, Setting


def correlate(accuracies: Doubles, scores: Mapping[str, Doubles], params: Doubles) -> dict[str, dict[str, Any]]:
    """Rank correlations of every score with the accuracies from scratch, and the network that it ranks first.

    Args:
        accuracies: ``(n_networks, n_seeds)``, %.
        scores: ``(n_networks,)`` each, more being better.
        params: ``(n_networks,)``.

    Returns:
        By the name of the score ``n``, ``kendall``, ``spearman``, ``partial`` (given parameters) and ``best``, the mean
        accuracy of the network that it ranks first; None without a number. With several seeds ``another
        training`` is the first seed's accuracy with the mean of the others: the most that can be expected.
    """
    mean = accuracies.mean(axis=1)
    rows = {name: _row(values, mean, params) for name, values in scores.items()}
    if accuracies.shape[1] > 1:
        rows["another training"] = _row(accuracies[:, 0], accuracies[:, 1:].mean(axis=1), params)
    return rows


def _row(values: Doubles, quality: Doubles, params: Doubles) -> dict[str, Any]:
    found = rank_correlation(values, quality, params)._asdict()
    row = {name: None if math.isnan(value) else value for name, value in found.items()}
    return row | {"best": float(quality[int(np.argmax(values))])}


def markdown(document: Mapping[str, Any]) -> str:
    """A row a score.

    Args:
        document: As :func:`write` stores it.
    """
    setting, rows = document["setting"], document["rows"]
    lines = [
        f"{document['n']} networks of the block space, uniformly drawn: {setting['dataset']}, {setting['n_train']} "
        f"training images, width {setting['width']}, {setting['epochs']} epochs from scratch with {document['seeds']} "
        f"seeds each; test accuracy {document['accuracy']}.", "",
        "| score | weights | epochs | Kendall | Spearman | partial, given parameters | accuracy of its first, % | "
        "CPU seconds |", "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        contestant = CONTESTANTS.get(name.removesuffix(", loss"))
        numbers = [row["kendall"], row["spearman"], row["partial"]]
        cells = [
            name, "-" if contestant is None else contestant.sharing, str(document["epochs"].get(name, "-")),
            *("-" if value is None else f"{value:.3f}" for value in numbers), f"{row['best']:.2f}",
            f"{document['seconds'][name]:.0f}" if name in document["seconds"] else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "A supernet scores by the accuracy on validation images with shared weights, or by the loss; "
              "BatchNorm's statistics are recomputed for each network. *Another training* ranks by one seed what the "
              "others measure."]
    return "\n".join(lines) + "\n"


def write(
    out: Path, setting: Setting, networks: Sequence[str], accuracies: Doubles, costs: Mapping[str, Doubles],
    supernets: Mapping[str, Mapping[str, Any]],
) -> str:
    """Write ``blocks.json``, ``.md`` and ``.png``; gives the table.

    Args:
        out: Folder.
        setting: Is stored, and gives the epochs of supernets.
        networks: Genotypes as text.
        accuracies: ``(n_networks, n_seeds)``, %.
        costs: ``params`` and others that rank networks by their size, ``(n_networks,)``.
        supernets: Scores by contestant, see :meth:`scripts.benchmarks.blocks.lab.Lab.scores`.
    """
    scores = {**costs}
    for name, found in supernets.items():
        scores |= {name: found["val_accuracy"], f"{name}, loss": -found["val_loss"]}
    mean, deviation = accuracies.mean(), accuracies.mean(axis=1).std()
    document: dict[str, Any] = {
        "setting": asdict(setting), "n": len(networks), "seeds": accuracies.shape[1],
        "accuracy": f"{mean:.2f} ± {deviation:.2f} %",
        "epochs": {name: setting.epochs_of(CONTESTANTS[name]) for name in supernets},
        "seconds": {name: found["seconds"] for name, found in supernets.items()},
        "rows": correlate(accuracies, scores, costs["params"]),
        "networks": [
            {"blocks": text, "accuracies": accuracies[i].tolist(), **{name: float(s[i]) for name, s in scores.items()}}
            for i, text in enumerate(networks)
        ],
    }
    text = markdown(document)
    store(out / "blocks", document, text, indent=1)
    _plot(out / "blocks.png", accuracies.mean(axis=1), supernets, document["rows"])
    return text


def _plot(
    path: Path, accuracies: Doubles, supernets: Mapping[str, Mapping[str, Any]], rows: Mapping[str, Mapping[str, Any]]
) -> None:
    figure = Figure(figsize=(4 * max(1, len(supernets)), 4), layout="constrained")
    for index, (name, found) in enumerate(supernets.items(), 1):
        kendall = rows[name]["kendall"]
        title = name if kendall is None else f"{name}: Kendall {kendall:.2f}"
        axes = figure.add_subplot(
            1, len(supernets), index, title=title, xlabel="with shared weights, validation, %",
            ylabel="from scratch, test, %",
        )
        axes.scatter(100 * found["val_accuracy"], accuracies, alpha=0.8)
    save_figure(figure, path)
