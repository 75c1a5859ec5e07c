"""Significance of differences between groups of runs with different seeds: tests, effect sizes and intervals.

Runs are few and their results not normally distributed, so the tests are rank tests (Arcuri 2014,
https://doi.org/10.1002/stvr.1486; Derrac 2011, https://doi.org/10.1016/j.swevo.2011.02.002). If two groups have the
same seeds, their runs are pairs and the test is Wilcoxon's signed-rank test (Wilcoxon 1945,
https://doi.org/10.2307/3001968); else it is the U test (Mann 1947, https://doi.org/10.1214/aoms/1177730491). Both are
two-sided, and exact if runs are few. With more comparisons, more of them look large by chance: p-values are corrected
(Holm 1979, https://www.jstor.org/stable/4615733), those of the budgets together and those of the hypervolume
separately.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from evonas.report.compare import Comparison, RunResult
from evonas.report.measures import Measure, Tests, hypervolumes, qualities
from evonas.types import Doubles, UserError, suggestion

#: Significance level: a corrected p-value below it is significant.
ALPHA = 0.05
#: Smallest number of runs for a bootstrap: fewer have too few different means, and the interval is far too narrow.
FEWEST_RESAMPLED = 5
N_RESAMPLES = 9999
#: Largest number of divisions of the runs into two groups that are all tried, with or without ties: those of 8 and 8
#: runs.
MOST_DIVISIONS = 20_000
#: Digits to which differences of shares are rounded: otherwise equal ones would differ by rounding errors.
DIGITS = 12


class Difference(NamedTuple):
    """Difference between two groups in one measure.

    Attributes:
        name: Name of the measure, like ``val_accuracy`` or ``hypervolume``.
        budget: Budget of the measure; None for the hypervolume.
        first, second: Names of the groups.
        n: Number of runs in each.
        paired: Whether their runs are pairs of equal seeds.
        mean: Mean of the first less that of the second; None if a run has no member under the budget.
        interval: 95 % percentile bootstrap interval of the mean (Efron 1979, https://doi.org/10.1214/aos/1176344552);
            None without a mean, and below :data:`FEWEST_RESAMPLED` runs.
        superiority: Probability that the first is the better one, in a pair or among any two runs (Vargha 2000,
            https://doi.org/10.3102/10769986025002101); equal ones count half.
        p: p-value of the test; None if there are too few runs for any significant result.
        adjusted: p-value after Holm's correction.
    """

    name: str
    budget: float | None
    first: str
    second: str
    n: tuple[int, int]
    paired: bool
    mean: float | None
    interval: tuple[float, float] | None
    superiority: float
    p: float | None
    adjusted: float | None = None


def differences(
    comparison: Comparison, tests: Tests | None = None, *, baseline: str | None = None
) -> list[Difference]:
    """Differences between every two groups of at least two runs: under each budget, then by hypervolume.

    Args:
        comparison: The comparison.
        tests: Test metrics; the qualities are then those of the test set.
        baseline: The group that all others are compared with; None for every two groups.

    Raises:
        UserError: There is no such group, or it has one run.
    """
    names = [name for name, runs in comparison.groups.items() if len(runs) > 1]
    if baseline is None:
        rivals = list(combinations(names, 2))
    elif baseline not in comparison.groups:
        raise UserError(f"unknown group {baseline!r} as baseline{suggestion(baseline, comparison.groups)}")
    elif baseline not in names:
        raise UserError(f"the baseline {baseline} is one run, and a test needs several: name them like "
                        f"{baseline}=RUN,RUN,RUN")
    else:
        rivals = [(name, baseline) for name in names if name != baseline]
    by_budget, by_volume = qualities(comparison, tests), hypervolumes(comparison)
    at_budgets = _corrected([_difference(m, comparison.groups, *two) for two in rivals for m in by_budget])
    of_volume = _corrected([_difference(by_volume, comparison.groups, *two) for two in rivals])
    n = len(by_budget)
    return [d for i, last in enumerate(of_volume) for d in (*at_budgets[i * n : (i + 1) * n], last)]


def _difference(measure: Measure, groups: Mapping[str, Sequence[RunResult]], first: str, second: str) -> Difference:
    order = _pairing(groups[first], groups[second])
    paired, values = order is not None, [list(measure.values[name]) for name in (first, second)]
    if order is not None:
        values[1] = [values[1][i] for i in order]
    a, b = (_scores(each, measure.maximised) for each in values)
    n = (len(a), len(b))
    p = None if smallest_p(n, paired=paired) >= ALPHA else _p_value(a, b, paired=paired)
    mean, interval = _mean_difference(*values, paired=paired)
    superiority = _superiority(_steps(a, b) if paired else _steps(a[:, None], b))
    return Difference(measure.name, measure.budget, first, second, n, paired, mean, interval, superiority, p)


def _pairing(first: Sequence[RunResult], second: Sequence[RunResult]) -> list[int] | None:
    """The index of each first run's partner in the second group; None unless all runs have exactly one partner."""
    keys, others = ([run.pair for run in runs] for runs in (first, second))
    if None in keys or len(set(keys)) < len(keys) or len(keys) != len(others) or set(keys) != set(others):
        return None
    return [others.index(key) for key in keys]


def _scores(values: Sequence[float | None], maximised: bool) -> Doubles:
    """Scores of runs, ``(n,)``, of which larger is better.

    A run without a member under the budget gets the worst rank (Lachin 1999,
    https://doi.org/10.1016/S0197-2456(99)00022-7): left out, it would favour the group that failed.
    """
    sign = 1 if maximised else -1
    return np.array([-np.inf if value is None else sign * value for value in values])


def _steps(a: Doubles, b: Doubles) -> Doubles:
    """Differences ``a - b``; 0 if both are equal or both are missing."""
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, np.round(a - b, DIGITS))


def _superiority(steps: Doubles) -> float:
    return float(np.mean(steps > 0) + np.mean(steps == 0) / 2)


def smallest_p(n: tuple[int, int], *, paired: bool) -> float:
    """The smallest possible p-value: that of two groups of which every run of one is better than all of the other.

    Args:
        n: Number of runs in each.
        paired: Whether the test is the signed-rank test.
    """
    return min(1.0, 2 / 2 ** n[0] if paired else 2 / math.comb(sum(n), n[0]))


def _p_value(a: Doubles, b: Doubles, *, paired: bool) -> float:
    """The two-sided p-value; zero differences are left out of the signed-rank test, as its author does.

    Args:
        a: Scores of the first group.
        b: Scores of the second group, in the order of the pairs if ``paired``.
        paired: Whether to use the signed-rank test instead of the U test.
    """
    from scipy import stats

    if paired:
        steps = _steps(a, b)
        return float(stats.wilcoxon(steps).pvalue) if steps.any() else 1.0
    a, b = np.round(a, DIGITS), np.round(b, DIGITS)
    if math.comb(len(a) + len(b), len(a)) <= MOST_DIVISIONS:
        every = stats.PermutationMethod(n_resamples=MOST_DIVISIONS)
        return float(stats.mannwhitneyu(a, b, method=every).pvalue)
    return float(stats.mannwhitneyu(a, b).pvalue) if len({*a, *b}) > 1 else 1.0


def _mean_difference(
    first: Sequence[float | None], second: Sequence[float | None], *, paired: bool
) -> tuple[float | None, tuple[float, float] | None]:
    if None in (*first, *second):
        return None, None
    a, b = np.array(first, np.float64), np.array(second, np.float64)
    mean = float(a.mean() - b.mean())
    if min(len(a), len(b)) < FEWEST_RESAMPLED:
        return mean, None
    from scipy import stats

    def apart(x: Doubles, y: Doubles, axis: int = -1) -> Doubles:
        difference: Doubles = x.mean(axis=axis) - y.mean(axis=axis)
        return difference

    rng = np.random.default_rng(0)  # so that the same runs have the same interval
    drawn = stats.bootstrap((a, b), apart, paired=paired, method="percentile", n_resamples=N_RESAMPLES, rng=rng)
    return mean, (float(drawn.confidence_interval.low), float(drawn.confidence_interval.high))


def _corrected(family: Sequence[Difference]) -> list[Difference]:
    """The differences with Holm's p-values over all of them that were tested."""
    tested = sorted((d.p, i) for i, d in enumerate(family) if d.p is not None)
    adjusted, highest = dict[int, float](), 0.0
    for n_before, (p, i) in enumerate(tested):
        highest = max(highest, min(1.0, p * (len(tested) - n_before)))
        adjusted[i] = highest
    return [d._replace(adjusted=adjusted.get(i)) for i, d in enumerate(family)]


def remarks(comparison: Comparison, found: Sequence[Difference]) -> Iterator[str]:
    """Sentences about the tests, and about comparisons with too few runs."""
    for name, runs in comparison.groups.items():
        pairs = [run.pair for run in runs if run.pair is not None]
        if len(set(pairs)) < len(pairs):
            yield f"{name} has runs of equal seeds: where these are one run repeated, tests take it for several results"
    if not found:
        yield "no two groups have two runs or more, so no difference can be tested: name seeds like NAME=RUN,RUN,RUN"
        return
    if tests := tests_made(found):
        yield (f"p is of the {tests}, two-sided, after Holm's correction for {families(found)}; superiority: how "
               f"likely the first group is the better one; a run without a member under a budget counts as the worst")
    for untested in dict.fromkeys((d.first, d.second, d.n, d.paired) for d in found if d.p is None):
        yield _too_few(*untested)
    yield from _out_of_reach(found)


def tests_made(found: Sequence[Difference]) -> str:
    """Names of the tests that were made; empty if there were none."""
    made = {d.paired for d in found if d.p is not None}
    names = {True: "Wilcoxon signed-rank test of runs paired by their seeds", False: "Mann-Whitney U test"}
    return " or, of runs with other seeds, the ".join(names[paired] for paired in (True, False) if paired in made)


def families(found: Sequence[Difference]) -> str:
    """The numbers of p-values that were corrected together, as a text."""
    counts = [sum((d.budget is None) == of_volume and d.p is not None for d in found) for of_volume in (False, True)]
    return f"{counts[0]} comparisons under budgets and for {counts[1]} of hypervolumes"


def _too_few(first: str, second: str, n: tuple[int, int], paired: bool) -> str:
    enough = next(k for k in range(2, 99) if smallest_p((k, k), paired=paired) < ALPHA)
    have = f"{n[0]} pairs of runs" if paired else f"{n[0]} and {n[1]} runs"
    need = f"{enough} pairs" if paired else f"{enough} and {enough} runs"
    return f"{first} and {second} have {have}, too few for a test: p can be below {ALPHA:g} from {need} on"


def _out_of_reach(found: Sequence[Difference]) -> Iterator[str]:
    """Sentences for measures whose correction rules out any significant result."""
    for what, family in (("under a budget", [d for d in found if d.budget is not None]),
                         ("by hypervolume", [d for d in found if d.budget is None])):
        tested = [smallest_p(d.n, paired=d.paired) for d in family if d.p is not None]
        if tested and min(tested) * len(tested) >= ALPHA:
            yield (f"no difference {what} can be significant: the smallest p of these runs is {min(tested):.2g}, "
                   f"{min(1.0, min(tested) * len(tested)):.2g} after the correction; more seeds, fewer --budgets or a "
                   f"--baseline would change that")
