"""Networks of the search on targets: they give what torch gives, and their flash is known before they are linked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from evonas.capabilities.export import Precision
from evonas.data import load
from evonas.data.samples import Splits
from evonas.evaluation import on_targets
from evonas.evaluation.deployment import DeploymentEvaluator, deployment_names
from evonas.evaluation.on_targets import measure_on_targets, target_names
from evonas.objectives.metrics import ON_TARGET, target_metric
from evonas.runtimes.targets import Figures, Target, built_in_targets, code_bytes
from evonas.runtimes.targets.flash_estimate import _plain
from evonas.space import Phenotype
from evonas.training import Stop, TrialTimeout
from evonas.types import Task
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.space import NeuronSpace, create
from search_spaces.neuron.trainer.base import Norm
from search_spaces.neuron.weights import fresh
from tests.evonas.runtimes.targets.targets_of_tests import EXPORT, measured, program, reason_to_skip

TARGETS = built_in_targets()


def usable(name: str) -> Target:
    if reason := reason_to_skip(TARGETS[name]):
        pytest.skip(reason)
    return TARGETS[name]


@pytest.fixture(scope="module")
def digits() -> Splits:
    return load("digits", n_train=200)


def networks(splits: Splits, norm: Norm, n: int) -> tuple[NeuronSpace, list[Phenotype[NeuronGenotype]]]:
    """Networks of several sizes and depths with fresh weights."""
    space = create(splits.task, {"edges": [60, 2500], "norm": norm})
    rng, found = np.random.default_rng(4), []
    for _ in range(n):
        genotype = space.sample(rng)
        for _ in range(3):
            genotype = space.mutate(genotype, rng).genotype
        found.append(Phenotype(genotype, fresh(genotype, rng)))
    return space, found


@pytest.mark.parametrize(("norm", "n"), [("layer-affine", 3), ("none", 2)])
@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "rv32imc"])
def test_every_network_gives_what_torch_gives_and_flash_is_estimated_to_three_percent(
    name: str, norm: Norm, n: int, digits: Splits
) -> None:
    target = usable(name)
    space, phenotypes = networks(digits, norm, n)
    for phenotype in phenotypes:
        names = target_names(space, [target])
        metrics = measure_on_targets(space, digits, phenotype, names, [target], Stop())
        assert metrics.keys() == set(names)
        for prefix in ("", "int8_"):
            flash, estimate = (metrics[f"{prefix}{kind}@{name}"] for kind in ("flash", "flash_estimate"))
            assert abs(estimate / flash - 1) <= 0.03
            assert metrics[f"{prefix}instructions@{name}"] > phenotype.genotype.n_edges
            assert metrics[f"{prefix}ram@{name}"] > 4 * digits.task.n_outputs
        assert metrics[f"int8_flash@{name}"] < metrics[f"flash@{name}"]


def test_estimates_do_not_depend_on_what_was_measured_before(digits: Splits) -> None:
    target = usable("cortex-m4").model_copy(update={"description": "another one, of which nothing is kept"})
    space, phenotypes = networks(digits, "layer-affine", 3)
    names = [f"flash_estimate@{target.name}"]
    there, back = (
        [measure_on_targets(space, digits, p, names, [target.model_copy(update={"stack": stack})], Stop())[names[0]]
         for p in order]
        for stack, order in ((2048, phenotypes), (2052, phenotypes[::-1]))
    )
    assert there == back[::-1]


def test_a_program_whose_reference_does_not_compile_is_linked_itself() -> None:
    target = usable("host")
    plain = "static const float table[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};\n"
    body = "    outputs[0] = table[(unsigned)x[0] % 9];\n    outputs[1] = x[1];"
    files = program(body, plain)
    broken = program(body, plain + "#define SIZE 9\ntypedef char check[SIZE == 9 ? 1 : -1];\n")
    assert code_bytes(target, broken, EXPORT) == measured(target, broken).flash - 36
    assert abs(code_bytes(target, files, EXPORT) - code_bytes(target, broken, EXPORT)) <= 32


def test_headers_that_differ_in_names_alone_are_one_reference_and_other_lines_count() -> None:
    header = ("/* net.h: 10 bytes\n * of constants */\n#ifndef N_H\n#define N_H\n\n#define N_INPUTS {n}\n"
              "/* In order. */\n#define N_INPUT_NAMES {{{names}}}\n#define N_CLASS_NAMES {{{names}}}\n"
              "#define N_SCALES {{0.5f}}\n\ntypedef {type} n_input;\n#endif\n")
    source = "static const float scales[] = N_SCALES;\n"
    first, named, typed, wide = (
        _plain(header.format(n=n, names=names, type=type_), source)
        for n, names, type_ in ((9, '"a"', "float"), (9, '"b", "/* c"', "float"), (9, '"a"', "uint8_t"),
                                (8, '"a"', "float"))
    )
    assert first == named
    assert len({first, typed, wide}) == 3
    assert b"typedef float n_input;" in first
    assert b"N_SCALES {0.5f}" in first, "the source uses it"
    assert b"bytes" not in first
    assert b"NAMES" not in first


def test_energy_is_the_users_figure_for_a_cycle_times_cycles(digits: Splits) -> None:
    target = usable("cortex-m4").model_copy(
        update={"name": "mine", "nanojoules_per_cycle": 0.5, "cycles_per_instruction": 1.5}
    )
    space, (phenotype,) = networks(digits, "none", 1)
    names = ["energy@mine", "instructions@mine"]
    found = measure_on_targets(space, digits, phenotype, names, [target], Stop())
    assert found["energy@mine"] == pytest.approx(0.75 * found["instructions@mine"])
    assert "energy@cortex-m4" not in target_names(space, [TARGETS["cortex-m4"]]), "nothing is known of its energy"


def test_a_network_that_gives_something_else_on_a_target_has_failed(
    digits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, (phenotype,) = networks(digits, "none", 1)

    def wrong(target: Target, files: Mapping[str, bytes], *arguments: object) -> Figures:
        return Figures(1, 1, 1.0, np.full((on_targets.N_SAMPLES, 10), np.nan, np.float32))

    monkeypatch.setattr(on_targets, "measure_on", wrong)
    evaluator = DeploymentEvaluator(space, digits, ("flash@host",), targets=(TARGETS["host"],))
    with pytest.raises(RuntimeError, match=r"on host the network differs from torch by nan of its largest output"):
        evaluator.measure(phenotype, Stop())


def test_the_code_is_clean_under_sanitizers(digits: Splits) -> None:
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    target = usable("host").model_copy(update={"flags": flags})
    space, phenotypes = networks(digits, "layer-affine", 2)
    for phenotype in phenotypes:
        names = ["flash@host", "int8_flash@host"]
        assert measure_on_targets(space, digits, phenotype, names, [target], Stop()).keys() == set(names)


def test_the_deadline_of_a_trial_is_that_of_a_run(digits: Splits) -> None:
    target = usable("host").model_copy(update={"run": ("sh", "-c", "sleep 60", "{image}")})
    space, (phenotype,) = networks(digits, "none", 1)
    with pytest.raises(RuntimeError, match="the run on host took longer than"):
        measure_on_targets(space, digits, phenotype, ["ram@host"], [target], Stop().within(2))


def test_what_the_end_of_a_trial_cuts_short_has_not_failed_on_the_target(digits: Splits) -> None:
    target = usable("host").model_copy(update={"run": ("sh", "-c", "sleep 60", "{image}")})
    space, (phenotype,) = networks(digits, "none", 1)
    evaluator = DeploymentEvaluator(space, digits, ("ram@host",), targets=(target,))
    with pytest.raises(TrialTimeout):
        evaluator.measure(phenotype, Stop().within(2))


def test_names_carry_precision_kind_and_target() -> None:
    space = create(Task("classification", (4,), 3), {})
    names = deployment_names(space, Task("classification", (4,), 3), tuple(TARGETS.values()))
    assert {"flash@cortex-m4", "int8_flash@cortex-m4", "flash_estimate@host", "int8_instructions@rv32imc"} <= set(names)
    assert "instructions@host" not in names
    for name in names:
        if "@" in name:
            metric = target_metric(name)
            assert metric is not None
            assert metric.name == name
            assert metric.kind in ON_TARGET
    for other in ("flash", "flash@", "@cortex-m4", "flsh@cortex-m4", "int8_@cortex-m4", "a-b_flash@cortex-m4"):
        assert target_metric(other) is None, other
    precision: Precision = "int8"
    assert target_metric("int8_flash_estimate@my-board") == ("flash_estimate", precision, "my-board")


def test_spaces_without_c_have_no_metrics_on_targets() -> None:
    from evonas.testing.toy import ToySpace

    assert target_names(ToySpace(), TARGETS.values()) == ()
