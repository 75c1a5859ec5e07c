"""Distillation (Hinton 2015, https://arxiv.org/abs/1503.02531): the outputs of other networks become targets.

A teacher is the best members of another run, whose outputs are averaged, or one of its individuals. Its outputs for the
training samples are computed once, before the run begins, and kept with the run. Or it is the best members of the run
itself so far: :class:`OwnTeacher`. Training takes the outputs as an argument, see
:func:`evonas.evaluation.base.taught`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

import numpy as np

from evonas.config import check_config
from evonas.data.samples import Samples
from evonas.evaluation.training import predict
from evonas.front import comparable
from evonas.individual import Member
from evonas.run.open import check_samples
from evonas.run.plugins import create_space
from evonas.space import G, SearchSpace
from evonas.store import Record, RunStore, SeedSource, deduplicate, read_info, spent
from evonas.types import Doubles, Floats, Task, UserError, Weights


@dataclass(frozen=True, eq=False)
class Teacher:
    """Networks of another run, and their outputs.

    Attributes:
        run: Absolute path.
        ids: Individuals there, the best one first.
        outputs: Means over them, of class probabilities or of standardised targets, float32 ``(n, n_outputs)``.
        sources: The run and those that it was made from, with their cost.
    """

    run: str
    ids: tuple[int, ...]
    outputs: Floats
    sources: list[SeedSource]

    def write(self, directory: Path, space: SearchSpace[Any]) -> None:
        """Keep the outputs with a run that has trained nothing yet."""
        with RunStore(directory, space, writing=True) as store:
            store.add_teacher(self.run, self.ids, self.outputs)


def read_teacher(
    name: str, n_members: int, *, samples: Samples, task: Task, split_seed: int, fingerprint: str
) -> Teacher:
    """The teacher ``name`` of a run with this task and this split into training and validation samples.

    The split must be the teacher's own: else it may have learnt from samples by which this run is validated.

    Args:
        name: ``RUN``, of which the best ``n_members`` by validation error are averaged, or ``RUN:ID``.
        n_members: Members whose outputs are averaged.
        samples: The samples, none of them of the test set.
        task: Their task.
        split_seed, fingerprint: The split into training and validation samples, and the digest of the data set.

    Raises:
        UserError: There is no such run or individual, it has no evaluation that succeeded, or it does not fit.
    """
    run, id = _parse(name)
    info = read_info(run)
    theirs = check_config(info.config, source=str(run))
    check_samples(f"the teacher {run}", info, theirs, task, split_seed, fingerprint)
    # Trainers keep a layout of their own for as long as inputs live: of this view for the moment only.
    samples = replace(samples, x=samples.x.view())
    space = create_space(theirs.space, task, theirs.space_options)
    with RunStore(run, space) as store:
        records = store.records()
        members = _best(store, records, task, n_members) if id is None else [store.member(id)]
        cost = spent(records, max((r.elapsed for r in records), default=0.0), ())
        outputs = _mean(_outputs(store, space, members, samples, task))
    path = str(run.resolve())
    ancestors = (source._replace(ids=()) for source in info.seeds)
    return Teacher(
        path, tuple(member.individual.id for member in members), outputs,
        deduplicate([SeedSource(path, (), cost), *ancestors]),
    )


def _parse(name: str) -> tuple[Path, int | None]:
    """``RUN`` or ``RUN:ID``; a path may have a colon in it."""
    run, colon, id = name.rpartition(":")
    if colon and id.isdecimal() and not Path(name).exists():
        return Path(run), int(id)
    return Path(name), None


@dataclass(frozen=True, eq=False)
class OwnTeacher(Generic[G]):
    """The best members of a run so far, as the teacher of later generations (Furlanello 2018,
    https://arxiv.org/abs/1805.04770).

    They are chosen again at the generations 1, 2, 4, 8 ...: what a trial learns depends on its generation alone, and
    nothing has to be kept that is not in the run already.

    Attributes:
        store: The run.
        space: The space of its genotypes.
        samples: The training samples.
        task: Their task.
        n_members: Members of lowest validation error whose outputs are averaged.
        n_jobs: Networks whose outputs are computed at a time.
    """

    store: RunStore[G]
    space: SearchSpace[G]
    samples: Samples
    task: Task
    n_members: int
    n_jobs: int = 1
    _known: dict[tuple[int, int], Doubles] = field(default_factory=dict, init=False, repr=False)

    @staticmethod
    def since(generation: int) -> int:
        """The generation at which the teacher of ``generation`` was chosen; 0: founders have none."""
        return 1 << generation.bit_length() >> 1

    def outputs(self, since: int) -> Floats:
        """The mean outputs, as :attr:`Teacher.outputs`, of the best members of generations before ``since``.

        Raises:
            UserError: There is no memory for them.
        """
        earlier = [record for record in self.store.records() if record.generation < since]
        members = _best(self.store, earlier, self.task, self.n_members)
        unknown = [member for member in members if member.evaluation.key not in self._known]
        said = _outputs(self.store, self.space, unknown, self.samples, self.task, n_jobs=self.n_jobs)
        known = {**self._known, **{m.evaluation.key: outputs for m, outputs in zip(unknown, said, strict=True)}}
        self._known.clear()  # members that are not among the best now have been overtaken
        self._known.update({m.evaluation.key: known[m.evaluation.key] for m in members})
        return _mean(self._known.values())


def _best(store: RunStore[G], records: Sequence[Record], task: Task, n_members: int) -> list[Member[G]]:
    quality = f"val_{task.error}"
    known = [r for r in comparable(records) if quality in r.metrics]
    best = sorted(known, key=lambda r: (r.metrics[quality], r.id))
    if not best:
        raise UserError(f"the teacher {store.directory} has an empty front: no evaluation has succeeded that "
                        f"measured {quality}; let it run longer")
    return [Member(store.individual(r.id), store.evaluation(r.id, r.budget)) for r in best[:n_members]]


def _mean(outputs: Iterable[Doubles]) -> Floats:
    mean: Doubles = np.mean(list(outputs), axis=0)
    return mean.astype(np.float32)


def _outputs(
    store: RunStore[G], space: SearchSpace[G], members: Sequence[Member[G]], samples: Samples, task: Task, *,
    n_jobs: int = 1,
) -> list[Doubles]:
    """Class probabilities or standardised targets by each member, ``(n, n_outputs)``.

    Args:
        store: Store of the teacher.
        space: Space of the teacher.
        members: The members of the teacher.
        samples: The samples.
        task: Their task.
        n_jobs: Number of members that are asked at a time.
    """
    weights = [_weights(store, member) for member in members]

    def ask(member: Member[G], weights: Weights) -> Doubles:
        try:
            return _as_targets(predict(space, member.genotype, weights, samples).astype(np.float64), task)
        except (MemoryError, ValueError) as error:
            whose = f"individual {member.individual.id} of the teacher {store.directory}"
            raise UserError(f"the weights of {whose} cannot be used: {error}") from error

    with ThreadPoolExecutor(n_jobs) as pool:
        return list(pool.map(ask, members, weights))


def _weights(store: RunStore[G], member: Member[G]) -> Weights:
    if (weights := store.weights(*member.evaluation.key)) is None:
        id = member.individual.id
        raise UserError(f"individual {id} of the teacher {store.directory} has no trained weights: name another one")
    return weights


def _as_targets(outputs: Doubles, task: Task) -> Doubles:
    if task.kind == "regression":
        return outputs
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    probabilities: Doubles = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
