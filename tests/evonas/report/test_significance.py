"""Tests, effect sizes and intervals between groups of hand-made runs, against brute force and the literature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from evonas.objectives import parse_objectives
from evonas.report.compare import Comparison, RunRecords, compare
from evonas.report.comparison_latex import to_latex
from evonas.report.comparison_tables import to_json
from evonas.report.significance import Difference, differences, remarks
from evonas.store import Record
from evonas.types import UserError

NAMES = ["val_error", "flops"]


def one(name: str, error: float | None, *, seed: int, split: int = 0) -> RunRecords:
    """A run with a poor member of 1000 FLOPs and one with this error of 100 FLOPs, if any."""
    points = [(0.9, 1000.0)] if error is None else [(error, 100.0)]
    records = [
        Record(i, 3, 0, "sample", (), "ok", {"val_error": e, "flops": c, "val_accuracy": 1 - e}, 0.5, 1.0, None)
        for i, (e, c) in enumerate(points)
    ]
    return RunRecords(name, records, parse_objectives(NAMES, [], NAMES), 9.0, (), (seed, split))


def compared(groups: Mapping[str, Sequence[float | None]], seeds: Mapping[str, Sequence[int]] | None = None,
             budgets: Sequence[float] = (100,)) -> Comparison:
    """Groups of runs with these errors, of the seeds 0, 1, ... where no others are given."""
    return compare({
        name: [one(f"{name}{i}", e, seed=(seeds or {}).get(name, range(99))[i]) for i, e in enumerate(errors)]
        for name, errors in groups.items()
    }, budgets=budgets)


def under(found: Sequence[Difference]) -> list[Difference]:
    """Those under a budget."""
    return [d for d in found if d.budget is not None]


GOOD, BAD = (0.10, 0.12, 0.11, 0.14, 0.13, 0.18), (0.21, 0.15, 0.22, 0.30, 0.17, 0.40)


def test_runs_of_equal_seeds_are_paired_whatever_their_order() -> None:
    (plain,) = under(differences(compared({"a": GOOD, "b": BAD})))
    order = [3, 0, 5, 1, 2, 4]
    shuffled = compared({"a": GOOD, "b": [BAD[i] for i in order]}, {"b": order})
    (found,) = under(differences(shuffled))
    assert found.paired
    assert (found.p, found.superiority) == (plain.p, plain.superiority) == (2 / 2**6, 1.0)
    assert found.p == pytest.approx(stats.wilcoxon(GOOD, BAD).pvalue)
    assert found.mean == pytest.approx(np.mean(BAD) - np.mean(GOOD)), "of accuracies, the first less the second"


@pytest.mark.parametrize(
    "seeds", [{"b": [10, 11, 12, 13, 14, 15]}, {"b": [0, 0, 1, 2, 3, 4]}, {"a": [0] * 6, "b": [0] * 6}],
    ids=["others", "one twice", "all equal"],
)
def test_runs_of_other_seeds_are_not_paired(seeds: dict[str, list[int]]) -> None:
    (found,) = under(differences(compared({"a": GOOD, "b": BAD}, seeds)))
    assert not found.paired
    assert found.p == pytest.approx(stats.mannwhitneyu(GOOD, BAD, method="exact").pvalue)
    assert found.superiority == np.mean([[a < b for a in GOOD] for b in BAD])


def test_a_split_of_its_own_makes_a_run_no_partner() -> None:
    groups = {name: [one(f"{name}{i}", e, seed=i, split=split) for i, e in enumerate(errors)]
              for name, errors, split in (("a", GOOD, 0), ("b", BAD, 1))}
    assert not differences(compare(groups))[0].paired


def test_ties_are_tested_exactly() -> None:
    a, b = (0.1, 0.2, 0.2, 0.3), (0.2, 0.3, 0.3, 0.4, 0.4)
    (found,) = under(differences(compared({"a": a, "b": b})))
    pooled = np.array([*a, *b])
    ranks = stats.rankdata(pooled)
    sums = np.array([ranks[list(chosen)].sum() for chosen in combinations(range(9), 4)])
    lower, upper = np.mean(sums <= ranks[:4].sum()), np.mean(sums >= ranks[:4].sum())
    assert found.p == pytest.approx(min(1.0, 2 * min(lower, upper)))
    steps = np.array([1, 1, 2, 2, -1, 3, 0]) / 100
    (paired,) = under(differences(compared({"a": [0.5] * 7, "b": list(0.5 + steps)})))
    ranks = stats.rankdata(np.abs(steps[steps != 0]).round(12))
    sums = np.array([np.dot(ranks, signs) for signs in product((0, 1), repeat=6)])
    observed = ranks[steps[steps != 0] > 0].sum()
    assert paired.p == pytest.approx(min(1.0, 2 * np.mean(sums >= observed)))
    assert paired.superiority == (5 + 0.5) / 7


def test_equal_groups_do_not_differ() -> None:
    for seeds in (None, {"b": range(20, 40)}):
        for n in (8, 12):
            found = differences(compared({"a": [0.2] * n, "b": [0.2] * n}, seeds))
            assert [(d.p, d.superiority, d.mean, d.interval) for d in found] == [(1.0, 0.5, 0.0, (0.0, 0.0))] * 2


def test_a_run_without_a_member_under_the_budget_is_the_worst_and_has_no_mean() -> None:
    errors = [*GOOD[:4], None, None]
    (found,) = under(differences(compared({"a": errors, "b": BAD}, {"b": range(10, 16)})))
    assert (found.mean, found.interval) == (None, None)
    assert found.superiority == 4 / 6
    (both,) = under(differences(compared({"a": errors, "b": [*BAD[:5], None]})))
    assert both.superiority == (4 + 0.5) / 6


def test_intervals_are_of_the_mean_and_need_five_runs() -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.normal(mean, 0.01, 40) for mean in (0.2, 0.25))
    (found,) = under(differences(compared({"a": a.tolist(), "b": b.tolist()}, {"b": range(50, 90)})))
    (again,) = under(differences(compared({"a": a.tolist(), "b": b.tolist()}, {"b": range(50, 90)})))
    assert found == again
    assert found.interval is not None
    error = math.sqrt(a.var() / 40 + b.var() / 40)
    assert found.interval == pytest.approx(
        (b.mean() - a.mean() - 1.96 * error, b.mean() - a.mean() + 1.96 * error), abs=0.2 * error
    )
    few = differences(compared({"a": a[:4].tolist(), "b": b[:4].tolist()}))
    assert all(d.interval is None and d.mean is not None for d in few)


def test_too_few_runs_are_not_tested_and_told() -> None:
    comparison = compared({"a": GOOD[:5], "b": BAD[:5]})
    found = differences(comparison)
    assert [d.p for d in found] == [None, None]
    assert "a and b have 5 pairs of runs, too few for a test: p can be below 0.05 from 6 pairs on" in remarks(
        comparison, found
    )
    comparison = compared({"a": GOOD[:3], "b": BAD[:3]}, {"b": [7, 8, 9]})
    found = differences(comparison)
    (told,) = remarks(comparison, found)
    assert told == ("a and b have 3 and 3 runs, too few for a test: p can be below 0.05 from 4 and 4 runs on")
    comparison = compared({"a": GOOD[:1], "b": BAD})
    assert differences(comparison) == []
    assert next(remarks(comparison, [])).startswith("no two groups have two runs or more, so no difference can be")


def test_p_values_are_corrected_over_budgets_and_over_groups_and_hypervolumes_by_themselves() -> None:
    groups = {"a": GOOD, "b": BAD, "c": [e + 0.05 for e in GOOD]}
    found = differences(compared(groups, budgets=[100, 200]))
    assert [(d.first, d.second, d.budget) for d in found] == [
        (*two, budget) for two in (("a", "b"), ("a", "c"), ("b", "c")) for budget in (100, 200, None)
    ]
    for family in (under(found), [d for d in found if d.budget is None]):
        ordered = sorted(family, key=lambda d: d.p or 0)
        largest = 0.0
        for i, d in enumerate(ordered):
            assert d.p is not None
            largest = max(largest, min(1.0, d.p * (len(ordered) - i)))
            assert d.adjusted == pytest.approx(largest)


def test_what_the_correction_leaves_out_of_reach_is_told() -> None:
    comparison = compared({"a": GOOD, "b": BAD}, budgets=[100, 200])
    told = " ".join(remarks(comparison, differences(comparison)))
    assert "no difference under a budget can be significant: the smallest p of these runs is 0.031, 0.062 after" in told
    assert "by hypervolume" not in told


def test_a_run_that_is_there_twice_is_told() -> None:
    comparison = compared({"a": GOOD, "b": BAD}, {"a": [0, 0, 1, 2, 3, 4]})
    assert any(line.startswith("a has runs of equal seeds") for line in remarks(comparison, differences(comparison)))


def test_with_a_baseline_all_others_are_compared_with_it_alone() -> None:
    comparison = compared({"a": GOOD, "b": BAD, "c": BAD, "single": GOOD[:1]})
    found = differences(comparison, baseline="b")
    assert [(d.first, d.second) for d in under(found)] == [("a", "b"), ("c", "b")]
    with pytest.raises(UserError, match="unknown group 'd' as baseline, there are: a, b, c, single"):
        differences(comparison, baseline="d")
    with pytest.raises(UserError, match="the baseline single is one run, and a test needs several"):
        differences(comparison, baseline="single")


def test_test_metrics_take_the_place_of_validation_metrics_where_they_are_given() -> None:
    comparison = compared({"a": GOOD, "b": BAD})
    tests = {f"{name}{i}": {0: {"test_accuracy": value}}
             for name, values in (("a", BAD), ("b", GOOD)) for i, value in enumerate(values)}
    (found,) = under(differences(comparison, tests))
    assert found.name == "test_accuracy"
    assert found.mean == pytest.approx(np.mean(BAD) - np.mean(GOOD))
    assert found.superiority == 1


def test_less_is_better_where_the_quality_is_minimised() -> None:
    names = ["val_loss", "flops"]
    groups = {
        name: [RunRecords(f"{name}{i}", [
            Record(0, 3, 0, "sample", (), "ok", {"val_loss": e, "flops": 100.0}, 0.5, 1.0, None)
        ], parse_objectives(names, [], names), 9.0, (), (i, 0)) for i, e in enumerate(errors)]
        for name, errors in (("a", GOOD), ("b", BAD))
    }
    comparison = compare(groups, budgets=[100])
    found = under(differences(comparison))
    assert found[0].superiority == 1
    assert found[0].mean is not None
    assert found[0].mean < 0
    (row,) = [line for line in to_latex(comparison, found).splitlines() if line.startswith("a &")]
    assert row.startswith(r"a & 6 & \textbf{0.1300 $\pm$ 0.0283} &")


def test_json_holds_the_differences() -> None:
    comparison = compared({"a": GOOD, "b": BAD})
    first, second = to_json(comparison, None, differences(comparison))["differences"]
    assert (first["name"], first["budget"], first["n"], first["paired"]) == ("val_accuracy", 100, (6, 6), True)
    assert (second["name"], second["budget"]) == ("hypervolume", None)
    assert first["adjusted"] == first["p"] == 2 / 2**6


# -- LaTeX


def rows(text: str) -> dict[str, list[str]]:
    """Cells by the name of the group."""
    lines = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if " & " in line]
    return {line[0]: line[1:] for line in lines}


def test_the_latex_table_has_the_best_in_bold_and_marks_what_is_significantly_worse() -> None:
    comparison = compared({"a_1": GOOD, "b&c": BAD, "few": GOOD[:2]})
    text = to_latex(comparison, differences(comparison), dataset="digits")
    found = rows(text)
    assert found[""] == ["runs", r"$\leq$\,100", "hypervolume"]
    few = [f"0.8900 $\\pm$ {np.std(GOOD[:2], ddof=1):.4f}"]
    assert found["few"][1:2] == [rf"\textbf{{{few[0]}}}"]
    assert found[r"a\_1"][1] == f"0.8700 $\\pm$ {np.std(GOOD, ddof=1):.4f}"
    assert found[r"b\&c"][1] == f"0.7583 $\\pm$ {np.std(BAD, ddof=1):.4f}", "the best is of too few runs for a test"
    assert r"too few runs for a test: a\_1 and few, b\&c and few" in text
    comparison = compared({"a_1": GOOD, "b&c": BAD})
    text = to_latex(comparison, differences(comparison), dataset="digits")
    assert rows(text)[r"b\&c"][1].endswith(r"$^\dagger$")
    assert rows(text)[r"a\_1"][1].startswith(r"\textbf{")
    assert "dagger" not in rows(text)[r"a\_1"][1]
    assert r"$^\dagger$ significantly worse than the best (Wilcoxon signed-rank test of runs paired by their" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{digits: validation accuracy of the best member"):
        assert text.count(rule) == 1
    assert text.count("{") == text.count("}")
    assert r"and hypervolume up to val\_error = 1, flops = 100 (log10 of flops)" in text


def test_the_latex_table_marks_what_differs_from_the_baseline() -> None:
    comparison = compared({"a": GOOD, "b": BAD, "c": [e + 0.2 for e in GOOD]})
    text = to_latex(comparison, differences(comparison, baseline="b"), baseline="b")
    assert [name for name, cells in rows(text).items() if "dagger" in cells[1]] == []
    assert "significantly different from b (" in text
    comparison = compared({"a": GOOD, "b": BAD})
    text = to_latex(comparison, differences(comparison, baseline="b"), baseline="b")
    assert [name for name, cells in rows(text).items() if "dagger" in cells[1]] == ["a"]


def test_a_latex_table_of_too_few_runs_says_so_and_marks_nothing() -> None:
    comparison = compared({"a": GOOD[:3], "b": [*BAD[:2], None]})
    text = to_latex(comparison, differences(comparison))
    assert "dagger" not in text
    assert "no differences were tested: there are too few runs" in text
    assert rows(text)["b"][1] == f"0.8200 $\\pm$ {np.std(BAD[:2], ddof=1):.4f} (2 of 3)"
