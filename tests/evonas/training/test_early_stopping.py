"""Early stopping."""

from __future__ import annotations

from math import nan

import pytest

from evonas.training.early_stopping import EarlyStopping


@pytest.mark.parametrize(
    ("epochs", "losses", "ends_after", "best"),
    [
        (2, [3.0, 2.0, 2.5, 2.0], 4, 2),  # as low is not lower
        (2, [3.0, 2.0, 2.5, 1.0, 2.0, 2.0], 6, 4),
        (1, [1.0, nan], 2, 1),
        (0, [1.0, 0.5, 0.7], 3, 2),
        (2, [nan, nan], 2, None),
        (None, [1.0, 2.0, 3.0], None, None),
        (1, [None, None], None, None),
    ],
)
def test_training_ends_after_so_many_epochs_without_a_lower_loss(
    epochs: int | None, losses: list[float | None], ends_after: int | None, best: int | None
) -> None:
    stopping: EarlyStopping[int] = EarlyStopping(epochs)
    ends = [stopping.ends(loss, lambda epoch=epoch: epoch) for epoch, loss in enumerate(losses, start=1)]
    assert ends == [epoch == ends_after for epoch in range(1, len(losses) + 1)]
    assert stopping.best == best


def test_epochs_before_the_first_that_is_judged_neither_count_nor_are_kept() -> None:
    stopping: EarlyStopping[int] = EarlyStopping(2, first=3)
    ends = [stopping.ends(loss, lambda epoch=epoch: epoch) for epoch, loss in enumerate([1.0, 2, 3, 9, 8, 8, 8])]
    assert ends == [False] * 6 + [True]
    assert stopping.best == 4
