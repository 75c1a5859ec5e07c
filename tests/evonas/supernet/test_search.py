"""Supernet searches from samples to families, on a toy supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as Folder
from typing import Any

import numpy as np
import pytest
import torch

from evonas.capabilities.family import FoundFamily, OneShotSearch
from evonas.data.samples import Splits
from evonas.serialization.arrays import load, save
from evonas.space import Encoded
from evonas.supernet.checkpoint import CHECKPOINT, FILE, TrainedHypernet, load_hypernet, load_supernet
from evonas.supernet.hypernet import PiecewiseLinear, SimplexRBF
from evonas.supernet.optimizers import Batch, LogitLearner, WeightLearner, data_loss, first_references
from evonas.supernet.search import SupernetSearch
from evonas.supernet.settings import (
    METHODS,
    DartsSettings,
    FairSettings,
    SposSettings,
    VectorSettings,
    methods_for,
)
from evonas.supernet.steps import PathStep, RelaxedStep, StepContext, _Relaxed
from evonas.supernet.training import SupernetTraining
from evonas.training import Cancelled, Recipe, Stop
from evonas.types import Metrics, UserError
from tests.evonas.supernet.toy_supernet import PARAMS, Path, ToyRelaxable, splits

SPACE = ToyRelaxable()
SMALL: dict[str, dict[str, Any]] = {
    name: {"batch_size": 16, "threads": 1, **({"candidates": 20} if name in ("spos", "fairnas") else {})}
    for name in METHODS
}


def make(name: str, **options: Any) -> SupernetSearch[Path]:
    return SupernetSearch(SPACE, name, METHODS[name](**{**SMALL[name], **options}))


def run(
    search: SupernetSearch[Path], folder: Folder, *, epochs: int = 3, n_members: int = 6, stop: Stop | None = None,
    stop_after: int | None = None, seed: int = 0, data: Splits | None = None,
) -> FoundFamily[Path]:
    folder.mkdir(exist_ok=True)
    stop = stop or Stop()

    def report(epoch: int, n_epochs: int, metrics: Metrics) -> None:
        assert np.isfinite(metrics["train_loss"])
        if epoch == stop_after:
            stop.request()

    arguments: dict[str, Any] = {"seed": np.random.SeedSequence(seed), "stop": stop, "directory": folder}
    return search.search(data or splits(), Recipe(), n_members=n_members, epochs=epochs, report=report, **arguments)


def contents(family: FoundFamily[Path]) -> list[Any]:
    return [family.edge_updates, *(
        (member.genotype, {name: value.tobytes() for name, value in member.weights.items()})
        for member in family.members
    )]


@pytest.mark.parametrize("name", methods_for(SPACE.choices))
def test_search_ends_in_as_many_different_members_as_asked_for(name: str, tmp_path: Folder) -> None:
    search: OneShotSearch[Path] = make(name)
    assert isinstance(search, SupernetSearch)
    family = run(search, tmp_path)
    assert len({member.genotype.digest for member in family.members}) == len(family.members) == 6
    assert family.edge_updates > 0
    for member in family.members:
        network = SPACE.compile(member.genotype, member.weights).eval()
        assert bool(network(torch.from_numpy(splits().validation.x)).isfinite().all())


@pytest.mark.parametrize(("name", "options"), [
    ("hypernet-scalar", {"order": 2}), ("hypernet-vector", {}), ("gdas", {}), ("proxyless", {}), ("fairnas", {}),
])
def test_killed_search_ends_as_an_uninterrupted_one(name: str, options: dict[str, Any], tmp_path: Folder) -> None:
    search = make(name, **options)
    whole = contents(run(search, tmp_path / "whole"))
    for epoch in (1, 2):
        with pytest.raises(Cancelled):
            run(search, tmp_path / "killed", stop_after=epoch)
    assert contents(run(search, tmp_path / "killed")) == whole
    assert contents(run(search, tmp_path / "whole")) == whole


def test_a_supernet_refuses_a_teacher(tmp_path: Folder) -> None:
    with pytest.raises(ValueError, match="does not learn from a teacher"):
        make("spos").search(
            splits(), Recipe(), n_members=2, epochs=1, seed=np.random.SeedSequence(0), stop=Stop(),
            directory=tmp_path, report=lambda *_: None, teacher=np.zeros((len(splits().train), 2), np.float32),
        )


def test_a_space_without_parts_has_no_latency_to_learn_from() -> None:
    with pytest.raises(UserError, match="no parts that could be timed: set cost to 'flops' or 'params'"):
        make("proxyless", cost="latency")


    with pytest.raises(UserError, match="no parts that could be timed: name in complexity only 'flops' or 'params'"):
        make("hypernet-vector", complexity=("params", "latency"))


class Opposed(ToyRelaxable):
    """One operation has all parameters, another all FLOPs."""

    choices = replace(ToyRelaxable.choices, costs={
        "params": np.tile(np.array([0, 0, 9, 0], np.float32), (3, 1)),
        "flops": np.tile(np.array([0, 0, 0, 5e6], np.float32), (3, 1)),
    })


class Weightless(ToyRelaxable):
    """Nothing costs FLOPs."""

    choices = replace(ToyRelaxable.choices, costs={"params": np.ones((3, 4), np.float32),
                                                   "flops": np.zeros((3, 4), np.float32)})


def test_a_raised_weight_of_a_measure_lowers_that_measure_in_the_family(tmp_path: Folder) -> None:
    settings = METHODS["hypernet-vector"](  # type: ignore[call-arg]
        complexity=("params", "flops"), kappa=300.0, batch_size=16, arch_learning_rate=0.05
    )  # so short that by no complexity both of the two operations are gone
    run(replace(make("hypernet-vector"), space=Opposed(), settings=settings), tmp_path, epochs=1)
    net = load_hypernet(tmp_path, Opposed.choices)
    assert net.measures == ("params", "flops")
    logits = [net.logits(np.array([share, 1 - share])) for share in (0.1, 0.5, 0.9)]
    probabilities = [np.exp(each) / np.exp(each).sum(axis=1, keepdims=True) for each in logits]
    expected = {
        name: [float((each * costs).sum()) for each in probabilities] for name, costs in Opposed.choices.costs.items()
    }
    assert expected["params"] == sorted(expected["params"], reverse=True)
    assert expected["flops"] == sorted(expected["flops"])
    found = [net.ask(Opposed(), s).columns for s in ([0.98, 0.02], [0.02, 0.98])]
    assert 2 not in found[0]
    assert 3 not in found[1]


def test_a_measure_that_tells_no_operations_apart_is_refused_before_the_search() -> None:
    with pytest.raises(UserError, match="no operation of this space costs any flops"):
        replace(make("hypernet-vector", complexity=("params", "flops")), space=Weightless())


class Dearer(ToyRelaxable):
    """The same operations at other costs."""

    choices = replace(ToyRelaxable.choices, costs={"params": PARAMS + ToyRelaxable.choices.costs["flops"]})


def test_checkpoint_of_another_training_is_refused(tmp_path: Folder) -> None:
    run(make("spos"), tmp_path, epochs=1)
    for search, options, sentence in (
        (make("spos"), {"epochs": 2}, "expected the n_epochs 2, got 1"), (make("spos"), {"seed": 1}, "the seed"),
        (make("spos"), {"data": replace(splits(), fingerprint="other")}, r"data set \(fingerprint\) other, got none"),
        (make("spos", momentum=0.5), {}, "expected the momentum 0.5, got 0.9"),
        (make("fairnas"), {}, "expected the method FairSettings, got SposSettings"),
        (replace(make("spos"), space=Dearer()), {}, r"the costs \(digest\)"),
    ):
        with pytest.raises(UserError, match=f"is no checkpoint of this search: .*{sentence}.*delete it to begin anew"):
            run(search, tmp_path, **{"epochs": 1, **options})
    data = load(tmp_path / CHECKPOINT)
    assert data is not None
    save(tmp_path / CHECKPOINT, Encoded(data.header, {}))
    with pytest.raises(UserError, match="no checkpoint of this search"):
        run(make("spos"), tmp_path, epochs=1)


def test_searches_follow_from_their_seed(tmp_path: Folder) -> None:
    families = [contents(run(make("darts"), tmp_path / str(i), epochs=1, seed=i // 2)) for i in range(3)]
    assert families[0] == families[1] != families[2]


class Watched:
    """A supernet with its learner, and batches."""

    def __init__(self, settings: Any) -> None:
        self.settings, self.supernet = settings, SPACE.supernet(0)
        data = splits()
        self.learner = WeightLearner(self.supernet, SPACE.choices, data.task, settings)
        x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
        self.batches = Batch(x[:32], y[:32]), lambda: Batch(x[32:64], y[32:64])

    def context(self, progress: float = 0.5) -> StepContext:
        return StepContext(progress, np.random.default_rng(0), torch.Generator().manual_seed(0))


def test_fair_step_runs_every_operation_once_and_steps_once() -> None:
    watched = Watched(FairSettings(momentum=0.0))
    before = {name: value.clone() for name, value in watched.supernet.named_parameters()}
    steps: list[int] = []
    watched.learner.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    PathStep(watched.learner, SPACE, watched.settings)(*watched.batches, watched.context())
    np.testing.assert_array_equal(watched.supernet.runs[:, 1:], 1)
    assert len(steps) == 1
    changed = {name for name, value in watched.supernet.named_parameters() if not torch.equal(value, before[name])}
    assert changed == set(before)


def test_single_path_step_leaves_what_it_did_not_run_as_it_was() -> None:
    watched = Watched(SposSettings())
    before = {name: value.clone() for name, value in watched.supernet.named_parameters()}
    PathStep(watched.learner, SPACE, watched.settings)(*watched.batches, watched.context())
    ran = {f"edges.{row}.{column}." for row, column in np.argwhere(watched.supernet.runs)}
    for name, value in watched.supernet.named_parameters():
        is_run = name.startswith("head") or any(name.startswith(prefix) for prefix in ran)
        assert is_run != torch.equal(value, before[name])


def relaxed(settings: Any, progress: float = 0.5, hypernet: Any = None) -> tuple[Watched, LogitLearner, torch.Tensor]:
    watched = Watched(settings)
    hypernet = hypernet or settings.hypernet(4)
    references = first_references(hypernet.n_references, SPACE.choices, torch.Generator().manual_seed(1))
    before, logits = references.clone(), LogitLearner(references, settings.arch_learning_rate)
    step = RelaxedStep(watched.learner, logits, SPACE.choices, hypernet, settings)
    step(*watched.batches, watched.context(progress))
    return watched, logits, (logits.references - before).detach()


@pytest.mark.parametrize("bilevel", [True, False])
def test_logits_are_frozen_during_warm_up_and_cool_down_only(bilevel: bool) -> None:
    settings = DartsSettings(bilevel=bilevel, warm_up=0.2, cool_down=0.1)
    for progress, learns in ((0.19, False), (0.21, True), (0.89, True), (0.91, False)):
        assert relaxed(settings, progress=progress)[2].any() == learns


@pytest.mark.parametrize(("name", "auxiliary"), [("darts", True), ("darts", False), ("gdas", False)])
def test_rows_sum_to_one_but_for_the_auxiliary_skip(name: str, auxiliary: bool) -> None:
    watched, _, _ = relaxed(METHODS[name](auxiliary_skip=auxiliary), progress=0.25)  # type: ignore[call-arg]
    for arch in watched.supernet.arches:
        torch.testing.assert_close(arch.sum(1), torch.full((3,), 1.75 if auxiliary else 1.0))


def test_gdas_runs_one_operation_an_edge() -> None:
    watched, _, moved = relaxed(METHODS["gdas"]())
    assert watched.supernet.runs.sum(axis=1).max() <= 2  # in the step of the logits, and in that of the weights
    assert moved.any()


def test_one_level_makes_one_pass_first_order_two_and_second_order_five() -> None:
    passes = [
        len(relaxed(settings)[0].supernet.arches)
        for settings in (VectorSettings(), DartsSettings(), DartsSettings(order=2))
    ]
    assert passes == [1, 2, 5]


def test_charge_lowers_the_logits_of_what_is_charged() -> None:
    point = np.array([0.0, 0.0, 0.0, 1.0])

    class Fixed(SimplexRBF):
        def draw(self, rng: np.random.Generator) -> Any:
            return point

    settings = VectorSettings(beta_decay=0.0)
    _, _, moved = relaxed(settings, hypernet=Fixed(4, tau=0.25, kappa=1e4))
    assert (moved[3, :, 3] < 0).all()
    assert (moved[3, :, :3] > 0).all()


def test_charge_moves_the_vertices_more_than_the_centroid() -> None:
    _, logits, _ = relaxed(VectorSettings(kappa=1e4))
    gradient = logits.optimizer.state[logits.references]["exp_avg"].mean(1).abs()  # (n_references, n_operations)
    assert gradient[4].norm() < gradient.diagonal().norm()  # a single complexity would move it more than the vertices


def test_weights_and_architectures_learn_on_different_samples() -> None:
    seed = np.random.SeedSequence(0)
    two = SupernetTraining(SPACE, splits(), DartsSettings(threads=1), n_epochs=1, seed=seed)
    assert sorted([*two.seen, *two.held_out]) == list(range(240))
    one = SupernetTraining(SPACE, splits(), VectorSettings(threads=1), n_epochs=1, seed=seed)
    assert sorted(one.seen) == list(range(240))
    with pytest.raises(ValueError, match="too few"):
        SupernetTraining(SPACE, splits(2), SposSettings(threads=1), n_epochs=1, seed=seed)


def test_members_have_statistics_of_their_own(tmp_path: Folder) -> None:
    members = run(make("spos"), tmp_path).members
    deep = [m for m in members if m.genotype.columns[2] == 3 and m.genotype.columns[0] != 0]
    assert members[0].weights["edges.0.2.norm.running_mean"].any() == (members[0].genotype.columns[0] == 2)
    for member in deep:
        assert member.weights["edges.2.3.norm.running_var"].min() > 0


def test_supernet_is_left_behind(tmp_path: Folder) -> None:
    with pytest.raises(UserError, match="no supernet"):
        load_supernet(tmp_path)
    members = run(make("spos"), tmp_path).members
    weights = load_supernet(tmp_path)
    assert set(weights) == set(SPACE.supernet(0).state_dict())
    np.testing.assert_array_equal(weights["head.weight"], members[0].weights["head.weight"])


def ask(space: ToyRelaxable, net: TrainedHypernet, complexity: Sequence[float]) -> Path:
    return net.ask(space, complexity)


def test_asked_hypernet_answers_as_its_logits_say(tmp_path: Folder) -> None:
    run(make("hypernet-vector"), tmp_path)
    net = load_hypernet(tmp_path, SPACE.choices)
    point = np.array([0.1, 0.2, 0.3, 0.4])
    expected = np.tensordot(net.hypernet.coefficients(point), net.references, 1).argmax(axis=1)
    assert ask(SPACE, net, [0.1, 0.2, 0.3, 0.4]) == Path(tuple(expected.tolist()))
    with pytest.raises(ValueError, match="sum to 1"):
        ask(SPACE, net, [0.9, 0.9, 0.9, 0.9])


def test_hypernet_of_other_operations_is_refused(tmp_path: Folder) -> None:
    with pytest.raises(UserError, match="no trained hypernetwork"):
        load_hypernet(tmp_path, SPACE.choices)
    vector, references = SimplexRBF(2, 0.25, 10.0), np.zeros((3, 3, 2), np.float32)
    net = TrainedHypernet("hypernet-vector", ("a", "b"), "argmax", vector, references)
    save(tmp_path / FILE, net.encode())
    with pytest.raises(UserError, match=r"with the operations a, b, the run's space has none, skip, linear, deep"):
        load_hypernet(tmp_path, SPACE.choices)
    save(tmp_path / FILE, Encoded({"method": "darts"}, {}))
    with pytest.raises(UserError, match="is damaged"):
        load_hypernet(tmp_path, SPACE.choices)


def test_family_of_one_best_genotype_is_filled_by_samples() -> None:
    sharp = np.full((5, 3, 4), -3.0, np.float32)
    sharp[:, :, 2] = 3.0
    net = TrainedHypernet("hypernet-scalar", SPACE.choices.operations, "argmax", PiecewiseLinear(), sharp)
    family = net.family(SPACE, 8, np.random.default_rng(0))
    assert family[0] == Path((2, 2, 2))
    assert len(set(family)) == 8
    with pytest.raises(ValueError, match="only 64 different networks"):
        net.family(SPACE, 65, np.random.default_rng(0))


@pytest.mark.parametrize(("name", "options", "sentence"), [
    ("darts", {"batch_size": 1}, "at least 2, since BatchNorm needs a variance, got 1"),
    ("spos", {"arch_share": 1.0}, "arch_share"),
    ("gdas", {"learning_rate": -1.0}, "learning_rate must be positive"),
    ("gdas", {"prior": "dirichlet"}, "relaxed rows"),
    ("hypernet-vector", {"order": 2}, "needs bilevel"), ("hypernet-vector", {"tau": 0.0}, "tau must be positive"),
    ("hypernet-vector", {"complexity": ("params",)}, "complexity must be two or more different measures"),
    ("hypernet-scalar", {"log_lambda": (-4.0, -8.0)}, "ascending"), ("hypernet-scalar", {"knots": 1}, "2 knots"),
    ("proxyless", {"target": 0.0}, "target must be positive"),
    ("spos", {"label_smoothing": 1.0}, "label_smoothing must be a share from 0 to below 1, got 1.0"),
    ("darts", {"order": 2, "nesterov": True}, "looks ahead one step with plain momentum"),
    ("hypernet-vector", {"nesterov": True}, "nesterov is a kind of momentum: it needs optimizer = 'sgd'"),
    ("proxyless", {"arch_every": 0}, "arch_every must be at least 1 step, got 0"),
    ("spos", {"candidates": 0}, "candidates must be"),
    ("darts", {"warm_up": 1.0}, "warm_up"),
    ("darts", {"cool_down": 0.9}, "cool_down"), ("darts", {"beta_decay": -1.0}, "beta_decay must not be negative"),
    ("darts", {"arch_learning_rate": 0.0}, "arch_learning_rate must be positive"),
    ("darts", {"prior": "dirichlet", "prior_parameter": 0.0}, "prior_parameter must be positive"),
])
def test_bad_settings_are_refused_in_one_sentence(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        METHODS[name](**options)


@pytest.mark.parametrize("prior", ["dirichlet", "gumbel-softmax", "entropy"])
def test_priors_take_part(prior: str) -> None:
    strong = DartsSettings(prior=prior, prior_weight=1e3, prior_parameter=0.3, beta_decay=0.0)  # type: ignore[arg-type]
    without = relaxed(DartsSettings(beta_decay=0.0))[2]
    assert not torch.equal(relaxed(strong)[2].sign(), without.sign())


def test_of_two_targets_two_costs_are_learnt(tmp_path: Folder) -> None:
    reached = {}
    for target in (0.3, 1.5):
        settings = METHODS["proxyless"](  # type: ignore[call-arg]
            batch_size=16, target=target, arch_learning_rate=0.05, cost_strength=3.0
        )
        training = SupernetTraining(SPACE, splits(), settings, n_epochs=15, seed=np.random.SeedSequence(0))
        folder = tmp_path / str(target)
        folder.mkdir()
        training.run(folder, Stop(), lambda *_: None)
        assert training.logits is not None
        costs = torch.from_numpy(SPACE.choices.costs["flops"])
        expected = (training.logits.references.detach()[0].softmax(-1) * costs).sum()
        reached[target] = float(expected / costs.mean(1).sum())
    assert reached == pytest.approx({0.3: 0.3, 1.5: 1.5}, rel=0.25)


@pytest.mark.parametrize("one_sided", [True, False])
def test_below_the_target_nothing_is_charged_where_it_is_one_sided(one_sided: bool, tmp_path: Folder) -> None:
    settings = METHODS["proxyless"](  # type: ignore[call-arg]
        batch_size=16, target=100.0, one_sided=one_sided, cost_strength=1e6, arch_learning_rate=0.2, warm_up=0.0
    )
    training = SupernetTraining(SPACE, splits(), settings, n_epochs=3, seed=np.random.SeedSequence(0))
    training.run(tmp_path, Stop(), lambda *_: None)
    assert training.logits is not None
    costliest = training.logits.references.detach()[0].softmax(-1)[:, 3].mean()
    assert (float(costliest) > 0.6) == (not one_sided)


def test_logits_learn_in_every_so_many_steps_counted_through_all_epochs(tmp_path: Folder) -> None:
    settings = METHODS["proxyless"](batch_size=40, warm_up=0.0, arch_every=3)  # type: ignore[call-arg]
    training = SupernetTraining(SPACE, splits(), settings, n_epochs=2, seed=np.random.SeedSequence(0))
    training.run(tmp_path, Stop(), lambda *_: None)
    assert training.logits is not None
    (state,) = training.logits.optimizer.state.values()
    assert int(state["step"]) == 2  # of the six steps of two epochs the third and the sixth


def test_the_rate_falls_along_a_cosine_or_a_line() -> None:
    rates = {}
    for schedule in ("cosine", "linear"):
        settings = SposSettings(learning_rate=1.0, last_learning_rate=0.2, schedule=schedule)  # type: ignore[arg-type]
        learner = WeightLearner(SPACE.supernet(0), SPACE.choices, splits().task, settings)
        rates[schedule] = [learner.rate(progress) for progress in (0.0, 0.25, 0.5, 1.0)]
    assert rates["linear"] == pytest.approx([1.0, 0.8, 0.6, 0.2])
    assert rates["cosine"] == pytest.approx([1.0, 0.2 + 0.4 * (1 + 2**-0.5), 0.6, 0.2])


def test_labels_are_smoothed_where_weights_learn_and_nowhere_else(tmp_path: Folder) -> None:
    seen: dict[str, set[float]] = {"weights": set(), "arch": set()}

    class Spy(SupernetTraining[Path]):
        def _make_step(self) -> Any:
            step = super()._make_step()

            def spied(for_weights: Batch, for_arch: Any, context: StepContext) -> float:
                seen["weights"].add(for_weights.smoothing)
                seen["arch"].add(for_arch().smoothing)
                return step(for_weights, for_arch, context)

            return spied

    settings = DartsSettings(batch_size=40, label_smoothing=0.1)
    Spy(SPACE, splits(), settings, n_epochs=1, seed=np.random.SeedSequence(0)).run(tmp_path, Stop(), lambda *_: None)
    assert seen == {"weights": {0.1}, "arch": {0.0}}


def test_a_smoothed_loss_is_that_of_smoothed_targets_with_factors_and_without() -> None:
    task, generator = splits().task, torch.Generator().manual_seed(0)
    outputs, y = torch.randn(6, task.n_outputs, generator=generator), torch.arange(6) % task.n_outputs
    told = torch.nn.functional.one_hot(y, task.n_outputs) * 0.9 + 0.1 / task.n_outputs
    losses = -(told * outputs.log_softmax(1)).sum(1)
    torch.testing.assert_close(data_loss(outputs, Batch(outputs, y, None, 0.1), task), losses.mean())
    weight = torch.rand(6, generator=generator)
    torch.testing.assert_close(data_loss(outputs, Batch(outputs, y, weight, 0.1), task), (losses * weight).mean())


def test_later_fields_change_no_checkpoint_of_an_older_search() -> None:
    assert not METHODS["hypernet-vector"]().identity.keys() & {"temperature", "complexities", "charge"}
    assert METHODS["gdas"](temperature=(10.0, 0.1)).identity["temperature"] == (10.0, 0.1)  # type: ignore[call-arg]
    assert METHODS["spos"]().identity["candidates"] == 200
    assert not METHODS["proxyless"]().identity.keys() & {"schedule", "arch_every", "nesterov", "label_smoothing"}


class Headed(ToyRelaxable):
    """Its last layer can be replaced."""

    choices = replace(ToyRelaxable.choices, classifier=("head.weight", "head.bias"))


def test_a_classifier_for_every_knot_is_mixed_for_each_member_and_outlives_a_kill(tmp_path: Folder) -> None:
    search = replace(make("hypernet-scalar", learning_rate=0.1), space=Headed())
    search = replace(search, settings=replace(search.settings, classifier="piecewise-linear"))  # type: ignore[call-arg]
    whole = run(search, tmp_path / "whole")
    heads = {member.weights["head.weight"].tobytes() for member in whole.members}
    assert len(heads) > 1
    with pytest.raises(Cancelled):
        run(search, tmp_path / "killed", stop_after=1)
    assert contents(run(search, tmp_path / "killed")) == contents(whole)


@pytest.mark.parametrize(("name", "options", "sentence"), [
    ("darts", {"noise_per_image": True}, "runs one architecture a batch: set noise_per_image to false"),
    ("hypernet-scalar", {"classifier": "piecewise-linear"}, "names no last layer of its own"),
])
def test_what_a_spaces_supernet_cannot_do_is_refused(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(name, **options)


def test_beta_decay_grows_along_the_search() -> None:
    settings = DartsSettings(beta_decay=0.0, beta_decay_last=50.0)
    decays = []
    for progress in (0.0, 0.5, 1.0):
        context = StepContext(progress, np.random.default_rng(0), torch.Generator())
        references = torch.zeros(1, 3, 4)
        decays.append(_Relaxed(settings.hypernet(4), settings, SPACE.choices, references, context, 8).decay)
    assert decays == [0.0, 25.0, 50.0]


def test_a_step_draws_as_many_complexities_as_it_is_told() -> None:
    drawn: list[int] = []

    class Counting(SimplexRBF):
        def draw(self, rng: np.random.Generator) -> Any:
            drawn.append(1)
            return super().draw(rng)

    for n in (1, 32):
        drawn.clear()
        relaxed(VectorSettings(complexities=n), hypernet=Counting(4, tau=0.25, kappa=1.0))
        assert len(drawn) == n


@pytest.mark.parametrize(("name", "options", "sentence"), [
    ("gdas", {"temperature": (1.0, 0.0)}, "temperature must be two positive numbers"),
    ("hypernet-vector", {"complexities": 0}, "complexities must be at least 1"),
    ("darts", {"beta_decay_last": -1.0}, "beta_decay_last must be finite and not negative"),
    ("darts", {"prior": "dirichlet", "noise_per_image": True}, "is of one draw of rows"),
])
def test_bad_published_settings_are_refused_in_one_sentence(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        METHODS[name](**options)
