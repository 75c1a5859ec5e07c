"""Networks trained from scratch, and supernets with the scores that they give the same networks; each done once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evonas.data import load, test_split
from evonas.data.samples import Splits
from evonas.evaluation.base import Job, merge
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.final import FinalTraining, OutputEvaluator
from evonas.evaluation.shared import SharedEvaluator
from evonas.individual import Individual, Trial
from evonas.run.plugins import create_space
from evonas.serialization.files import atomic_write
from evonas.supernet.checkpoint import load_supernet
from evonas.supernet.settings import METHODS
from evonas.supernet.training import SupernetTraining
from evonas.training import Recipe, Stop
from evonas.types import Doubles, UserError
from search_spaces.block.genotype import BlockGenotype
from search_spaces.block.options import Sharing
from search_spaces.block.space import BlockSpace

from .settings import CONTESTANTS, Setting

#: Function that prints progress.
Say = Callable[[str], None]
#: Metrics of networks with shared weights that are kept.
SCORES = ("val_accuracy", "val_loss")


@dataclass(frozen=True)
class Lab:
    """Trainings and supernets of a setting, in a folder; what is there is not computed again.

    Attributes:
        data_root: A folder to search for the data set first.
    """

    setting: Setting
    out: Path
    data_root: Path | None = None

    @cached_property
    def splits(self) -> Splits:
        return load(**self._data)

    def space(self, sharing: Sharing = "separate") -> BlockSpace:
        """Whatever is shared, the genotypes are the same."""
        space = create_space("block", self.splits.task, self.setting.space_options(sharing))
        assert isinstance(space, BlockSpace)
        return space

    def networks(self, n: int) -> list[BlockGenotype]:
        """Different ones, uniformly drawn; any first ones are those of a smaller number."""
        space, rng = self.space(), np.random.default_rng(0)
        found: dict[str, BlockGenotype] = {}
        while len(found) < n:
            genotype = space.sample(rng)
            found.setdefault(genotype.digest, genotype)
        return [*found.values()]

    def accuracies(self, networks: list[BlockGenotype], n_seeds: int, *, n_jobs: int, say: Say) -> Doubles:
        """Test accuracies in % after training from scratch, ``(n_networks, n_seeds)``.

        Args:
            networks: The networks.
            n_seeds: Trainings of each.
            n_jobs: Number of parallel trainings.
            say: Called with a line for each training.

        Raises:
            UserError: A training failed, or the folder has results of another setting.
        """
        known = self._read("trained")
        stop, space = Stop(), self.space()
        jobs = [
            _job(genotype, self.setting.epochs, id, seed, stop)
            for seed in range(n_seeds) for id, genotype in enumerate(networks) if _key(genotype, seed) not in known
        ]
        test = test_split.load_test(**self._data)
        evaluator = merge(
            FinalTraining(space, self.splits, Recipe()), OutputEvaluator(space, test, self.splits.task, "test")
        )
        for n_done, evaluation in enumerate(evaluate_all(evaluator, jobs, stop=stop, n_jobs=n_jobs), 1):
            if evaluation.status == "failed":
                raise UserError(f"a network could not be trained: {evaluation.error}")
            known[_key(networks[evaluation.id], evaluation.replicate)] = 100 * evaluation.metrics["test_accuracy"]
            self._write("trained", known)
            say(f"trained {n_done}/{len(jobs)}: {100 * evaluation.metrics['test_accuracy']:.2f} %, "
                f"{evaluation.seconds:.1f} s")
        return np.array([[known[_key(genotype, seed)] for seed in range(n_seeds)] for genotype in networks])

    def scores(self, name: str, networks: list[BlockGenotype], say: Say) -> dict[str, Any]:
        """Scores of networks with a contestant's shared weights: :data:`SCORES`, ``(n_networks,)``, and ``seconds``
        of CPU that its supernet took in this process.

        Args:
            name: Name of the contestant.
            networks: The networks.
            say: Called with a line for each step.
        """
        contestant = CONTESTANTS[name]
        space, directory = self.space(contestant.sharing), self.out / contestant.method
        known = self._read(contestant.method)
        if "seconds" not in known:
            directory.mkdir(exist_ok=True)
            begin = time.process_time()
            training = SupernetTraining(
                space, self.splits, METHODS[contestant.method](), n_epochs=self.setting.epochs_of(contestant),
                seed=np.random.SeedSequence(0),
            )

            def report(epoch: int, n_epochs: int, metrics: Mapping[str, float]) -> None:
                say(f"{name}: epoch {epoch}/{n_epochs}, loss {metrics['train_loss']:.3f}")

            training.run(directory, Stop(), report)
            known["seconds"] = time.process_time() - begin
            self._write(contestant.method, known)
        evaluator = SharedEvaluator(space, self.splits, load_supernet(directory))
        for genotype in networks:
            if _key(genotype, 0) not in known:
                metrics = evaluator(_job(genotype, 0, 0, 0, Stop())).metrics
                known[_key(genotype, 0)] = {metric: metrics[metric] for metric in SCORES}
        self._write(contestant.method, known)
        found = [known[_key(genotype, 0)] for genotype in networks]
        return {"seconds": known["seconds"]} | {m: np.array([each[m] for each in found]) for m in SCORES}

    @property
    def _data(self) -> dict[str, Any]:
        setting = self.setting
        return {"name": setting.dataset, "n_train": setting.n_train, "validation": setting.n_validation,
                "root": self.data_root}

    @property
    def _identity(self) -> dict[str, Any]:
        return {**asdict(self.setting), "fingerprint": self.splits.fingerprint}

    def _read(self, name: str) -> dict[str, Any]:
        path = self.out / f"{name}.json"
        if not path.exists():
            return {}
        document = json.loads(path.read_bytes())
        for key, value in self._identity.items():
            if document["setting"].get(key) != value:
                raise UserError(
                    f"{path} was made with {key} = {document['setting'].get(key)}, expected {value}: choose another "
                    "--out, or delete it"
                )
        results: dict[str, Any] = document["results"]
        return results

    def _write(self, name: str, results: Mapping[str, Any]) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        document = {"setting": self._identity, "results": results}
        atomic_write(self.out / f"{name}.json", json.dumps(document, indent=1).encode())


def _job(genotype: BlockGenotype, budget: int, id: int, seed: int, stop: Stop) -> Job[BlockGenotype]:
    """Training whose stream follows from the network and the seed, not from what else is missing.

    Args:
        genotype: The network.
        budget: Epochs.
        id: Its number among the networks.
        seed: Number of the training.
        stop: Request to stop.
    """
    stream = np.random.SeedSequence(seed, spawn_key=(int(genotype.digest[:8], 16),))
    return Job(Trial(Individual(id, genotype, 0, "random"), budget, replicate=seed), stream, None, stop)


def _key(genotype: BlockGenotype, seed: int) -> str:
    return f"{' '.join(genotype.blocks)} seed {seed}"
