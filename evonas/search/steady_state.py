"""Generations without a barrier: what is still under way when the next is bred counts later."""

from __future__ import annotations

from collections.abc import Sequence

from evonas.individual import Evaluation, Member, Trial
from evonas.search.base import History
from evonas.search.generational import Generational
from evonas.space import G
from evonas.types import Json


class SteadyState(Generational[G]):
    """Searchers whose generations can be learned in parts, see :class:`evonas.search.base.TellsSome`.

    Subclasses breed from what they have learned so far, however many trials that were.
    """

    @property
    def under_way(self) -> Sequence[Trial[G]]:
        """Trials that were asked for before the last :meth:`tell_some`, and not told by then."""
        return list(self._waiting.values())

    def tell_some(self, evaluations: Sequence[Evaluation[G]]) -> None:
        """Learn from some of the trials that were asked for; the others are told later.

        Raises:
            ValueError: One is none of the trials that were asked for and not told.
        """
        waiting = {**self._waiting, **{trial.key: trial for trial in self._asked}}
        try:
            members = [Member(waiting.pop(e.key).individual, e) for e in evaluations]
        except KeyError as error:
            raise ValueError(f"tell_some() needs evaluations of trials that were asked for and not told, got one of "
                             f"{error}") from None
        self._waiting = waiting
        self._end(members)

    def state(self) -> Json:
        """The common state, and the trials under way, if there are any."""
        waiting = list(self._waiting)
        return {**super().state(), **({"under_way": waiting} if waiting else {})}

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        trials = [Trial(history.individual(id), budget) for id, budget in state.get("under_way", [])]
        self._waiting = {trial.key: trial for trial in trials}
