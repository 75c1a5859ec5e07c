"""Laws of all proxies, on networks of all spaces."""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from evonas.data.samples import Samples, Splits
from evonas.evaluation.proxies import JOINED, MEASURED, PROXIES, fitting
from evonas.evaluation.proxies.compute import SCORES, Score, compute
from evonas.evaluation.proxies.evaluator import ProxyEvaluator
from evonas.evaluation.proxies.networks import Unfit
from evonas.evaluation.proxies.reg_swap import PUBLISHED, WIDTH
from evonas.evaluation.proxies.scorer import N_SIZES, Scorer
from evonas.objectives.metrics import METRICS
from evonas.run.examples import example_of
from evonas.run.plugins import available_spaces
from evonas.space import SearchSpace
from evonas.testing import MetricContract, ProxyContract
from evonas.types import Task, UserError
from tests.evonas.evaluation.proxies.networks_to_score import IMAGES, batch_for, sampled, spaces

SPACES = ("nasbench201", "darts", "block", "mbconv", "cnn", "neuron", "neuron-norm", "neuron-plain")


@cache
def network_of(space: str) -> nn.Module:
    found, genotype = spaces()[space]
    return found.compile(genotype)


class TestScores(ProxyContract):
    batch = batch_for(IMAGES)

    @pytest.fixture(params=sorted(SCORES))
    def score(self, request: pytest.FixtureRequest) -> Score:
        return partial(compute, request.param)

    @pytest.fixture(params=SPACES)
    def network(self, request: pytest.FixtureRequest) -> nn.Module:
        return network_of(request.param)


class TestProxiesAsMetrics(MetricContract):
    @pytest.fixture
    def space(self) -> SearchSpace[Any]:
        return sampled("cnn")[0]

    @pytest.fixture
    def metric(self, space: SearchSpace[Any]) -> ProxyEvaluator[Any]:
        return ProxyEvaluator(_scorer(space, IMAGES), ("snip", "naswot"))


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"epe_nas", "vkdnw"}))
def test_regressions_have_all_proxies_that_need_no_classes(name: str) -> None:
    task = Task("regression", (12,), 2)
    space, genotype = sampled("neuron", task)
    assert math.isfinite(compute(name, space.compile(genotype), batch_for(task)))
    assert name in fitting(task)


def test_every_proxy_is_one_file_with_source_and_direction() -> None:
    assert {*SCORES, *JOINED} == set(PROXIES)
    assert set(MEASURED) <= METRICS.keys()
    for name in PROXIES:
        text = re.sub(r"\s+", " ", importlib.import_module(f"evonas.evaluation.proxies.{name}").__doc__ or "")
        assert text.startswith(f"{name}: ")
        assert re.search(r"[A-Z][a-z]+ (19|20)\d\d,? .*https://", text), name
        assert "Higher is better" in text
        assert name in ("params", "flops", *JOINED) or METRICS[name].goal == "max"


def test_no_score_depends_on_the_other_candidates_or_on_their_order() -> None:
    space, _ = sampled("cell", channels=2, cells=3, nodes=2)
    rng = np.random.default_rng(0)
    genotypes = [space.sample(rng) for _ in range(3)]
    scorer, names = _scorer(space, IMAGES), ["naswot", "synflow", "vote"]
    table, reverse = (scorer.table(order, names) for order in (genotypes, genotypes[::-1]))
    for name in names:
        np.testing.assert_array_equal(table[name], reverse[name][::-1])
    assert table["naswot"][1] == scorer.table(genotypes[1:2], ["naswot"])["naswot"][0]


def test_networks_of_every_space_are_scored() -> None:
    scored = {type(space) for space, _ in spaces().values()}
    assert {type(example_of(name).space) for name in available_spaces()} <= scored
    assert {*SPACES} == spaces().keys()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", sorted(SCORES))
def test_no_score_that_is_not_finite_is_a_value(name: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evonas.evaluation.proxies.compute.SCORES", {**SCORES, name: lambda *_: value})
    with pytest.raises(FloatingPointError, match=f"{name} is "):
        compute(name, network_of("cnn"), batch_for(IMAGES))
    space, genotype = spaces()["cnn"]
    found, failed = _scorer(space, IMAGES).scores(genotype, [name])
    assert found == {}
    assert failed[name].startswith("FloatingPointError: ")


def test_joined_ranks_are_sums_of_logarithms_and_failures_stay_out() -> None:
    from evonas.evaluation.proxies.scorer import joined

    result = joined([np.array([1.0, 5.0, 3.0, np.nan]), np.array([2.0, 2.0, 9.0, 1.0])])
    expected = [math.log(1 / 3) + math.log(1.5 / 3), math.log(1.5 / 3), math.log(2 / 3)]
    np.testing.assert_allclose(result[:3], expected)
    assert np.isnan(result[3])


def test_reg_swap_prefers_the_sizes_of_the_space_or_those_that_are_set() -> None:
    space, genotype = spaces()["nasbench201"]
    scorer = _scorer(space, IMAGES)
    rng = np.random.default_rng(scorer.seed)
    largest = max(space.cost(space.sample(rng))["params"] for _ in range(N_SIZES)) / 1000
    found = scorer.scores(genotype, ["swap", "reg_swap", "params"])[0]
    log_swap, size = math.log(found["swap"]), found["params"] / 1000

    def expected(mu: float, sigma: float) -> float:
        return log_swap - (size - mu) ** 2 / sigma

    assert found["reg_swap"] == pytest.approx(expected(largest, WIDTH * largest**2))
    given = replace(scorer, sizes=PUBLISHED).scores(genotype, ["reg_swap"])[0]
    assert given["reg_swap"] == pytest.approx(expected(40, 40))


def _scorer(space: Any, task: Task) -> Scorer[Any]:
    batch = batch_for(task, 16)
    samples = Samples(batch.x.numpy(), batch.y.numpy())
    return Scorer(space, Splits("noise", task, samples, samples, ""), n_samples=16)


class Linear:
    """A space whose only network has no ReLU and no second layer."""

    def sample(self, rng: np.random.Generator) -> int:
        return 0

    def compile(self, genotype: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))


@pytest.mark.parametrize(("name", "message"), [
    ("naswot", "cannot have the proxy naswot: it has no ReLU"), ("az_nas", "cannot have the proxy az_nas"),
    ("nasswot", r"unknown proxy 'nasswot', did you mean 'naswot'\?"),
])
def test_a_proxy_that_the_networks_cannot_have_is_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _scorer(Linear(), IMAGES).check(["snip", name])
    _scorer(Linear(), IMAGES).check(["snip", "synflow"])


def test_a_network_without_weights_has_no_proxy_of_weights() -> None:
    with pytest.raises(Unfit, match="no layer with weights"):
        compute("snip", nn.Flatten(), batch_for(IMAGES))


def test_a_score_that_is_not_finite_is_a_failure_not_a_value() -> None:
    dead = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 4))
    with torch.no_grad():
        dead[1].weight.zero_()
        dead[1].bias.zero_()
    batch = batch_for(IMAGES)
    for name in ("synflow", "naswot", "jacob_cov"):
        with pytest.raises((FloatingPointError, torch.linalg.LinAlgError)):
            compute(name, dead, batch)
