"""Images as training sees them."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.training import Recipe
from evonas.training.augmentation import Augmentation

SHAPE = (2, 3, 4)
IMAGE = np.arange(24).reshape(SHAPE)


def shown(recipe: Recipe) -> set[bytes]:
    sources = Augmentation(SHAPE, recipe).sources
    assert sources is not None
    return {IMAGE.reshape(-1)[view].tobytes() for view in sources}


def test_images_are_moved_by_up_to_the_shift_and_repeat_their_border() -> None:
    padded = np.pad(IMAGE, ((0, 0), (1, 1), (1, 1)), mode="edge")
    expected = {padded[:, i : i + 3, j : j + 4].tobytes() for i in range(3) for j in range(3)}
    assert shown(Recipe(shift=1)) == expected


def test_images_are_mirrored_left_to_right() -> None:
    assert shown(Recipe(flip=True)) == {IMAGE.tobytes(), np.ascontiguousarray(IMAGE[:, :, ::-1]).tobytes()}


def test_a_flip_doubles_the_views_of_a_shift() -> None:
    assert len(shown(Recipe(shift=1, flip=True))) == 18
    assert Augmentation(SHAPE, Recipe()).sources is None
    assert Augmentation((13,), Recipe()).of_steps(2, seed=0, epoch=0) == [None, None]


def test_every_view_is_drawn_and_an_epoch_draws_others_than_the_one_before() -> None:
    views = Augmentation(SHAPE, Recipe(shift=1, flip=True))
    first, second = (views.drawn(500, seed=3, epoch=epoch) for epoch in (0, 1))
    assert first is not None
    assert set(first) == set(range(18))
    assert (first != second).mean() > 0.8
    np.testing.assert_array_equal(first, views.drawn(500, seed=3, epoch=0))
    assert views.sources is not None
    np.testing.assert_array_equal(np.array(views.of_steps(500, seed=3, epoch=0)), views.sources[first])


@pytest.mark.parametrize(
    ("shape", "recipe", "message"),
    [
        ((13,), Recipe(shift=1), r"need images \(channels, rows, columns\), got samples of shape \(13,\): leave"),
        ((2, 13), Recipe(flip=True), "need images"),
        (SHAPE, Recipe(shift=3), "shift must be less than the 3 x 4 pixels of an image, got 3"),
    ],
)
def test_what_cannot_be_moved_or_mirrored_is_refused(shape: tuple[int, ...], recipe: Recipe, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(shape, recipe)
