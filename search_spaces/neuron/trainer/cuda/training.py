"""Loop over the epochs and steps of candidates that are trained together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch

from evonas.data.samples import Splits
from evonas.training import Cancelled, Epoch, Recipe, TrialTimeout
from evonas.types import Floats, Ints
from search_spaces.neuron.trainer.base import Assignment, TrainedNetwork
from search_spaces.neuron.trainer.counter_rng import growth_scores
from search_spaces.neuron.trainer.cuda.candidate import Candidate
from search_spaces.neuron.trainer.cuda.launch import Launch
from search_spaces.neuron.trainer.cuda.passes import passed, population_of, predicted
from search_spaces.neuron.trainer.cuda.population import Population, lanes_for
from search_spaces.neuron.trainer.cuda.problem import Problem
from search_spaces.neuron.trainer.cuda.structure import pack
from search_spaces.neuron.trainer.cuda.tables import Tables
from search_spaces.neuron.trainer.sample_order import SCORE_SAMPLES, sample_order
from search_spaces.neuron.trainer.torch_backend.batches import mean_loss
from search_spaces.neuron.trainer.torch_backend.batches import problem as host_problem
from search_spaces.neuron.trainer.torch_backend.rewiring import score_blocks

#: Steps between two looks at whether training is to stop.
STEPS_AT_ONCE = 16


class PopulationTraining:
    """Training run of candidates of one norm and one batch size, all with or all without dropout and clipping.

    Args:
        assignments: The networks, and how each is trained.
        splits: The samples.
        train, validation: The same on the device, the former with what a teacher says; None: nothing is validated.
    """

    def __init__(
        self, assignments: Sequence[Assignment], splits: Splits, train: Problem, validation: Problem | None
    ) -> None:
        self._splits, self._train, self._validation = splits, train, validation
        self._device = train.x.device
        self._all = [Candidate(assignment, splits) for assignment in assignments]
        self._alive = list(self._all)
        self._batch = min(self._all[0].recipe.batch_size, train.n)
        self._validated = None
        if validation is not None:
            self._validated = host_problem(splits.validation, splits.task, Recipe())

    def run(self) -> list[TrainedNetwork | Exception]:
        """Train all to their ends; results in the order of the assignments."""
        for candidate in self._alive:
            if not candidate.assignment.epochs:
                candidate.end(candidate.network_with(candidate.flat))
        self._alive = [candidate for candidate in self._alive if candidate.result is None]
        if self._alive:
            self._begin([candidate.flat for candidate in self._alive])
        epoch = 0
        while self._alive:
            self._epoch(epoch)
            epoch += 1
            self._leave_behind()
        results = [candidate.result for candidate in self._all]
        assert None not in results
        return [result for result in results if result is not None]

    def _begin(self, flat: Sequence[Floats]) -> None:
        """Build the population and the tables of the candidates that go on."""
        self._tables = Tables.of(self._alive, self._train.n, self._batch, self._device)
        pieces = [candidate.piece for candidate in self._alive]
        self._adopt(population_of(pieces, list(flat), self._alive[0].norm, lanes_for(self._batch), self._device))

    def _adopt(self, population: Population) -> None:
        population.tie([c.groups for c in self._alive], [c.frozen for c in self._alive])
        self._population = population
        self._launch = Launch(partial(self._step, population), self._device)

    def _step(self, population: Population) -> None:
        steps = self._tables.steps
        population.forward(self._train, steps)
        population.backward(self._train, steps)
        population.update(steps)

    def _rebuild(self, candidates: Sequence[Candidate], columns: Sequence[Ints]) -> None:
        """Go on with other structures.

        Args:
            candidates: Those that go on.
            columns: Where the flat parameters of each are now, or the number of all for new ones.
        """
        structure = pack([candidate.piece for candidate in candidates])
        index = np.empty(structure.n_parameters, np.int64)
        for places, own in zip(structure.places, columns, strict=True):
            index[places] = own
        state = torch.nn.functional.pad(self._population.state, (0, 1))
        state = state.index_select(1, torch.from_numpy(index).to(self._device))
        del self._launch, self._population  # so that two populations need no memory at once
        if len(candidates) != len(self._alive):
            self._alive = list(candidates)
            self._tables = Tables.of(self._alive, self._train.n, self._batch, self._device)
        self._adopt(Population(structure, candidates[0].norm, state, lanes_for(self._batch)))

    def _epoch(self, epoch: int) -> None:
        """Train an epoch; candidates that fail or are stopped get their result."""
        n_steps = self._tables.n_steps
        first = epoch * n_steps
        self._tables.fill(epoch)
        last = n_steps * min(candidate.assignment.epochs for candidate in self._alive)
        step = 0
        while step < n_steps:
            if self._all_stopped():
                return
            event = min(candidate.next_event(first + step) for candidate in self._alive) - first
            end = int(min(step + STEPS_AT_ONCE, event + 1, n_steps))
            self._launch(end - step, remaining=int(min(event + 1, last - first)) - step)
            n_samples = min(self._train.n, end * self._batch) - step * self._batch
            for candidate in self._alive:
                candidate.edge_updates += float(n_samples) * candidate.genotype.n_edges
            step = end
            if step == event + 1:
                self._fail_diverged(epoch)
                self._change(first + step - 1, (step - 1) * self._batch)
        self._fail_diverged(epoch)
        self._close(epoch)

    def _all_stopped(self) -> bool:
        for candidate in self._alive:
            if candidate.result is None:
                try:
                    candidate.assignment.stop.check()
                except (Cancelled, TrialTimeout) as error:
                    candidate.result = error
        return all(candidate.result is not None for candidate in self._alive)

    def _fail_diverged(self, epoch: int) -> None:
        """Give candidates whose loss is no number that result."""
        for candidate, loss in zip(self._alive, self._tables.steps.loss.tolist(), strict=True):
            if candidate.result is None and not math.isfinite(loss):
                candidate.result = FloatingPointError(
                    f"the training loss became {loss} in epoch {epoch + 1}; lower the learning rate"
                )

    def _close(self, epoch: int) -> None:
        """Write the history of an epoch; candidates whose training is at its end get their result."""
        losses = (self._tables.steps.loss / self._train.n).tolist()
        validate = self._validation is not None and any(c.recipe.patience is not None for c in self._alive)
        val_losses = self._validate() if validate else [None] * len(self._alive)
        ending = any(candidate.assignment.epochs == epoch + 1 for candidate in self._alive)
        parameters = self._population.own_parameters(self._population.state[0]) if validate or ending else []
        for place, candidate in enumerate(self._alive):
            if candidate.result is not None:
                continue
            val_loss = candidate.stopping.validated(partial(val_losses.__getitem__, place))
            if val_loss is not None and not math.isfinite(val_loss):
                candidate.result = FloatingPointError(
                    f"the validation loss became {val_loss} in epoch {epoch + 1}; lower the learning rate"
                )
                continue
            candidate.history.append(Epoch(losses[place], val_loss, candidate.genotype.n_edges))
            if not parameters:
                continue
            network = partial(candidate.network_with, parameters[place])
            if candidate.stopping.ends(val_loss, network) or candidate.assignment.epochs == epoch + 1:
                candidate.end(network())

    def _validate(self) -> list[float | None]:
        """Mean loss of each candidate on the validation samples."""
        assert self._validation is not None
        assert self._validated is not None
        outputs = predicted(self._population, self._validation).cpu().numpy()
        return [mean_loss(np.ascontiguousarray(own.T), self._validated) for own in outputs]

    def _leave_behind(self) -> None:
        """Go on without the candidates that have their result."""
        left = [place for place, candidate in enumerate(self._alive) if candidate.result is None]
        if not left:
            self._alive = []
        elif len(left) < len(self._alive):
            places = self._population.structure.places
            self._rebuild([self._alive[place] for place in left], [places[place] for place in left])

    def _change(self, step: int, begin: int) -> None:
        """Release, prune and regrow where the schedule says so after a step.

        Args:
            step: The step, over all epochs.
            begin: First sample of the step in the order of the epoch.
        """
        structure = self._population.structure
        changing = {place for place, c in enumerate(self._alive) if c.result is None and c.next_event(step) == step}
        if not changing:
            return
        flat = np.append(self._population.state[0].cpu().numpy(), np.float32(0))
        columns: list[Ints] = []
        for place, candidate in enumerate(self._alive):
            own = np.append(structure.places[place], structure.n_parameters)
            if place in changing:
                own = self._changed(candidate, step, begin, own, flat)
            columns.append(own[:-1])
        self._rebuild(self._alive, columns)

    def _changed(self, candidate: Candidate, step: int, begin: int, own: Ints, flat: Floats) -> Ints:
        """Change the structure of a candidate, and return where its parameters are, and the place of new ones.

        Args:
            candidate: The candidate.
            step: The step, over all epochs.
            begin: First sample of the step in the order of the epoch.
            own: Where its parameters are, and the place of new ones.
            flat: All parameters, and a 0.
        """
        new = own[-1:]
        if candidate.plan.release == step + 1:
            candidate.release()
        if candidate.prunes(step):
            own = np.append(own[candidate.prune(step, flat[own[: candidate.genotype.n_edges]])], new)
        if step in candidate.plan.regrows:
            scores = self._scores(candidate, step, begin, flat[own[:-1]])
            own = np.append(own[candidate.regrow(step, flat[own[: candidate.genotype.n_edges]], scores)], new)
        return own

    def _scores(self, candidate: Candidate, step: int, begin: int, flat: Floats) -> Iterator[Floats]:
        """Yield E[h_u * delta_v] of all pairs, or random scores, by :func:`score_blocks`.

        Args:
            candidate: The candidate.
            step: The step, over all epochs.
            begin: First sample of the step in the order of the epoch.
            flat: Its parameters.
        """
        recipe, genotype, seed = candidate.recipe, candidate.genotype, candidate.assignment.seed
        assert recipe.regrowth is not None
        if recipe.regrowth.grow == "random":
            for rows, n_sources in score_blocks(genotype):
                yield growth_scores(rows, n_sources, seed=seed, step=step)
            return
        epoch = step // self._tables.n_steps
        order = sample_order(self._train.n, recipe.batch_size, seed=seed, epoch=epoch)[begin : begin + SCORE_SAMPLES]
        lanes = lanes_for(len(order))
        population = population_of([candidate.piece], [flat], candidate.norm, lanes, self._device)
        h, delta, _, _ = passed(population, self._train, order, recipe, divisor=len(order))
        for rows, n_sources in score_blocks(genotype):
            own = slice(int(rows[0]) - genotype.n_inputs, int(rows[-1]) + 1 - genotype.n_inputs)
            yield (delta[own] @ h[:n_sources].t()).cpu().numpy()
