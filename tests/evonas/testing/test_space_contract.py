"""The contract of search spaces: the toy space passes, and every law finds a space that breaks it, and says how."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import pytest
from torch import nn

from evonas.capabilities.training import Training
from evonas.data.samples import Splits
from evonas.space import Encoded, InvalidGenotype, Offspring
from evonas.testing import SpaceContract
from evonas.testing.toy import TASK, Digits, ToySpace
from evonas.types import Weights
from tests.evonas.testing.capable_space import CapableSpace, Supernet
from tests.evonas.testing.faults import found_by, laws_of

Space = CapableSpace
NUMBERS = count()


class TestToySpace(SpaceContract):
    task = TASK
    space = ToySpace()


class TestCapableSpace(SpaceContract):
    task = TASK
    space = CapableSpace()


class Fault(NamedTuple):
    """A law, what a space must have in order to break it, and what the contract then says; arguments of the law."""

    law: str
    methods: dict[str, Any]
    message: str
    arguments: dict[str, Any] = {}  # noqa: RUF012  (never changed)


class SameDigest(Digits):
    """Has the digest of every other genotype."""

    @property
    def digest(self) -> str:
        return "0"


class NewDigest(Digits):
    """Has another digest each time."""

    @property
    def digest(self) -> str:
        return str(next(NUMBERS))


class Forgetful(CapableSpace):
    """Draws otherwise after it was pickled."""

    def __init__(self) -> None:
        self.shift = 1

    def __getstate__(self) -> dict[str, Any]:
        return {"shift": 0}

    def sample(self, rng: np.random.Generator) -> Digits:
        return Digits(tuple((value + self.shift) % 16 for value in super().sample(rng).values))


def unseeded(name: str) -> Callable[..., Any]:
    """The method with a generator of its own in the place of the one that it is given."""

    def method(self: CapableSpace, *arguments: Any) -> Any:
        given = [
            np.random.default_rng(next(NUMBERS)) if isinstance(argument, np.random.Generator) else argument
            for argument in arguments
        ]
        return getattr(CapableSpace, name)(self, *given)

    return method


def of_kind(kind: type[Digits]) -> dict[str, Any]:
    """Methods that give genotypes of a kind."""

    def mutate(self: CapableSpace, parent: Digits, rng: Any, operator: str | None = None) -> Offspring[Digits]:
        child = Space.mutate(self, parent, rng, operator)
        return child._replace(genotype=kind(child.genotype.values))

    return {"sample": lambda self, rng: kind(Space.sample(self, rng).values), "mutate": mutate}


def overwriting(self: CapableSpace, parent: Digits, rng: Any, operator: str | None = None) -> Offspring[Digits]:
    child = Space.mutate(self, parent, rng, operator)
    object.__setattr__(parent, "values", child.genotype.values)
    return child


def overwriting_second(self: CapableSpace, first: Digits, second: Digits, rng: Any) -> Offspring[Digits]:
    child = Space.crossover(self, first, second, rng)
    object.__setattr__(second, "values", first.values)
    return child


def any_operator(self: CapableSpace, parent: Digits, rng: Any, operator: str | None = None) -> Offspring[Digits]:
    return Space.mutate(self, parent, rng, operator if operator in self.operators else None)


def one_operator(self: CapableSpace, parent: Digits, rng: Any, operator: str | None = None) -> Offspring[Digits]:
    return Space.mutate(self, parent, rng, "change_digit")


def in_place(self: CapableSpace, child: Digits, parent: Digits, weights: Weights, rng: Any) -> Weights:
    for value in weights.values():
        value += np.float32(1)
    return {name: value * 0 for name, value in weights.items()}


def unread(text: str) -> Callable[..., Digits]:
    """A method ``decode`` that refuses everything with a text."""

    def decode(self: CapableSpace, data: Encoded) -> Digits:
        raise InvalidGenotype(text)

    return decode


def outside(self: CapableSpace, genotype: Digits, weights: Weights | None = None) -> Any:
    drawn = Space.diagram(self, genotype, weights)
    return replace(drawn, positions=drawn.positions + np.float32(0.5))


def weightless(self: CapableSpace, genotype: Digits, weights: Weights | None = None) -> nn.Module:
    return Space.compile(self, genotype)


def training_weights(self: CapableSpace, genotype: Digits, weights: Weights, *arguments: Any, **options: Any) -> Any:
    found = Space.train(self, genotype, weights, *arguments, **options)
    weights["bias"][:] = 7
    return found


def training_anew(self: CapableSpace, *arguments: Any, **options: Any) -> Any:
    return Space.train(self, *arguments, **{**options, "seed": np.random.SeedSequence(next(NUMBERS))})


def training_on(self: CapableSpace, *arguments: Any, stop: Any, **options: Any) -> Any:
    return Space.train(self, *arguments, **options, stop=type(stop)())


def trained_alike(
    self: CapableSpace, trainings: Sequence[Training[Digits]], splits: Splits, teacher: Any = None
) -> Any:
    """Train all networks with the seed of the first."""
    first = trainings[0].seed
    yield [
        (index, Space.train(self, one.genotype, one.weights, splits, one.recipe, epochs=one.epochs, seed=first,
                            stop=one.stop))
        for index, one in enumerate(trainings)
    ]


def costs(**changed: float) -> Callable[..., Any]:
    return lambda self, genotype: {"params": 1.0, "flops": 1.0, **changed}


def same_parent(self: CapableSpace, parent: Digits, *arguments: Any) -> Offspring[Digits]:
    return Offspring(parent, "change_digit")


ZEROS = Digits((0,) * 8)
BIAS = np.zeros(2, np.float32)
FOUNDERS = "test_founders_are_valid_and_follow_from_the_seed"
MUTANTS = "test_mutants_are_valid_new_and_follow_from_the_seed"
OPERATORS = "test_an_operator_that_is_asked_for_is_used_where_it_applies"
CROSSOVER = "test_crossover_is_valid_and_follows_from_the_seed"
ARGUMENTS = "test_operators_do_not_change_their_arguments"
DIGESTS = "test_digests_are_equal_only_for_equal_genotypes"
ODD = "test_odd_data_is_refused_in_one_sentence"
COSTS = "test_costs_are_finite_and_not_negative"
INHERITED = "test_inherited_weights_fit_the_child_and_leave_the_parents_alone"
NEIGHBOURS = "test_neighbours_are_valid_others_and_each_is_listed_once"
AIMED = "test_mutants_with_intended_costs_are_valid_new_and_follow_from_the_seed"
FEATURES = "test_features_are_finite_and_as_many_for_every_genotype"
CHOICES = "test_a_genotype_has_rows_of_choices_and_is_what_they_choose"
TRAINING = "test_training_is_a_function_of_its_arguments_and_predicts_what_the_phenotype_does"
FAULTS = [
    Fault(FOUNDERS, {"sample": unseeded("sample")}, "sample gives another genotype for the same generator"),
    Fault(FOUNDERS, {"sample": lambda self, rng: ZEROS}, "sample gives one genotype for every generator"),
    Fault(FOUNDERS, {"sample": lambda self, rng: Digits((99,) * 8)}, "expected 8 digits below 16"),
    Fault(MUTANTS, {"mutate": same_parent}, "mutate gives the parent itself"),
    Fault(MUTANTS, {"mutate": unseeded("mutate")}, "mutate gives another child for the same generator"),
    Fault(OPERATORS, {"operators": {"change_digit": 3.0, "shift_digit": 0.0}}, "weights of operators must be positive"),
    Fault(OPERATORS, {"mutate": one_operator}, r"asked for 'shift_digit' and used \['change_digit'\]"),
    Fault(OPERATORS, {"mutate": any_operator}, "DID NOT RAISE"),
    Fault(OPERATORS, {"mutate": unseeded("mutate")}, "'change_digit' gives another child for the same generator"),
    Fault(CROSSOVER, {"crossover": unseeded("crossover")}, "crossover gives another child for the same generator"),
    Fault(CROSSOVER, {"crossover": lambda self, *_: Offspring(ZEROS, "")}, "crossover names no operator"),
    Fault("test_crossover_of_relatives_is_valid",
          {"crossover": lambda self, *_: Offspring(Digits((1,)), "uniform")}, r"expected 8 digits .*got \(1,\)"),
    Fault(ARGUMENTS, {"mutate": overwriting}, "mutate changes its argument"),
    Fault(ARGUMENTS, {"crossover": overwriting_second}, "crossover changes an argument"),
    Fault("test_what_is_stored_is_what_is_read",
          {"decode": lambda self, data: Digits(Space.decode(self, data).values[::-1])},
          "decode does not invert encode"),
    Fault(DIGESTS, of_kind(SameDigest), "digests must be equal for equal genotypes"),
    Fault(DIGESTS, of_kind(NewDigest), "digests must be equal for equal genotypes"),
    Fault("test_data_without_its_arrays_is_refused", {"decode": lambda self, data: ZEROS}, "DID NOT RAISE"),
    Fault(ODD, {"decode": lambda self, data: Digits(tuple(map(int, data.arrays["values"])))},
          r"decode raised \w+Error .* must raise InvalidGenotype"),
    Fault(ODD, {"decode": unread("two\nlines")}, "must say in one sentence"),
    Fault(ODD, {"decode": unread("")}, "InvalidGenotype says nothing"),
    Fault(COSTS, {"cost": costs(flops=float("inf"))}, "the cost flops is not finite"),
    Fault(COSTS, {"cost": costs(depth=-1.0)}, "the cost depth is negative"),
    Fault(COSTS, {"cost": lambda self, genotype: {"flops": 1.0}}, "cost must have params and flops"),
    Fault("test_phenotypes_run_on_a_batch", {"compile": lambda self, genotype, weights=None: nn.Identity()},
          "outputs of a phenotype are not those of the task"),
    Fault("test_a_phenotype_loads_the_weights_it_is_given", {"compile": weightless},
          "compile does not load the weights weight"),
    Fault("test_weights_that_do_not_fit_are_refused", {"compile": weightless}, "DID NOT RAISE"),
    Fault(INHERITED, {"inherit": in_place}, "inherit changes the parent's weight"),
    Fault(INHERITED, {"inherit": unseeded("inherit")}, "inherit gives other weight for the same generator"),
    Fault(INHERITED, {"inherit": lambda self, *_: {}}, "weights do not fit"),
    Fault("test_founders_are_valid_and_follow_from_their_index", {"founder": unseeded("founder")},
          "founder 0 is another for the same generator"),
    Fault(NEIGHBOURS, {"neighbours": lambda self, genotype: [genotype]}, "listed among its own neighbours"),
    Fault(NEIGHBOURS, {"neighbours": lambda self, genotype: 2 * Space.neighbours(self, genotype)},
          "a neighbour is listed more than once"),
    Fault(FEATURES, {"features": lambda self, genotype: np.full(3, np.nan)}, "features are not finite"),
    Fault(FEATURES, {"features": lambda self, genotype: np.zeros(next(NUMBERS))}, "different numbers of features"),
    Fault(FEATURES, {"features": lambda self, genotype: np.zeros((2, 2))}, "one vector for each genotype"),
    Fault(AIMED, {"mutate_towards": same_parent}, "mutate_towards gives the parent itself"),
    Fault(AIMED, {"mutate_towards": unseeded("mutate_towards")}, "mutate_towards gives another child"),
    Fault("test_a_text_that_is_no_genotype_is_refused_in_one_sentence", {"parse": lambda self, text: ZEROS},
          "DID NOT RAISE", {"text": "no genotype"}),
    Fault("test_a_text_that_is_no_genotype_is_refused_in_one_sentence", {"parse": lambda self, text: int(text)},
          "invalid literal for int", {"text": "no genotype"}),
    Fault("test_tables_that_describe_a_genotype_have_full_rows_of_text",
          {"describe": lambda self, genotype: [("digits", ["place", "value"], [["1"]])]},
          "a row of the table 'digits' has another length than its head"),
    Fault("test_a_drawing_lies_in_its_rectangle", {"diagram": outside}, "right of or below the rectangle"),
    Fault("test_layers_compute_what_the_phenotype_does",
          {"layers": lambda self, genotype, weights: Space.layers(self, genotype, {**weights, "bias": BIAS})},
          "layers compute other outputs"),
    Fault(CHOICES, {"discretize": lambda self, arch, rule="argmax": ZEROS}, "discretize does not give back"),
    Fault(CHOICES, {"arch_of": lambda self, genotype: 2 * Space.arch_of(self, genotype)}, "one-hot, or zeros"),
    Fault("test_choices_that_do_not_fit_are_refused", {"discretize": lambda self, arch, rule: ZEROS}, "DID NOT RAISE",
          {"extra": 0, "value": np.nan, "rule": "argmax"}),
    Fault("test_a_network_cut_out_of_the_supernet_computes_what_its_path_does",
          {"extract": lambda self, supernet, genotype: Space.extract(self, Supernet(1), genotype)},
          "other outputs than the network cut out of it"),
    Fault(TRAINING, {"train": training_anew}, "train gives other weight"),
    Fault(TRAINING, {"train": training_weights}, "train changes the weights bias"),
    Fault(TRAINING, {"predict": lambda self, *arguments: Space.predict(self, *arguments) + 1},
          "predict gives other outputs"),
    Fault("test_networks_that_are_trained_together_are_those_that_are_trained_alone",
          {"trains_many": True, "train_many": trained_alike, "predict_many": None},
          "train_many gives other weight than train"),
    Fault("test_training_that_is_asked_to_stop_ends", {"train": training_on}, "DID NOT RAISE"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.law}-{fault.message}")
def test_a_space_that_breaks_a_law_is_found_and_told_how(fault: Fault) -> None:
    space = type("Broken", (CapableSpace,), fault.methods)()
    said = found_by(TestCapableSpace(), fault.law, space, **fault.arguments)
    assert re.search(fault.message, said, re.DOTALL), said


def test_a_space_that_is_another_after_pickling_is_found() -> None:
    said = found_by(TestCapableSpace(), "test_a_space_sent_to_another_process_is_the_same", Forgetful())
    assert "pickled copy of the space samples otherwise" in said


def test_every_law_is_broken_by_some_space() -> None:
    tried = {fault.law for fault in FAULTS} | {"test_a_space_sent_to_another_process_is_the_same"}
    assert tried == laws_of(SpaceContract)


def test_a_space_that_lacks_a_capability_is_excused_from_its_laws() -> None:
    with pytest.raises(pytest.skip.Exception, match="does not inherit weights"):
        TestToySpace().test_inherited_weights_fit_the_child_and_leave_the_parents_alone(ToySpace())
