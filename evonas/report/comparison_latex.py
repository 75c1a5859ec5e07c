"""A comparison as a LaTeX table for a paper, with the rules of the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evonas.report.compare import Comparison
from evonas.report.comparison_tables import mean_text
from evonas.report.measures import Measure, Tests, hypervolumes, qualities, shown_metric
from evonas.report.plot import LABELS
from evonas.report.significance import ALPHA, Difference, families, tests_made
from evonas.report.tables import number

#: Characters with a special meaning in LaTeX, and their replacements.
ESCAPES = str.maketrans({
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "²": "$^2$", "³": "$^3$", "µ": r"$\mu$", "±": r"$\pm$", "≤": r"$\leq$",
    "−": "$-$", **{character: f"\\{character}" for character in "&%$#_{}"},
})
MARK = r"$^\dagger$"


def to_latex(
    comparison: Comparison, found: Sequence[Difference], tests: Tests | None = None, *, dataset: str = "",
    baseline: str | None = None,
) -> str:
    """A table with a row per group and columns for the quality under each budget and the hypervolume.

    Cells are mean ± sample deviation. The best mean of a column in which every run has a member is bold. Groups are
    marked that are significantly worse than it or, with a baseline, that differ from the baseline; the caption states
    this and the test.

    Args:
        comparison: The comparison.
        found: Its :func:`evonas.report.significance.differences`, with the same tests and baseline.
        tests: Test metrics, which replace validation metrics.
        dataset: Beginning of the caption.
        baseline: The group that others were compared with.
    """
    import pandas as pd

    columns = [*qualities(comparison, tests), hypervolumes(comparison)]
    names, counts = zip(*((escaped(name), str(len(runs))) for name, runs in comparison.groups.items()), strict=True)
    cells = [names, counts, *(_cells(measure, found, baseline) for measure in columns)]
    headings = ["", "runs", *map(_heading, columns)]
    table = pd.DataFrame(dict(enumerate(cells))).style.hide(axis="index").relabel_index(headings, axis="columns")
    text = table.to_latex(
        hrules=True, column_format="l" + "r" * (len(columns) + 1), position="t", position_float="centering",
        caption=_caption(comparison, found, on_test=tests is not None, dataset=dataset, baseline=baseline),
        label="tab:comparison",
    )
    return f"% \\usepackage{{booktabs}}\n{text}"


def escaped(text: str) -> str:
    """The text with the characters that are special in LaTeX escaped."""
    return text.translate(ESCAPES)


def _heading(measure: Measure) -> str:
    return escaped(measure.name) if measure.budget is None else f"$\\leq$ {number(measure.budget)}".replace(" ", r"\,")


def _cells(measure: Measure, found: Sequence[Difference], baseline: str | None) -> list[str]:
    best = _best(measure)
    here = [d for d in found if d.budget == measure.budget and d.adjusted is not None and d.adjusted < ALPHA]
    if baseline is None:
        marked = {d.second if d.superiority > 0.5 else d.first for d in here if best in (d.first, d.second)} - {best}
    else:
        marked = {d.first for d in here}
    texts = {name: escaped(mean_text(values)) for name, values in measure.values.items()}
    bold = {name: f"\\textbf{{{text}}}" if name == best else text for name, text in texts.items()}
    return [text + (MARK if name in marked else "") for name, text in bold.items()]


def _best(measure: Measure) -> str | None:
    means = {
        name: float(np.mean([value for value in values if value is not None]))
        for name, values in measure.values.items() if None not in values
    }
    if not means:
        return None
    return max(means, key=lambda name: means[name] if measure.maximised else -means[name])


def _caption(
    comparison: Comparison, found: Sequence[Difference], *, on_test: bool, dataset: str, baseline: str | None
) -> str:
    metric, cost = shown_metric(comparison), comparison.cost.metric
    quality = LABELS.get(metric, metric).replace("validation", "test" if on_test else "validation")
    logs = ", ".join(o.metric for o in comparison.objectives.items if o.log)
    point = ", ".join(f"{name} = {value:g}" for name, value in comparison.reference.items())
    point += f" (log10 of {logs})" if logs else ""
    parts = [
        f"{dataset}: " * bool(dataset) + f"{quality} of the best member by validation under each budget, in "
        f"{LABELS.get(cost, cost)}, and hypervolume up to {point}",
        "mean ± sample deviation over runs with different seeds, the best mean of a column in bold",
    ]
    untested = dict.fromkeys(f"{d.first} and {d.second}" for d in found if d.p is None)
    if not any(d.p is not None for d in found):
        parts.append("no differences were tested: there are too few runs")
    elif untested:
        parts.append(f"too few runs for a test: {', '.join(untested)}")
    marked = "" if not tests_made(found) else "; " + MARK + escaped(
        f" {'significantly worse than the best' if baseline is None else f'significantly different from {baseline}'} "
        f"({tests_made(found)}, two-sided, p < {ALPHA:g} after Holm's correction for {families(found)})"
    )
    return escaped("; ".join(parts)) + marked + "."
