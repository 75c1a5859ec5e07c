"""What an estimator uses in the end: picked by folds, trained on all samples."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas import EvoClassifier
from evonas import front as fronts
from evonas.run.open import load_splits, open_run
from evonas.run.refit import module, packages, settle, standings

SMALL = {"generations": 6, "population": 8, "epochs": 20, "random_state": 0}


def moons(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classes of two features that only distances tell apart: a disc and the ring around it, with a few errors."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, n), rng.normal(np.where(labels, 2.0, 0.7), 0.2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), np.where(labels, "ring", "disc")


def images(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(0), np.arange(n) % 2
    x = rng.normal(size=(n, 6, 6))
    x[y == 1, :3] += 2
    return x, y


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("refit") / "run"
    EvoClassifier(**SMALL, out=out).fit(*moons(150))
    return out


def test_tables_of_two_features_are_learnt_by_their_distances() -> None:
    classifier = EvoClassifier(generations=3, population=8, random_state=0).fit(*moons(400))
    assert classifier.score(*moons(400, seed=1)) > 0.97


def test_equal_arguments_give_the_same_network_whatever_the_jobs(run: Path) -> None:
    with open_run(run) as opened:
        splits = load_splits(opened)
        first, second = (settle(opened, splits, n_jobs=n) for n in (1, 2))
    assert first.id == second.id
    assert first.refitted
    assert [s.loss for s in first.standings] == [s.loss for s in second.standings]
    for name, array in first.networks[first.id].weights.items():
        assert np.array_equal(array, second.networks[first.id].weights[name])


def test_the_weights_are_those_of_all_samples_and_the_network_is_the_individuals(run: Path) -> None:
    with open_run(run) as opened:
        final = settle(opened, load_splits(opened))
        network, member = final.networks[final.id], opened.store.member(final.id)
        searched = opened.store.weights(*member.evaluation.key)
        (package,) = packages(opened, final).values()
    assert network.genotype == member.genotype
    assert searched is not None
    assert not np.array_equal(network.weights["edge"], searched["edge"])
    assert package.weights is network.weights
    assert package.source["weights"] == "weights trained anew on all samples"


def test_a_network_that_was_chosen_is_not_pruned_further(run: Path) -> None:
    with open_run(run) as opened:
        training = {**opened.config.training, "pruning": {"edges": 8, "end": 0.5, "every": 5}, "patience": 1}
        pruning = replace(opened, config=opened.config.model_copy(update={"training": training}))
        final = settle(pruning, load_splits(opened))
        for id, network in final.networks.items():
            assert network.genotype == opened.store.member(id).genotype


def test_where_no_time_is_left_the_search_has_the_last_word(run: Path) -> None:
    with open_run(run) as opened:
        final = settle(opened, load_splits(opened), deadline=time.monotonic() - 1)
        member = opened.store.member(final.id)
        searched = opened.store.weights(*member.evaluation.key)
        best = module(opened, final)
    assert not final.refitted
    assert not final.standings
    assert searched is not None
    assert np.array_equal(final.networks[final.id].weights["edge"], searched["edge"])
    assert best.header["source"]["weights"] == "weights of the search"


def test_one_standard_error_buys_the_smallest_network_that_is_not_further_behind(run: Path) -> None:
    with open_run(run) as opened:
        final = settle(opened, load_splits(opened), pick="one-se")
        flops = {r.id: r.metrics["flops"] for r in opened.store.records()}
    near = [s.entrant.id for s in final.standings if s.behind <= s.error]
    assert len(final.standings) > 1
    assert flops[final.id] == min(flops[id] for id in near)
    assert standings(final).columns.tolist() == ["id", "epochs", "loss", "behind", "error"]
    assert standings(final).id[0] == final.id


def test_bounds_hold_for_what_is_picked_though_larger_networks_are_better(run: Path) -> None:
    with open_run(run) as opened:
        splits = load_splits(opened)
        bound = sorted(r.metrics["flops"] for r in opened.store.records())[1]
        final = settle(opened, splits, pick={"flops": bound})
        flops = {r.id: r.metrics["flops"] for r in opened.store.records()}
        assert flops[final.id] <= bound
        assert all(flops[s.entrant.id] <= bound for s in final.standings)


def test_an_ensemble_averages_the_probabilities_of_the_best() -> None:
    x, y = moons(150)
    classifier = EvoClassifier(**SMALL, ensemble=3).fit(x, y)
    members: Any = classifier.model_.members
    assert len(members) == 3
    import torch

    with torch.no_grad():
        each = [member(torch.from_numpy(x)).softmax(1).numpy() for member in members]
    assert np.allclose(classifier.predict_proba(x), np.mean(each, axis=0), atol=1e-5)
    assert classifier.id_ in classifier.front_.index


def test_images_go_on_from_the_weights_of_the_search(tmp_path: Path) -> None:
    EvoClassifier(generations=0, population=2, epochs=2, random_state=0, out=tmp_path / "run").fit(*images(40))
    with open_run(tmp_path / "run") as opened:
        final = settle(opened, load_splits(opened))
        best = opened.store.member(final.id)
        searched = opened.store.weights(*best.evaluation.key)
    assert final.refitted
    assert not final.is_fresh
    assert not final.standings
    assert searched is not None
    correlation = np.corrcoef(final.networks[final.id].weights["edge"], searched["edge"])[0, 1]
    assert correlation > 0.9, "it must have gone on from them"
    assert final.id == best.individual.id


def test_of_few_samples_a_founder_that_nothing_was_chosen_by_has_the_benefit_of_the_doubt(run: Path) -> None:
    with open_run(run) as opened:
        final = settle(opened, load_splits(opened))
        records = {r.id: r for r in opened.store.records()}
        unchosen = {
            id for id, r in records.items()
            if r.generation == 0 and opened.store.individual(id).genotype == opened.store.member(id).genotype
        }
        near = {s.entrant.id for s in final.standings if s.behind <= 2 * s.error}
    assert unchosen
    largest = sorted(unchosen, key=lambda id: (-records[id].metrics["edges"], id))[:2]
    expected = [id for id in largest if id in near]
    assert not expected or final.id == expected[0]


def test_of_images_the_smallest_within_a_standard_error_is_taken_and_ensembles_are_as_large_as_asked_for(
    tmp_path: Path,
) -> None:
    EvoClassifier(generations=2, population=6, epochs=3, random_state=0, out=tmp_path / "run").fit(*images(60))
    with open_run(tmp_path / "run") as opened:
        splits = load_splits(opened)
        front = {r.id: r.metrics for r in fronts.front(opened.store.records(), opened.objectives)}
        thrifty, several = settle(opened, splits, pick="one-se"), settle(opened, splits, n_networks=2)
    assert len(front) > 1
    best = min(front, key=lambda id: front[id]["trainval_error"])
    assert front[thrifty.id]["flops"] <= front[best]["flops"]
    assert several.id == best
    assert len(several.networks) == 2


def test_a_founder_that_no_fold_has_judged_is_not_put_before_the_searchs_best(run: Path) -> None:
    with open_run(run) as opened:
        final = settle(opened, load_splits(opened), deadline=time.monotonic() - 1, n_networks=2)
        errors = {r.id: r.metrics["trainval_error"] for r in opened.store.records() if r.metrics["edges"] >= 40}
    assert len(final.networks) == 2, "they have the weights of the search"
    assert errors[final.id] == min(errors.values())


def test_the_searchs_metrics_are_not_said_of_weights_that_were_trained_on_its_validation_samples(run: Path) -> None:
    with open_run(run) as opened:
        final = settle(opened, load_splits(opened))
        (package,) = packages(opened, final).values()
    assert package.metrics["flops"] > 0
    assert not [name for name in package.metrics if name.startswith(("val_", "trainval_", "train_"))]


def test_a_time_limit_that_the_generations_do_not_need_changes_nothing() -> None:
    x, y = moons(60)
    free, limited = (EvoClassifier(**SMALL, time_limit=limit).fit(x, y) for limit in (None, 90))
    assert limited.finalists_.equals(free.finalists_)
    assert (limited.predict_proba(x) == free.predict_proba(x)).all()
