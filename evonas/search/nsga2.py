"""NSGA-II (Deb 2002, https://doi.org/10.1109/4235.996017) with aging survival and parents beside gaps in the front.

Of the published algorithm the defaults keep the ranks and the crowding distance. With ``survival = "elitist"`` and
``parent_selection = "binary-tournament"`` it is Deb's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from evonas.capabilities.variation import HasNeighbours, MutatesTowards
from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.search.base import History, Traits
from evonas.search.credit import WORK, Credit, credit_batch, founders_reference
from evonas.search.exploration import Explorer
from evonas.search.generational import keys, members_of
from evonas.search.parent_selection import (
    PARENT_SELECTIONS,
    Choice,
    Pool,
    TargetCost,
    exponents_of,
    front_gap,
    hopeful,
)
from evonas.search.reproduction import LazyTrials, Proposal, Screening
from evonas.search.steady_state import SteadyState
from evonas.search.survival import SURVIVALS, survivors
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Json, Metrics, suggestion

#: Offspring that are drawn, cheaply, for one that is trained, until one is as near to its target as CLOSE: a share of
#: the front's span of each cost.
DRAWS, CLOSE = 4, 0.01
#: The choice of parents that an :class:`Explorer` makes.
UNEXPLORED = "unexplored"


class NSGA2(SteadyState[G]):
    """A population under mutation, crossover and selection, beside an unbounded archive of non-dominated members.

    With several rungs a member counts with its evaluation at the highest rung that it reached: only the last rung's
    enter the archive, and members on lower ones live only while too few are above.

    Args:
        space: Space of the genotypes.
        objectives: Objectives and constraints.
        population: Survivors of a generation.
        children: Offspring of a generation.
        generations: Number of generations after the founders.
        rungs: Ascending budgets; see :class:`Generational`.
        survival: ``"aging"``, ``"aging-dominated"`` or ``"elitist"``.
        parent_selection: ``"front-gap"``, ``"tournament"``, ``"living-tournament"``, ``"binary-tournament"`` or
            ``"unexplored"``: children are new neighbours, see :mod:`evonas.search.exploration`; in a space that lists
            none it is ``"front-gap"``.
        adaptive_operators: Draw operators by what they gained so far (see :mod:`evonas.search.credit`), else by the
            space's weights.
        crossover_rate: Probability that an offspring has two parents.
        founders: The first trials, of individuals with ids from 0, with whatever budgets: those that do not reach the
            last rung are promoted like children. Empty for random samples.
        rng: The searcher's own generator.
        screening: Choice of the most promising one of several children of a parent, which should cost the same.

    Raises:
        ValueError: A number is out of range, or there is no such ``survival`` or ``parent_selection``.
    """

    traits: ClassVar[Traits] = Traits(rungs="any", on_tables=MappingProxyType({
        "population": 10, "children": 1, "generations": 630, "parent_selection": UNEXPLORED,
    }))

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 40, children: int = 20,
        generations: int = 30, rungs: tuple[int, ...] = (1,), survival: str = "aging-dominated",
        parent_selection: str = "front-gap", adaptive_operators: bool = False, crossover_rate: float = 0.0,
        founders: Sequence[Trial[G]] = (), rng: np.random.Generator, screening: Screening[G] | None = None,
    ) -> None:
        if population < 2:
            raise ValueError(f"population must be at least 2, got {population}")
        if children < 1:
            raise ValueError(f"children must be at least 1, got {children}")
        if not 0 <= crossover_rate <= 1:
            raise ValueError(f"crossover_rate must be a probability, got {crossover_rate}")
        rules: Sequence[tuple[str, str, Collection[str]]] = (
            ("survival", survival, SURVIVALS),
            ("parent_selection", parent_selection, (*PARENT_SELECTIONS, UNEXPLORED)),
        )
        for kind, name, known in rules:
            if name not in known:
                raise ValueError(f"unknown {kind} {name!r}{suggestion(name, known)}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng, screening=screening)
        self._size, self._n_children, self._founders = population, children, founders
        self._explorer: Explorer[G] | None = None
        if parent_selection == UNEXPLORED:
            parent_selection = "front-gap"
            if isinstance(space, HasNeighbours):
                self._explorer = Explorer(space, objectives, self._reproduction, sample=self._sampled, rng=rng)
        self._survival, self._parent = SURVIVALS[survival], PARENT_SELECTIONS[parent_selection]
        self._crossover_rate = crossover_rate
        self._adaptive_operators, self._credit = adaptive_operators, Credit()
        self._towards: MutatesTowards[G] | None = space if isinstance(space, MutatesTowards) else None
        self._reference: list[float] | None = None
        self._population: list[Member[G]] = []
        #: Founders that promise something and have no child yet, the next parent last.
        self._childless: list[Member[G]] = []
        self._archive: list[Member[G]] = []

    def _bear(self) -> Sequence[Trial[G]]:
        if not self._population and self._founders:
            self._reproduction.restore(len(self._founders), [t.individual.genotype.digest for t in self._founders])
            return list(self._founders)
        if not self._population:
            return self._found(self._size)
        if self._explorer is not None:
            return self._trials(self._explored, self._n_children, self._screening)
        if self._generation == 1 and self._parent is front_gap:
            able = self._hopeful()
            self._childless = [able[i] for i in self._rng.permutation(len(able))]
        members = [*{m.evaluation.key: m for m in self._archive + self._population}.values()]
        alive = set(keys(self._population))
        living = np.array([i for i, m in enumerate(members) if m.evaluation.key in alive])
        ranking = self._rank(members)
        logarithmic = np.array([cost.log for cost in self._objectives.items[1:]], bool)
        F, violation = self._losses(members)
        work = np.array([m.evaluation.metrics.get(WORK) or np.nan if m.individual.parents else np.nan for m in members])
        pool = Pool(F, ranking.rank, np.argsort(ranking.order()), living, violation, logarithmic, exponents_of(F, work))
        return LazyTrials(lambda: self._trial(self._next_proposal(members, pool), self._screening), self._n_children)

    def _hopeful(self) -> list[Member[G]]:
        able = [m for m in self._population if m.evaluation.status == "ok"]
        return [m for m, has_hope in zip(able, hopeful(self._losses(able)[0]), strict=True) if has_hope]

    def _explored(self) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        """Cross two members of the front, or propose a new neighbour."""
        assert self._explorer is not None
        if len(self._archive) > 1 and self._rng.random() < self._crossover_rate:
            first, second = (self._archive[i] for i in self._rng.choice(len(self._archive), 2, replace=False))
            return self._space.crossover(first.genotype, second.genotype, self._rng), (first, second)
        return self._explorer.propose(self._archive)

    def _next_proposal(self, members: list[Member[G]], pool: Pool) -> Proposal[G]:
        """Propose a child of a founder that has none yet, while there is one; then of any parent.

        What a founder is worth shows in its children: networks whose weights are shared are no better than small dense
        ones when they are founded, and far better once they are released. But those that are far behind others of
        their cost stay behind.
        """
        if not self._childless:
            choice = None if self._screening is None else self._parent(pool, self._rng)
            return lambda: self._propose(members, pool, choice)
        founder = self._childless.pop()
        return lambda: (self._space.mutate(founder.genotype, self._rng), (founder,))

    def _propose(
        self, members: list[Member[G]], pool: Pool, choice: Choice | None
    ) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        choice = choice or self._parent(pool, self._rng)
        first = members[choice.parent]
        if self._rng.random() < self._crossover_rate:
            second = members[self._parent(pool, self._rng).parent]
            if second.genotype != first.genotype:
                return self._space.crossover(first.genotype, second.genotype, self._rng), (first, second)
        operator = None
        if self._adaptive_operators:
            shares = self._credit.shares(self._space.operators)
            operator = str(self._rng.choice(list(shares), p=list(shares.values())))
        child = self.closest_to_target(
            lambda name: self._mutate(first.genotype, choice.target, name), choice.target, operator
        )
        return child, (first,)

    def _mutate(self, parent: G, target: TargetCost | None, operator: str | None) -> Offspring[G]:
        if target is None or self._towards is None:
            return self._space.mutate(parent, self._rng, operator)
        wanted = zip(self._objectives.items[1:], target.costs, strict=True)
        costs = {objective.metric: objective.value(loss) for objective, loss in wanted}
        return self._towards.mutate_towards(parent, costs, self._rng, operator)

    def closest_to_target(
        self, propose: Callable[[str | None], Offspring[G]], target: TargetCost | None, operator: str | None = None
    ) -> Offspring[G]:
        """The offspring of a few with costs nearest to a target; the first if structure alone does not determine costs.

        It is also the first if its operator has chosen its cost. All are drawn from the operator that made the first,
        so that no operator is preferred for meeting costs exactly.

        Args:
            propose: Draws an offspring by the named operator; None draws the operator, too.
            target: Intended costs; None accepts the first offspring.
            operator: Operator of the first offspring; None draws it.
        """
        child = propose(operator)
        wanted = self._objectives.items[1:]
        if target is None or not wanted:
            return child
        if self._towards is not None and self._towards.aims(child.operator, [o.metric for o in wanted]):
            return child
        costs = self._space.cost(child.genotype)
        if any(o.metric not in costs for o in wanted):
            return child

        def distance(costs: Metrics) -> float:
            return float(sum(
                ((o.loss(costs) - cost) / scale) ** 2
                for o, cost, scale in zip(wanted, target.costs, target.scale, strict=True)
            ))

        nearest, best = distance(costs), child
        for _ in range(DRAWS - 1):
            if nearest <= CLOSE**2:
                break
            other = propose(child.operator)
            if (its := distance(self._space.cost(other.genotype))) < nearest:
                nearest, best = its, other
        return best

    def _learn(self, members: list[Member[G]]) -> None:
        if self._adaptive_operators:
            self._pay(members)
        self._survive(members)
        late = {m.individual.id for m in members if not m.individual.generation} if self._generation else set()
        if late and self._parent is front_gap:  # founders that were under way when the first children were bred
            self._childless += [m for m in self._hopeful() if m.individual.id in late]
        if confirmed := [m for m in members if self._confirmed(m)]:
            self._archive = self._front(self._archive + confirmed)
        if self._explorer is not None:
            self._explorer.learn(members)

    def _pay(self, members: list[Member[G]]) -> None:
        """Credit the operators that made a batch; the first batch gives the reference point."""
        evaluations = [m.evaluation for m in members]
        if self._reference is None:
            self._reference = founders_reference(evaluations, self._objectives)
            return
        self._credit = credit_batch(
            self._credit, [m.individual.operator for m in members], evaluations, self._objectives,
            front=[m.evaluation for m in self._archive], reference=self._reference,
            final=[self._confirmed(m) for m in members],
        )

    def _survive(self, members: list[Member[G]]) -> None:
        """Select the next population; members on higher rungs survive first.

        A member that failed at a higher rung keeps its evaluation at the rung below.
        """
        told = {m.individual.id: m for m in members if m.evaluation.status == "ok" or not self._rung(m)}
        candidates = [*(m for m in self._population if m.individual.id not in told), *told.values()]
        F, violations = self._losses(candidates)
        chosen = survivors(
            self._survival, self._size, generations=np.array([m.individual.generation for m in candidates]),
            ids=np.array([m.individual.id for m in candidates]),
            failed=np.array([m.evaluation.status == "failed" for m in candidates]),
            rungs=np.array([self._rung(m) for m in candidates]), F=F, violations=violations,
        )
        self._population = [candidates[i] for i in chosen]

    def state(self) -> Json:
        """The common state, the population, the archive, the founders without a child, and the operators' credit."""
        return {
            **super().state(), "population": keys(self._population), "archive": keys(self._archive),
            "childless": keys(self._childless), "credit": asdict(self._credit), "reference": self._reference,
            **({} if self._explorer is None else {"explorer": self._explorer.state()}),
        }

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        self._population, self._archive = (members_of(state[name], history) for name in ("population", "archive"))
        self._childless = members_of(state.get("childless", []), history)  # older runs have none
        self._credit, self._reference = Credit(**state["credit"]), state["reference"]
        if self._explorer is not None:
            self._explorer.restore(state["explorer"], history)
